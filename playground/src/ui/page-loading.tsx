import { Loader } from '@mantine/core';

export function PageLoading({ label }: { label: string }) {
  return (
    <div style={{ display: 'grid', placeItems: 'center', minHeight: '50vh' }} role="status">
      <Loader size="sm" aria-hidden="true" />
      <span className="visually-hidden">Loading the page {label}</span>
    </div>
  );
}

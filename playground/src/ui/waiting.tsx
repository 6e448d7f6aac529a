import { Loader } from '@mantine/core';

export function Waiting({ what }: { what: string }) {
  return (
    <div style={{ display: 'grid', placeItems: 'center', minHeight: '50vh' }} role="status">
      <Loader size="sm" aria-hidden="true" />
      <span className="visually-hidden">{what} is being loaded</span>
    </div>
  );
}

import { Button } from '@mantine/core';
import { Component, type ReactNode } from 'react';

/**
 * Keeps the header and the other pages if a page cannot be shown, which happens if the server does
 * not respond when the page is opened first. The browser keeps a failed import, so that only a
 * reload tries it again.
 */
export class PageBoundary extends Component<{ shown: boolean; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children;
    if (!this.props.shown) return null;
    return (
      <div role="alert" style={{ display: 'grid', gap: 12, placeItems: 'center', padding: '20vh 16px' }}>
        <p>The server did not send this page. Is it running?</p>
        <Button variant="default" onClick={() => window.location.reload()}>
          Try again
        </Button>
      </div>
    );
  }
}

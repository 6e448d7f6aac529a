import { Modal } from '@mantine/core';
import type { ReactNode } from 'react';
import styles from './dialog.module.css';

/** The text of a dialog that asks something. */
export function DialogText({ children }: { children: ReactNode }) {
  return <p className={styles.text}>{children}</p>;
}

/** The buttons of a dialog. */
export function DialogActions({ children }: { children: ReactNode }) {
  return <div className={styles.actions}>{children}</div>;
}

/**
 * A dialog with a title. It is put together from Mantine's parts, because Mantine's complete
 * `Modal` adds a second `header` element to the page.
 *
 * It fades in and out without moving. Mantine's default slides it down, and a click is lost if the
 * button moves away from the pointer between press and release.
 */
export function Dialog({
  open,
  title,
  onClose,
  children,
}: {
  open: boolean;
  title: string;
  onClose: () => void;
  children: ReactNode;
}) {
  return (
    <Modal.Root opened={open} onClose={onClose} transitionProps={{ transition: 'fade', duration: 200 }} centered>
      <Modal.Overlay />
      <Modal.Content radius="lg">
        <Modal.Body className={styles.body ?? ''}>
          <div className={styles.head}>
            <Modal.Title className={styles.title ?? ''}>{title}</Modal.Title>
            <Modal.CloseButton aria-label="Close" />
          </div>
          {children}
        </Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

import { Modal } from '@mantine/core';
import type { ReactNode } from 'react';
import styles from './dialog.module.css';

/**
 * A dialog with a title. It is put together from Mantine's parts, because Mantine's complete
 * `Modal` adds a second `header` element to the page.
 *
 * It fades in and out in its place. Mantine's default slides it down: a press on a button that is
 * still moving is lost if the pointer is no longer over the button when it is released.
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

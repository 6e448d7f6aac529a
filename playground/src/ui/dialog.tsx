import { Modal } from '@mantine/core';
import { type ReactNode, useLayoutEffect, useRef } from 'react';
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
 *
 * After it is closed, the control that opened it has the focus. If that is disabled or gone, the
 * part of the page around it has.
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
  const restoreFocus = useRestoreFocus(open);
  return (
    <Modal.Root
      opened={open}
      onClose={onClose}
      onExitTransitionEnd={restoreFocus}
      transitionProps={{ transition: 'fade', duration: 200 }}
      centered
    >
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

/**
 * Returns a function that restores the focus if it is still in a dialog or nowhere. Mantine's own
 * function does nothing for a control that is disabled or gone, or for a dialog that was loaded for
 * its first opening.
 */
function useRestoreFocus(open: boolean): () => void {
  const opener = useRef<{ control: HTMLElement; area: HTMLElement | null } | null>(null);
  useLayoutEffect(() => {
    const control = document.activeElement;
    if (open && control instanceof HTMLElement) {
      opener.current = { control, area: control.closest<HTMLElement>('[tabindex="-1"]') };
    }
  }, [open]);
  return () => {
    const { activeElement } = document;
    if (activeElement !== null && activeElement !== document.body && !activeElement.closest('[role="dialog"]')) return;
    const { control, area } = opener.current ?? {};
    control?.focus({ preventScroll: true });
    if (document.activeElement !== control) area?.focus({ preventScroll: true });
  };
}

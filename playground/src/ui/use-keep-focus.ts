import { type RefObject, useEffect } from 'react';

/**
 * Keeps the focus inside `area` when the focused control is disabled for a while or goes away.
 * Browsers would move it to the start of the page. A control that returns gets the focus again. If
 * it is gone, `area` itself gets the focus, so the next Tab reaches the first control in it.
 */
export function useKeepFocus(area: RefObject<HTMLElement | null>) {
  useEffect(() => {
    const root = area.current;
    if (!root) return;
    let last: HTMLElement | null = null;
    const remember = ({ target }: FocusEvent) => (last = target as HTMLElement);
    /** The visitor has moved the focus: by a press elsewhere, or with the keyboard. */
    const forget = ({ target }: Event) => {
      if (!root.contains(target as Node)) last = null;
    };
    const restore = () => {
      if (!last || !(document.activeElement === document.body || document.activeElement === null)) return;
      if (!last.isConnected) {
        root.focus({ preventScroll: true });
      } else if (!last.matches(':disabled')) {
        last.focus({ preventScroll: true });
      }
    };
    const observer = new MutationObserver(restore);
    observer.observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ['disabled'] });
    root.addEventListener('focusin', remember);
    document.addEventListener('focusin', forget);
    document.addEventListener('pointerdown', forget);
    return () => {
      observer.disconnect();
      root.removeEventListener('focusin', remember);
      document.removeEventListener('focusin', forget);
      document.removeEventListener('pointerdown', forget);
    };
  }, [area]);
}

/**
 * The properties of a button that does nothing for now, but can keep the focus. A button that is
 * disabled by the press on it would lose the focus.
 */
export function softDisabled(isDisabled: boolean) {
  return isDisabled ? { 'aria-disabled': true, 'data-disabled': true } : {};
}

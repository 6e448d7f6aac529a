/** The styles of the element. Each custom property has a default that follows the page's color scheme. */
export const STYLE = `
:host {
  color-scheme: inherit;
  --_background: var(--sessiond-alert-background, Canvas);
  --_color: var(--sessiond-alert-color, CanvasText);
  --_accent: var(--sessiond-alert-accent, #1d4ed8);
  --_on-accent: var(--sessiond-alert-on-accent, #fff);
  --_border: var(--sessiond-alert-border, 1px solid color-mix(in srgb, var(--_color) 25%, transparent));
  --_radius: var(--sessiond-alert-radius, 0.75rem);
  font: var(--sessiond-alert-font, 1rem/1.5 system-ui, sans-serif);
}
dialog, .notice {
  box-sizing: border-box;
  background: var(--_background);
  color: var(--_color);
  border: var(--_border);
  border-radius: var(--_radius);
  font: inherit;
}
dialog {
  width: min(28rem, calc(100vw - 2rem));
  max-height: calc(100dvh - 2rem);
  overflow: auto;
  padding: 1.5rem;
}
dialog::backdrop { background: var(--sessiond-alert-backdrop, rgb(0 0 0 / 50%)); }
h2 { margin: 0 0 0.5rem; font-size: 1.25rem; }
h2:focus { outline: none; }
p { margin: 0 0 0.75rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.25rem 1rem; margin: 0 0 0.75rem; }
dt { opacity: 0.8; }
dd { margin: 0; overflow-wrap: anywhere; }
fieldset { margin: 0 0 0.75rem; padding: 0; border: 0; display: flex; gap: 0.75rem; }
legend { padding: 0; margin-bottom: 0.5rem; font-weight: 600; }
label {
  flex: 1;
  display: flex;
  align-items: center;
  justify-content: center;
  gap: 0.5rem;
  min-height: 2.75rem;
  border: var(--_border);
  border-radius: calc(var(--_radius) / 2);
  font-size: 1.25rem;
  font-variant-numeric: tabular-nums;
}
input { accent-color: var(--_accent); }
.actions { display: flex; flex-wrap: wrap; gap: 0.75rem; margin-top: 1rem; }
button {
  flex: 1 1 8rem;
  min-height: 2.75rem;
  padding: 0 1rem;
  border: 2px solid var(--_accent);
  border-radius: calc(var(--_radius) / 2);
  background: transparent;
  color: inherit;
  font: inherit;
  font-weight: 600;
  cursor: pointer;
}
button.deny { background: var(--_accent); color: var(--_on-accent); }
button:disabled { opacity: 0.6; cursor: default; }
button:focus-visible, input:focus-visible { outline: 3px solid currentColor; outline-offset: 2px; }
.error:empty { display: none; }
.notice {
  position: fixed;
  inset: auto 1rem 1rem;
  margin: 0 auto;
  max-width: 28rem;
  padding: 1rem;
  display: flex;
  align-items: center;
  gap: 1rem;
  z-index: var(--sessiond-alert-z-index, 1000);
}
.notice[hidden] { display: none; }
.notice p { margin: 0; flex: 1; }
.notice button { flex: 0 0 auto; }
`;

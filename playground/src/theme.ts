import { createTheme, defaultVariantColorsResolver, type MantineColorsTuple } from '@mantine/core';

const petrol: MantineColorsTuple = [
  '#e9f6f6',
  '#d5ebec',
  '#aad6d9',
  '#7cc1c6',
  '#57afb5',
  '#3f9aa1',
  '#25838b',
  '#146c74',
  '#0b5a62',
  '#04464d',
];

/** Mantine's grays for the dark scheme, tinted with the page's blue. */
const dark: MantineColorsTuple = [
  '#e8eef4',
  '#c9d4df',
  '#a5b4c3',
  '#6f8091',
  '#34424f',
  '#2b3846',
  '#1b2632',
  '#121a24',
  '#0d141d',
  '#0b1017',
];

export const theme = createTheme({
  primaryColor: 'petrol',
  primaryShade: { light: 8, dark: 3 },
  // Filled variants use the page's accent, which has a readable contrast in both color schemes.
  variantColorResolver: (input) =>
    input.variant === 'filled'
      ? { background: 'var(--accent)', hover: 'var(--accent-strong)', color: 'var(--surface)', border: 'none' }
      : defaultVariantColorsResolver(input),
  colors: { petrol, dark },
  fontFamily: "'Inter Variable', system-ui, sans-serif",
  fontFamilyMonospace: "ui-monospace, 'SF Mono', 'Cascadia Mono', 'Liberation Mono', monospace",
  defaultRadius: 'md',
  headings: { fontWeight: '650' },
  cursorType: 'pointer',
});

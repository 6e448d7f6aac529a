/** Stroked paths in a view box of 24 by 24. */
const shapes = {
  moon: 'M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z',
  sun: 'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2v2m0 16v2M4.9 4.9l1.4 1.4m11.4 11.4 1.4 1.4M2 12h2m16 0h2M4.9 19.1l1.4-1.4M17.7 6.3l1.4-1.4',
  key: 'M15.5 4a4.5 4.5 0 1 1-4.2 6.2L4 17.5V20h3v-2h2v-2h2l1.8-2.6A4.5 4.5 0 0 1 15.5 4Zm1 3.5h.01',
  bell: 'M6 16V11a6 6 0 1 1 12 0v5l1.5 2h-15L6 16Zm4 4.5h4',
  shield: 'M12 3l7.5 2.8v5.4c0 4.4-3 8-7.5 9.8-4.5-1.8-7.5-5.4-7.5-9.8V5.8L12 3Zm-3 9 2.2 2.2L15.5 10',
  right: 'M5 12h14m-5-5 5 5-5 5',
  left: 'M19 12H5m5-5-5 5 5 5',
  open: 'M9 5H5v14h14v-4M13 4h7v7m0-7-9 9',
  wifi: 'M3 9.5a13 13 0 0 1 18 0M6 13a8.5 8.5 0 0 1 12 0M9 16.3a4.3 4.3 0 0 1 6 0M12 19.5h.01',
  offline:
    'M4 4l16 16M3 9.5a13 13 0 0 1 4.5-2.9m4-.7a13 13 0 0 1 9.5 3.6M6 13a8.5 8.5 0 0 1 4.3-2.3M9 16.3a4.3 4.3 0 0 1 6 0M12 19.5h.01',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  cross: 'M6 6l12 12M18 6 6 18',
  restart: 'M4.5 12a7.5 7.5 0 1 0 2.3-5.4L4 9m0-5v5h5',
  person: 'M12 12.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7.5 7.5a7.5 7.5 0 0 1 15 0',
  search: 'M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm5 11.5L20 20',
} as const;

export type IconName = keyof typeof shapes;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg
      viewBox="0 0 24 24"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth="1.75"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={shapes[name]} />
    </svg>
  );
}

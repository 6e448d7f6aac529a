const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const hourAndMinute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });

/** `14:05:09`, in the visitor's time zone. */
export function timeOfDay(instant: number | string): string {
  return clock.format(new Date(instant));
}

/** `14:05`. */
export function shortTime(instant: number): string {
  return hourAndMinute.format(new Date(instant));
}

/** `24 Nov 2026`. */
export function day(instant: string): string {
  return date.format(new Date(instant));
}

/** `24 Nov 2026, 14:05:09`. */
export function dayAndTime(instant: string): string {
  return `${day(instant)}, ${timeOfDay(instant)}`;
}

/** `1:05` for the remaining time, rounded up to whole seconds. */
export function remaining(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** `3 ms` or `1.2 s`. */
export function elapsed(milliseconds: number): string {
  return milliseconds < 1_000 ? `${milliseconds} ms` : `${(milliseconds / 1_000).toFixed(1)} s`;
}

/** `2 minutes` or `30 seconds`. */
export function duration(seconds: number): string {
  const [count, unit] = seconds >= 60 && seconds % 60 === 0 ? [seconds / 60, 'minute'] : [seconds, 'second'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

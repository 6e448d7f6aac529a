/** A position in a user's alert log. */
export interface Position {
  /** The `alertCursor` of a user, or the `id` of an alert. */
  cursor: string;
  /** The number of the alert. 0 if it is unknown. */
  sequence: number;
}

/** The later position of the two. One with an unknown number is at most as late as the other one. */
export function later(known: Position | null, next: Position): Position {
  return known && known.sequence >= next.sequence ? known : next;
}

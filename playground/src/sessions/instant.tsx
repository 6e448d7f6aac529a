import { day, timeOfDay } from '../ui/time';
import styles from './table.module.css';

/** An instant in a table: the time, and the day below it. */
export function Instant({ at }: { at: string }) {
  return (
    <time dateTime={at}>
      {timeOfDay(at)} <span className={styles.second}>{day(at)}</span>
    </time>
  );
}

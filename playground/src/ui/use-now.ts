import { useEffect, useState } from 'react';
import { serverClock } from '../api/clock';

/** The server's time, anew every `every` milliseconds. */
export function useNow(every: number): number {
  const [now, setNow] = useState(() => serverClock.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(serverClock.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}

import { useEffect, useState } from 'react';
import { serverClock } from '../api/clock';

/** The server's time, updated every `interval` milliseconds. */
export function useNow(interval: number): number {
  const [now, setNow] = useState(() => serverClock.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(serverClock.now()), interval);
    return () => clearInterval(timer);
  }, [interval]);
  return now;
}

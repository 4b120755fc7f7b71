// Runs a request whenever its key changes, keeps the last answer while the next
// one is under way, and aborts what nobody waits for any more.
import { useEffect, useRef, useState } from 'react';

export interface RequestState<T> {
  data: T | undefined;
  error: Error | undefined;
  loading: boolean;
}

interface Flight {
  abort: AbortController;
  again: boolean; // a tick came meanwhile
}

// A null key asks nothing. `tick` asks the same again without forgetting the
// answer; it never aborts, so that an answer slower than the refresh interval
// still arrives, and then the newest question follows.
export function useRequest<T>(key: string | null, tick: number, run: (signal: AbortSignal) => Promise<T>): RequestState<T> {
  const [state, setState] = useState<RequestState<T> & { key: string | null }>({ key: null, data: undefined, error: undefined, loading: key !== null });
  const latest = useRef(run);
  latest.current = run;
  const flight = useRef<Flight | null>(null);

  useEffect(
    () => () => {
      flight.current?.abort.abort();
      flight.current = null;
    },
    [key],
  );

  useEffect(() => {
    if (key === null) return;
    const land = (own: Flight, next: (before: RequestState<T> & { key: string | null }) => RequestState<T> & { key: string | null }): void => {
      if (flight.current !== own) return;
      flight.current = null;
      setState(next);
      if (own.again) start();
    };
    const start = (): void => {
      const own: Flight = { abort: new AbortController(), again: false };
      flight.current = own;
      setState((before) => ({ ...before, loading: true }));
      latest.current(own.abort.signal).then(
        (data) => land(own, () => ({ key, data, error: undefined, loading: false })),
        (cause: unknown) => {
          const error = cause instanceof Error ? cause : new Error(String(cause));
          land(own, (before) => ({ key, data: before.key === key ? before.data : undefined, error, loading: false }));
        },
      );
    };
    if (flight.current) flight.current.again = true;
    else start();
  }, [key, tick]);
  return state;
}

// Counts up every periodMs while the page is visible, and at once when it
// becomes visible again; 0 stands still.
export function useTicker(periodMs: number): number {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (periodMs <= 0) return undefined;
    const count = (): void => {
      if (!document.hidden) setTick((before) => before + 1);
    };
    const timer = window.setInterval(count, periodMs);
    document.addEventListener('visibilitychange', count);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener('visibilitychange', count);
    };
  }, [periodMs]);
  return tick;
}

// Runs a request whenever its key changes, keeps the last answer while the next
// one is under way, and aborts what nobody waits for any more.
import { useEffect, useRef, useState } from 'react';

export interface RequestState<T> {
  data: T | undefined;
  error: Error | undefined;
  loading: boolean;
}

// A null key asks nothing. `tick` asks again without forgetting the answer.
export function useRequest<T>(key: string | null, tick: number, run: (signal: AbortSignal) => Promise<T>): RequestState<T> {
  const [state, setState] = useState<RequestState<T> & { key: string | null }>({ key: null, data: undefined, error: undefined, loading: key !== null });
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => {
    if (key === null) return undefined;
    const abort = new AbortController();
    setState((before) => ({ ...before, loading: true }));
    latest.current(abort.signal).then(
      (data) => {
        if (!abort.signal.aborted) setState({ key, data, error: undefined, loading: false });
      },
      (cause: unknown) => {
        if (abort.signal.aborted) return;
        const error = cause instanceof Error ? cause : new Error(String(cause));
        setState((before) => ({ key, data: before.key === key ? before.data : undefined, error, loading: false }));
      },
    );
    return () => abort.abort();
  }, [key, tick]);
  return state;
}

// Counts up every periodMs while the page is visible; 0 stands still.
export function useTicker(periodMs: number): number {
  const [tick, setTick] = useState(0);
  useEffect(() => {
    if (periodMs <= 0) return undefined;
    const timer = window.setInterval(() => {
      if (!document.hidden) setTick((count) => count + 1);
    }, periodMs);
    return () => window.clearInterval(timer);
  }, [periodMs]);
  return tick;
}

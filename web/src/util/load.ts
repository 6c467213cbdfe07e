//! Loading what a view shows, again when something says that it changed.

import { useCallback, useEffect, useRef, useState } from "preact/hooks";

export interface Loaded<T> {
  /** The newest answer; stays while the next one is loading. */
  value: T | null;
  error: Error | null;
  loading: boolean;
  again: () => void;
  /** Takes a newer value that came with another answer. */
  put: (value: T) => void;
}

/** Loads whenever one of `on` changes. An answer that is late is dropped. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, on: readonly unknown[]): Loaded<T> {
  const [state, setState] = useState<{ value: T | null; error: Error | null; loading: boolean }>({
    value: null,
    error: null,
    loading: true,
  });
  const [turn, setTurn] = useState(0);
  const newest = useRef(load);
  newest.current = load;
  useEffect(() => {
    const abort = new AbortController();
    setState((now) => ({ ...now, loading: true }));
    newest.current(abort.signal).then(
      (value) => abort.signal.aborted || setState({ value, error: null, loading: false }),
      (error: unknown) => {
        if (abort.signal.aborted) return;
        const shown = error instanceof Error ? error : new Error(String(error));
        setState((now) => ({ ...now, error: shown, loading: false }));
      },
    );
    return () => abort.abort();
  }, [...on, turn]);
  const again = useCallback(() => setTurn((n) => n + 1), []);
  const put = useCallback((value: T) => setState({ value, error: null, loading: false }), []);
  return { ...state, again, put };
}

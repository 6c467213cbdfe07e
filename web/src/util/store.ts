//! A value that views watch.

import { useEffect, useRef, useState } from "preact/hooks";

/** Holds a value and tells its watchers of every new one. */
export class Store<T> {
  #value: T;
  readonly #watchers = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  get(): T {
    return this.#value;
  }

  set(value: T): void {
    if (Object.is(value, this.#value)) return;
    this.#value = value;
    for (const watcher of [...this.#watchers]) watcher();
  }

  update(change: (value: T) => T): void {
    this.set(change(this.#value));
  }

  /** Calls `watcher` after every change until the returned function is called. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}

/** The part of a store's value that a view shows; the view is drawn again when that part changes. */
export function useStore<T, S>(store: Store<T>, select: (value: T) => S): S {
  const [, redraw] = useState(0);
  // `select` is written anew in every drawing, and may look for something else in each.
  const latest = useRef(select);
  latest.current = select;
  const shown = useRef<S | undefined>(undefined);
  shown.current = select(store.get());
  useEffect(() => {
    const look = () => {
      if (!Object.is(latest.current(store.get()), shown.current)) redraw((n) => n + 1);
    };
    // It may have changed between the drawing and now.
    look();
    return store.watch(look);
  }, [store]);
  return shown.current as S;
}

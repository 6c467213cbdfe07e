//! A value that views watch.

import { useEffect, useState } from "preact/hooks";

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
  const selected = select(store.get());
  useEffect(() => {
    let last = select(store.get());
    if (!Object.is(last, selected)) redraw((n) => n + 1);
    return store.watch(() => {
      const next = select(store.get());
      if (Object.is(next, last)) return;
      last = next;
      redraw((n) => n + 1);
    });
    // `select` is written anew in every drawing and reads only the store.
  }, [store]);
  return selected;
}

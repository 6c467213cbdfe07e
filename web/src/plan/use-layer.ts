//! The drawing of the layer that is looked at, and what the plan does in it.

import { useEffect, useRef, useState } from "preact/hooks";

import { ApiError, get, part } from "../api/client";
import type { Plan, Snapshot } from "../api/types";
import type { Layer } from "./decode";
import { Shelf } from "./shelf";

const NONE: readonly Snapshot[] = [];

export interface Looked {
  layer: Layer | null;
  /** The layer is on its way; what is shown is the one before. */
  loading: boolean;
  frames: readonly Snapshot[];
  error: Error | null;
}

/** `forgotten` is called when the agent has no drawing of that name any more. */
export function useLayer(plan: Plan | null, number: number, forgotten: () => void): Looked {
  const [layer, setLayer] = useState<Layer | null>(null);
  const [frames, setFrames] = useState<{ plan: string; number: number; frames: readonly Snapshot[] } | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const shelf = useRef<Shelf | null>(null);
  const wanted = useRef(number);
  wanted.current = number;
  const tell = useRef(forgotten);
  tell.current = forgotten;

  const drawing = plan?.drawing ?? null;
  useEffect(() => {
    setLayer(null);
    setError(null);
    if (!plan) return undefined;
    const made = new Shelf(
      plan.drawing,
      plan.layers.points,
      (came) => {
        if (came.number !== wanted.current) return;
        setLayer(came);
        setError(null);
      },
      (fault, gone) => (gone ? tell.current() : setError(fault)),
    );
    shelf.current = made;
    return () => made.close();
  }, [drawing]);

  useEffect(() => {
    const here = shelf.current?.look(number);
    if (here) setLayer(here);
  }, [drawing, number]);

  const name = plan?.plan ?? null;
  useEffect(() => {
    if (!name) return undefined;
    const abort = new AbortController();
    get<{ frames: readonly Snapshot[] }>(`plans/${part(name)}/layers/${number}`, abort.signal).then(
      ({ frames: came }) => setFrames({ plan: name, number, frames: came }),
      (fault: unknown) => {
        if (abort.signal.aborted) return;
        setFrames(null);
        if (fault instanceof ApiError && fault.status === 404) {
          tell.current();
          return;
        }
        setError(fault instanceof Error ? fault : new Error(String(fault)));
      },
    );
    return () => abort.abort();
  }, [name, number]);

  const fits = frames !== null && frames.number === number && layer?.number === number;
  return { layer, loading: plan !== null && layer?.number !== number, frames: fits ? frames.frames : NONE, error };
}

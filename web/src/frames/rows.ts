//! The frames of a reel, in order, as they come.

import { useEffect, useRef, useState } from "preact/hooks";

import { get, part } from "../api/client";
import type { Frame } from "../api/types";

const PAGE = 500;

/** Known frames with newer ones laid over them, by number. */
export function mergeFrames(known: readonly Frame[], more: readonly Frame[]): readonly Frame[] {
  if (more.length === 0) return known;
  const last = known.at(-1)?.number ?? 0;
  if (more.every((frame) => frame.number > last)) return [...known, ...more];
  const byNumber = new Map(known.map((frame) => [frame.number, frame]));
  for (const frame of more) byNumber.set(frame.number, frame);
  return [...byNumber.values()].sort((a, b) => a.number - b.number);
}

/** The next frame that is shown in a playback, from `index`; the first one behind the last. `-1` when all are dropped. */
export function following(frames: readonly Frame[], index: number): number {
  for (let step = 1; step <= frames.length; step += 1) {
    const i = (index + step) % frames.length;
    if (frames[i] && !frames[i].dropped) return i;
  }
  return -1;
}

export function frameUrl(session: string, reel: number, number: number): string {
  return `/api/sessions/${part(session)}/reels/${reel}/frames/${number}.jpg`;
}

export interface Rows {
  frames: readonly Frame[];
  loading: boolean;
  error: Error | null;
  put: (frame: Frame) => void;
}

/** `turn` changes when there may be more; `dropped` is how many the agent says are left out, where that is known: somebody
 *  else may have changed that. */
export function useFrames(session: string | null, reel: number, turn: string, dropped: number | null): Rows {
  const [rows, setRows] = useState<{ of: string; frames: readonly Frame[] }>({ of: "", frames: [] });
  const [loading, setLoading] = useState(true);
  const [error, setError] = useState<Error | null>(null);
  const of = `${session}/${reel}`;
  const known = useRef(rows);
  known.current = rows;

  useEffect(() => {
    if (!session) return undefined;
    const abort = new AbortController();
    const load = async () => {
      setLoading(true);
      const here = known.current.of === of ? known.current.frames : [];
      const changed = dropped !== null && here.filter((frame) => frame.dropped).length !== dropped;
      let from: number | null = changed ? 1 : (here.at(-1)?.number ?? 0) + 1;
      try {
        while (from !== null) {
          const path = `sessions/${part(session)}/reels/${reel}/frames?from=${from}&limit=${PAGE}`;
          const page: { frames: readonly Frame[]; next?: number | null } = await get(path, abort.signal);
          setRows((now) => ({ of, frames: mergeFrames(now.of === of ? now.frames : [], page.frames) }));
          from = page.next ?? null;
        }
        setError(null);
      } catch (fault) {
        if (!abort.signal.aborted) setError(fault instanceof Error ? fault : new Error(String(fault)));
      }
      if (!abort.signal.aborted) setLoading(false);
    };
    void load();
    return () => abort.abort();
  }, [of, turn, dropped]);

  const put = (frame: Frame) => setRows((now) => ({ ...now, frames: mergeFrames(now.frames, [frame]) }));
  return { frames: rows.of === of ? rows.frames : [], loading, error, put };
}

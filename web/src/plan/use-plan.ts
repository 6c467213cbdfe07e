//! The plan of a file, and the one that changed settings would give.

import { useEffect, useState } from "preact/hooks";

import { get, post } from "../api/client";
import type { Plan, PlanQuestion, Restriction } from "../api/types";
import type { Values } from "./question";

/** Changes are asked for when nobody has changed more for this long, ms. */
const PAUSE = 180;

export interface Planned {
  /** What the settings in force give. */
  base: Plan | null;
  /** With the changes; the base without any. */
  plan: Plan | null;
  busy: boolean;
  error: Error | null;
}

/** `file`: `null` for the print under way, `undefined` for none. `areas`: `null` for those of the settings. `turn`: another
 *  text asks again. */
export function usePlan(
  file: string | null | undefined,
  changes: Values,
  areas: readonly Restriction[] | null,
  turn: string,
  /** The print under way has a plan of its own. */
  own: boolean,
): Planned {
  const [base, setBase] = useState<Plan | null>(null);
  const [changed, setChanged] = useState<Plan | null>(null);
  const [busy, setBusy] = useState(0);
  const [error, setError] = useState<Error | null>(null);

  const ask = (question: () => Promise<Plan>, take: (plan: Plan) => void, abort: AbortController) => {
    setBusy((n) => n + 1);
    question()
      .then(
        (plan) => {
          if (abort.signal.aborted) return;
          take(plan);
          setError(null);
        },
        (fault: unknown) => {
          if (!abort.signal.aborted) setError(fault instanceof Error ? fault : new Error(String(fault)));
        },
      )
      .finally(() => setBusy((n) => n - 1));
  };

  useEffect(() => {
    setBase((old) => (old && (file === null || old.file === file) ? old : null));
    setChanged(null);
    setError(null);
    if (file === undefined) return undefined;
    const abort = new AbortController();
    const question = () =>
      file === null && own ? get<Plan>("print/plan", abort.signal) : post<Plan>("plans", { file }, abort.signal);
    ask(question, setBase, abort);
    return () => abort.abort();
  }, [file, turn, own]);

  const asked = JSON.stringify([changes, areas]);
  const plain = Object.keys(changes).length === 0 && areas === null;
  useEffect(() => {
    if (plain || file === undefined) {
      setChanged(null);
      setError(null);
      return undefined;
    }
    const abort = new AbortController();
    const question: PlanQuestion = { file, settings: { ...changes }, ...(areas && { restrictions: areas }) };
    const timer = setTimeout(() => ask(() => post<Plan>("plans", question, abort.signal), setChanged, abort), PAUSE);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [file, asked, turn]);

  return { base, plan: plain ? base : (changed ?? base), busy: busy > 0, error };
}

//! What the agent's events add up to.

import type { Calibration, Job, LogLine, ShotRow, ShotsEvent, State } from "../api/types";

/** So many lines of the log are kept. */
const LOG_LINES = 300;

export interface Live {
  /** Whether events come in. */
  linked: boolean;
  /** When the state came, ms of the browser's steady clock; for what counts down. */
  at: number;
  state: State | null;
  /** The planned frames of the print under way; frame n is at n - 1. */
  shots: readonly ShotRow[];
  /** Which print these belong to. */
  shotsPrint: number | null;
  jobs: readonly Job[];
  log: readonly LogLine[];
  calibration: Calibration | null;
  /** They rise when it is time to ask again. */
  revisions: Readonly<Record<"sessions" | "settings" | "cameras" | "health", number>>;
  /** The gravest finding; `null` when nobody has looked yet. */
  worst: string | null;
}

export const nothing: Live = {
  linked: false,
  at: 0,
  state: null,
  shots: [],
  shotsPrint: null,
  jobs: [],
  log: [],
  calibration: null,
  revisions: { sessions: 0, settings: 0, cameras: 0, health: 0 },
  worst: null,
};

/** The kinds of events that count. */
export const KINDS = [
  "state",
  "shots",
  "jobs",
  "sessions",
  "settings",
  "cameras",
  "calibration",
  "health",
  "log",
] as const;
export type Kind = (typeof KINDS)[number];

/** What is known after an event; `now` is the browser's steady clock. */
export function reduce(live: Live, kind: Kind, data: unknown, now: number): Live {
  switch (kind) {
    case "state":
      return { ...live, linked: true, at: now, state: data as State };
    case "shots":
      return { ...live, ...merged(live, data as ShotsEvent) };
    case "jobs":
      return { ...live, jobs: (data as { jobs: readonly Job[] }).jobs };
    case "calibration":
      return { ...live, calibration: data as Calibration };
    case "log":
      return { ...live, log: withLines(live.log, [data as LogLine]) };
    case "health": {
      const { revision, worst } = data as { revision: number; worst?: string | null };
      return { ...live, worst: worst ?? null, revisions: { ...live.revisions, health: revision } };
    }
    case "sessions":
    case "settings":
    case "cameras":
      return { ...live, revisions: { ...live.revisions, [kind]: (data as { revision: number }).revision } };
  }
}

/** The connection is gone: what is known stays, but nobody knows how long it holds. */
export function unlinked(live: Live): Live {
  return live.linked ? { ...live, linked: false } : live;
}

/** Lines by their ids, each once. */
export function withLines(known: readonly LogLine[], more: readonly LogLine[]): readonly LogLine[] {
  const byId = new Map(known.map((line) => [line.id, line]));
  for (const line of more) byId.set(line.id, line);
  return [...byId.values()].sort((a, b) => a.id - b.id).slice(-LOG_LINES);
}

function merged(live: Live, event: ShotsEvent): Pick<Live, "shots" | "shotsPrint"> {
  const whole = event.from === 0 && event.shots.length === event.total;
  if (whole || event.print !== live.shotsPrint) return { shots: event.shots, shotsPrint: event.print };
  const shots = live.shots.slice(0, event.total);
  for (const shot of event.shots) if (shot[0] >= 1 && shot[0] <= event.total) shots[shot[0] - 1] = shot;
  return { shots, shotsPrint: event.print };
}

/** How many of the planned frames are in which state. */
export function tally(shots: readonly ShotRow[]): { taken: number; missed: number; armed: number; toCome: number } {
  const counts = { taken: 0, missed: 0, armed: 0, toCome: 0 };
  for (const [, , state] of shots) {
    if (state === "c") counts.taken += 1;
    else if (state === "m") counts.missed += 1;
    else if (state === "a" || state === "i") counts.armed += 1;
    else if (state !== "b") counts.toCome += 1;
  }
  return counts;
}

/** Seconds until the next frame, counted on from when the state came. */
export function dueIn(live: Live, now: number): number | null {
  const due = live.state?.snapshot?.due_in_s;
  if (typeof due !== "number" || live.state?.print?.state !== "printing") return null;
  return Math.max(0, due - (now - live.at) / 1000);
}

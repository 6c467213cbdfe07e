import { describe, expect, it } from "vitest";

import type { ShotRow, State } from "../api/types";
import { dueIn, nothing, reduce, tally, unlinked, withLines, type Live } from "./state";

const state = (more: Partial<State> = {}): State => ({
  version: "0.1.0",
  now: "2026-11-23T10:00:00Z",
  revision: 1,
  moonraker: "connected",
  klipper: "ready",
  enabled: true,
  filming: "planned",
  frames: 0,
  misses: 0,
  cameras: [],
  ...more,
});

/** `from` other than 0 is left out: only some have changed. */
const shots = (from: number, total: number, rows: ShotRow[], print = 1) => ({ print, ...(from === 0 && { from }), total, shots: rows });

function withShots(live: Live, event: unknown): Live {
  return reduce(live, "shots", event, 0);
}

describe("events", () => {
  it("make the page linked with the first state and not before", () => {
    expect(reduce(nothing, "sessions", { revision: 3 }, 0).linked).toBe(false);
    expect(reduce(nothing, "state", state(), 0).linked).toBe(true);
  });

  it("leave what is known when the connection goes", () => {
    const live = unlinked(reduce(nothing, "state", state({ frames: 7 }), 0));
    expect(live.linked).toBe(false);
    expect(live.state?.frames).toBe(7);
  });

  it("tell what to ask again by revision", () => {
    const live = reduce(reduce(nothing, "settings", { revision: 4 }, 0), "health", { revision: 2, worst: "error" }, 0);
    expect(live.revisions).toEqual({ sessions: 0, settings: 4, cameras: 0, health: 2 });
    expect(live.worst).toBe("error");
  });
});

describe("planned frames", () => {
  const whole = withShots(nothing, shots(0, 3, [[1, 1, "p"], [2, 2, "p"], [3, 3, "p"]]));

  it("are changed by number", () => {
    const live = withShots(whole, shots(2, 3, [[2, 2, "m", "the camera hangs"]]));
    expect(live.shots).toEqual([[1, 1, "p"], [2, 2, "m", "the camera hangs"], [3, 3, "p"]]);
    expect(whole.shots[1]).toEqual([2, 2, "p"]);
  });

  it("are replaced by a new plan, also a shorter one", () => {
    expect(withShots(whole, shots(0, 1, [[1, 5, "p"]])).shots).toEqual([[1, 5, "p"]]);
    expect(withShots(whole, shots(0, 0, [])).shots).toEqual([]);
  });

  it("of another print never mix", () => {
    expect(withShots(whole, shots(2, 3, [[2, 9, "c"]], 2)).shots).toEqual([[2, 9, "c"]]);
  });

  it("outside of the plan are passed over", () => {
    expect(withShots(whole, shots(9, 3, [[9, 9, "c"]])).shots).toHaveLength(3);
    expect(withShots(whole, shots(9, 3, [[0, 9, "c"]])).shots).toEqual(whole.shots);
  });

  it("are counted by what became of them; those from before the agent came by neither", () => {
    expect(tally([[1, 1, "b"], [2, 2, "c"], [3, 3, "m"], [4, 4, "i"], [5, 5, "a"], [6, 6, "p"]])).toEqual({
      taken: 1,
      missed: 1,
      armed: 2,
      toCome: 1,
    });
  });
});

describe("the log", () => {
  it("has each line once, in order, and the newest 300", () => {
    const line = (id: number) => ({ id, at: "", level: "info" as const, text: String(id) });
    expect(withLines([line(2), line(3)], [line(1), line(3)]).map((l) => l.id)).toEqual([1, 2, 3]);
    const many = withLines([], Array.from({ length: 400 }, (_, i) => line(i)));
    expect([many.length, many[0]?.id]).toEqual([300, 100]);
  });
});

describe("the countdown", () => {
  const live = (due: number | null, print: "printing" | "paused") =>
    reduce(
      nothing,
      "state",
      state({ snapshot: { state: "planned", due_in_s: due }, print: { number: 1, file: "a", state: print } }),
      1000,
    );

  it("goes on between the states, not below nothing", () => {
    expect(dueIn(live(12, "printing"), 3500)).toBe(9.5);
    expect(dueIn(live(12, "printing"), 99_000)).toBe(0);
  });

  it("is not known while the print is paused or nothing is planned", () => {
    expect(dueIn(live(12, "paused"), 3500)).toBe(null);
    expect(dueIn(live(null, "printing"), 3500)).toBe(null);
    expect(dueIn(nothing, 0)).toBe(null);
  });
});

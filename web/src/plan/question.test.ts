import { describe, expect, it } from "vitest";

import type { Plan } from "../api/types";
import { companion, difference, withChange } from "./question";

describe("changes", () => {
  it("that equal the settings in force are none", () => {
    const changed = withChange({}, "park", "orbit", "");
    expect(changed).toEqual({ park: "orbit" });
    expect(withChange(changed, "park", "", "")).toEqual({});
  });

  it("of one setting leave the others", () => {
    expect(withChange({ park: "orbit" }, "mode", "height", "auto")).toEqual({ park: "orbit", mode: "height" });
  });
});

describe("a mode", () => {
  it("has the figure that belongs to it", () => {
    expect(["auto", "live", "height", "timer", "gcode", "layermacro"].map(companion)).toEqual([
      "every_layers",
      "every_layers",
      "height_increment",
      "hyperlapse_cycle",
      "snapshot_gcode",
      null,
    ]);
  });
});

describe("the difference", () => {
  const plan = (drawing: string, likely_s: number) =>
    ({ drawing, totals: { likely_s, travel_mm: 2 * likely_s, snapshots: 10 } }) as Plan;

  it("is that of two plans of the same file", () => {
    expect(difference(plan("d1", 30), plan("d1", 40))).toEqual({ likely_s: -10, travel_mm: -20, snapshots: 0 });
    expect(difference(plan("d1", 30), plan("d2", 40))).toBe(null);
    expect(difference(plan("d1", 30), null)).toBe(null);
  });
});

import { describe, expect, it } from "vitest";

import type { Setting, Settings } from "../api/types";
import { filtered, fromPreset, problem, problems } from "./check";

const setting = (more: Partial<Setting>): Setting => ({
  name: "park_time",
  title: "Stand",
  text: "Least time that the head stands.",
  type: "number",
  default: 0.1,
  value: 0.1,
  editable: true,
  ...more,
});

describe("a value", () => {
  const time = setting({ min: 0, max: 5, unit: "s" });

  it("in its range is right, with both ends", () => {
    for (const value of [0, 0.1, 5]) expect(problem(time, value)).toBe(null);
  });

  it("out of its range says what is allowed, with the unit", () => {
    expect(problem(time, 5.01)).toBe("Enter a number of at least 0, at most 5 s.");
    expect(problem(setting({ min: 1 }), 0)).toBe("Enter a number of at least 1.");
  });

  it("of another kind is wrong", () => {
    expect(problem(time, Number.NaN)).toBe("Enter a number.");
    expect(problem(time, "1")).toBe("Enter a number.");
    expect(problem(setting({ type: "integer" }), 1.5)).toBe("Enter a whole number.");
    const choice = setting({ type: "choice", choices: [{ value: "auto", title: "Auto" }] });
    expect(problem(choice, "auto")).toBe(null);
    expect(problem(choice, "none")).not.toBe(null);
    expect(problem(setting({ type: "boolean" }), "yes")).not.toBe(null);
  });
});

const all = new Map(
  [
    setting({ min: 0, max: 5 }),
    setting({ name: "mode", title: "Mode", type: "text", value: "auto", text: "What takes frames" }),
    setting({ name: "session_path", title: "Frame store", type: "text", value: "", editable: false, advanced: true, text: "" }),
  ].map((each) => [each.name, each]),
);

it("faults are found by name, unknown settings too", () => {
  expect(Object.keys(problems(all, { park_time: 9, mode: "live", gone: 1 }))).toEqual(["park_time", "gone"]);
});

describe("a preset", () => {
  it("changes what differs, and names what is fixed", () => {
    const { changes, fixed } = fromPreset(all, { mode: "live" }, { mode: "auto", park_time: 0.3, session_path: "/x" });
    expect(changes).toEqual({ park_time: 0.3 });
    expect(fixed).toEqual(["Frame store"]);
  });
});

describe("the list", () => {
  const settings: Settings = { revision: 1, groups: [{ id: "a", title: "A", settings: [...all.values()] }] };
  const names = (text: string, advanced: boolean, changes = {}) =>
    filtered(settings, text, advanced, changes).flatMap((g) => g.settings.map((s) => s.name));

  it("leaves out the advanced ones unless they are wanted, sought or changed", () => {
    expect(names("", false)).toEqual(["park_time", "mode"]);
    expect(names("", true)).toHaveLength(3);
    expect(names("frame STORE", false)).toEqual(["session_path"]);
    expect(names("", false, { session_path: "/x" })).toHaveLength(3);
  });

  it("has no empty groups", () => {
    expect(filtered(settings, "nothing like this", true, {})).toEqual([]);
  });
});

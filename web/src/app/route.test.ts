import { describe, expect, it } from "vitest";

import { href, parseRoute } from "./route";

describe("a route", () => {
  it("begins at the live view", () => {
    expect(parseRoute("")).toEqual({ view: "live", rest: "", query: {} });
    expect(parseRoute("#/")).toEqual({ view: "live", rest: "", query: {} });
  });

  it("is read as it was written", () => {
    const file = "parts/a b & c?.gcode";
    expect(parseRoute(href("plan", file, { layer: "3" }))).toEqual({ view: "plan", rest: file, query: { layer: "3" } });
  });

  it("takes a broken escape as text", () => {
    expect(parseRoute("#/frames/%E0%A4%A").rest).toBe("%E0%A4%A");
  });
});

import { describe, expect, it } from "vitest";

import type { Frame } from "../api/types";
import { following, frameUrl, mergeFrames } from "./rows";

const frame = (number: number, dropped = false): Frame => ({
  number,
  shot: number,
  width: 1,
  height: 1,
  bytes: 1,
  at: "",
  dropped,
});

describe("frames", () => {
  it("that come later are behind the known ones", () => {
    expect(mergeFrames([frame(1), frame(2)], [frame(4)]).map((f) => f.number)).toEqual([1, 2, 4]);
  });

  it("that changed replace what was known, in order", () => {
    const merged = mergeFrames([frame(1), frame(3)], [frame(3, true), frame(2)]);
    expect(merged.map((f) => [f.number, f.dropped])).toEqual([[1, false], [2, false], [3, true]]);
  });

  it("stay the same when nothing came", () => {
    const known = [frame(1)];
    expect(mergeFrames(known, [])).toBe(known);
  });
});

describe("a playback", () => {
  it("passes over dropped frames and begins again", () => {
    const frames = [frame(1), frame(2, true), frame(3)];
    expect(following(frames, 0)).toBe(2);
    expect(following(frames, 2)).toBe(0);
  });

  it("ends when every frame is dropped or there is none", () => {
    expect(following([frame(1, true)], 0)).toBe(-1);
    expect(following([], 0)).toBe(-1);
  });
});

it("a frame's address holds any name of a session", () => {
  expect(frameUrl("20261123 a/b", 1, 7)).toBe("/api/sessions/20261123%20a%2Fb/reels/1/frames/7.jpg");
});

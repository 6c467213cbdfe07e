import { describe, expect, it } from "vitest";

import type { Film } from "../api/types";
import { wishes } from "./make";
import { beside } from "./shelf";

describe("a film made again", () => {
  it("is as the settings say unless something is wished", () => {
    expect(wishes("settings", 30, null)).toEqual({});
  });

  it("has the wished rate even where the settings fix the length, and the other way round", () => {
    expect(wishes("fps", 12.5, null)).toEqual({ variable_fps: false, output_framerate: 12.5 });
    expect(wishes("length", 7.6, 18)).toMatchObject({ variable_fps: true, targetlength: 8, constant_rate_factor: 18 });
  });
});

describe("the folder of the films", () => {
  const film = (name: string, kind: Film["kind"], picture: string | null = null): Film => ({
    name, kind, picture, type: "", bytes: 1, made_at: "",
  });

  it("shows a picture only where it belongs to no film", () => {
    const shown = beside([film("a.mp4", "film", "a.jpg"), film("a.jpg", "picture"), film("b.jpg", "picture"), film("c.zip", "archive")]);
    expect(shown.map((f) => f.name)).toEqual(["a.mp4", "b.jpg", "c.zip"]);
  });
});

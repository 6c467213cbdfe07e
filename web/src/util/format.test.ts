import { describe, expect, it } from "vitest";

import { bytes, clock, count, duration, fileName, fixed, length, percent, plural, rate, sentence, title, when } from "./format";

describe("figures", () => {
  it("are a dash when they are not known", () => {
    for (const show of [fixed, count, length, duration, clock, bytes, percent]) {
      expect(show(null)).toBe("–");
      expect(show(undefined)).toBe("–");
      expect(show(Number.NaN)).toBe("–");
    }
    expect(when(null)).toBe("–");
    expect(when("yesterday")).toBe("–");
  });

  it("have no negative zero", () => {
    expect(fixed(-0.001, 2)).toBe("0.00");
    expect(fixed(-0.4)).toBe("0");
  });

  it("carry durations over to the next unit", () => {
    expect(duration(0)).toBe("0.0 s");
    expect(duration(9.94)).toBe("9.9 s");
    expect(duration(9.96)).toBe("10 s");
    expect(duration(59.6)).toBe("1 min 0 s");
    expect(duration(3599.7)).toBe("1 h 0 min");
    expect(duration(86_399)).toBe("1 d 0 h");
    expect(duration(-5)).toBe("−5.0 s");
  });

  it("round sizes within their unit", () => {
    expect(bytes(999)).toBe("999 B");
    expect(bytes(999_600)).toBe("1.0 MB");
    expect(bytes(4_182_733)).toBe("4.2 MB");
    expect(bytes(123_400_000)).toBe("123 MB");
  });

  it("group thousands", () => {
    expect(count(1234567)).toBe("1\u202f234\u202f567");
    expect(count(999)).toBe("999");
  });

  it("show lengths in mm and metres", () => {
    expect(length(3.14)).toBe("3.1 mm");
    expect(length(312.4)).toBe("312 mm");
    expect(length(5230)).toBe("5.2 m");
  });

  it("read as words", () => {
    expect(plural(1, "frame")).toBe("1 frame");
    expect(plural(2, "frame")).toBe("2 frames");
    expect(title("retracted_travel")).toBe("Retracted travel");
    expect(sentence("the camera hangs")).toBe("The camera hangs.");
    expect(sentence("Is it there?")).toBe("Is it there?");
    expect(fileName("parts/box.gcode")).toBe("box.gcode");
    expect(clock(65.9)).toBe("1:05");
    expect(clock(0.68)).toBe("0.7 s");
    expect([rate(12.5), rate(30), rate(29.97003)]).toEqual(["12.5", "30", "29.97"]);
    expect(percent(0.426)).toBe("43 %");
  });
});

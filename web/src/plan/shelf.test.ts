import { describe, expect, it } from "vitest";

import { missing } from "./shelf";

const sizes = (n: number, points = 1000) => Array.from({ length: n }, () => points);
const none = () => false;

describe("what is fetched of a drawing", () => {
  it("is the layer that is looked at before all", () => {
    expect(missing(7, sizes(100), none)).toEqual([7, 7]);
  });

  it("is then what lies ahead, in one piece", () => {
    expect(missing(7, sizes(100), (n) => n === 7)).toEqual([8, 47]);
    expect(missing(98, sizes(100), (n) => n === 98)).toEqual([99, 100]);
    expect(missing(7, sizes(100), (n) => n === 7 || n === 20)).toEqual([8, 19]);
  });

  it("is not too much at once, and nothing large in advance", () => {
    expect(missing(1, sizes(100, 15_000), (n) => n === 1)).toEqual([2, 3]);
    expect(missing(1, sizes(100, 90_000), (n) => n === 1)).toBe(null);
  });

  it("ends when all is there, and is nothing outside of the print", () => {
    expect(missing(100, sizes(100), () => true)).toBe(null);
    expect(missing(0, sizes(100), none)).toBe(null);
    expect(missing(101, sizes(100), none)).toBe(null);
    expect(missing(1, [], none)).toBe(null);
  });
});

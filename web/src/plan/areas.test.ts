import { describe, expect, it } from "vitest";

import type { Restriction, Shape } from "../api/types";
import { areasText, dragged, figures, hit, withFigure } from "./areas";

const rectangle: Shape = { rectangle: { min: { x: 10, y: 20 }, max: { x: 30, y: 40 } } };
const circle: Shape = { circle: { centre: { x: 50, y: 50 }, radius: 10 } };
const areas: Restriction[] = [
  { rule: "avoid", shape: rectangle },
  { rule: "forbidden", shape: circle },
];

describe("an area", () => {
  it("is taken by its inside, its corners or its edge", () => {
    expect(hit(areas, 20, 30, 2)).toEqual({ index: 0, grip: "body" });
    expect(hit(areas, 31, 41, 2)).toEqual({ index: 0, grip: "max_max" });
    expect(hit(areas, 61, 50, 2)).toEqual({ index: 1, grip: "edge" });
    expect(hit(areas, 5, 5, 2)).toBe(null);
  });

  it("on top is taken first", () => {
    expect(hit([areas[0]!, { rule: "required", shape: rectangle }], 20, 30, 2)?.index).toBe(1);
  });

  it("keeps its size when it is moved", () => {
    expect(dragged(rectangle, "body", 5.2, -3.1)).toEqual({ rectangle: { min: { x: 15, y: 17 }, max: { x: 35, y: 37 } } });
    expect(dragged(circle, "body", 1, 1)).toEqual({ circle: { centre: { x: 51, y: 51 }, radius: 10 } });
  });

  it("never turns inside out", () => {
    expect(dragged(rectangle, "min_min", 100, 100)).toEqual({ rectangle: { min: { x: 29, y: 39 }, max: { x: 30, y: 40 } } });
    expect(dragged(rectangle, "max_max", -100, -100)).toEqual({ rectangle: { min: { x: 10, y: 20 }, max: { x: 11, y: 21 } } });
    expect(dragged(circle, "edge", -100, 0)).toEqual({ circle: { centre: { x: 50, y: 50 }, radius: 1 } });
  });

  it("can be typed", () => {
    expect(figures(rectangle).map(([, n]) => n)).toEqual([10, 20, 30, 40]);
    expect(withFigure(rectangle, 2, 90)).toEqual({ rectangle: { min: { x: 10, y: 20 }, max: { x: 90, y: 40 } } });
    expect(withFigure(rectangle, 0, 30)).toBe(null);
    expect(withFigure(circle, 2, 0)).toBe(null);
    expect(withFigure(circle, 0, Number.NaN)).toBe(null);
  });
});

it("areas are written as the setting wants them", () => {
  expect(areasText(areas)).toBe("avoid rectangle 10 20 30 40\nforbidden circle 50 50 10");
  expect(areasText([])).toBe("");
});

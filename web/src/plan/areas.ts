//! Areas on the bed that restrict the frames: taking hold of them, dragging, and writing them as a setting.

import type { Restriction, Shape } from "../api/types";

/** What of an area is held: all of it, a corner, or a circle's edge. */
export type Grip = "body" | "min_min" | "max_min" | "min_max" | "max_max" | "edge";

export interface Held {
  index: number;
  grip: Grip;
}

/** No side or radius becomes smaller, mm. */
const SMALLEST = 1;
/** Coordinates are rounded to this, mm. */
const STEP = 0.5;

const round = (n: number) => Math.round(n / STEP) * STEP;

/** Where an area can be taken hold of besides its inside, mm. */
export function grips(shape: Shape): (readonly [Grip, number, number])[] {
  if ("circle" in shape) {
    const { centre, radius } = shape.circle;
    return [["edge", centre.x + radius, centre.y]];
  }
  const { min, max } = shape.rectangle;
  return [
    ["min_min", min.x, min.y],
    ["max_min", max.x, min.y],
    ["min_max", min.x, max.y],
    ["max_max", max.x, max.y],
  ];
}

export function contains(shape: Shape, x: number, y: number): boolean {
  if ("circle" in shape) {
    const { centre, radius } = shape.circle;
    return Math.hypot(x - centre.x, y - centre.y) <= radius;
  }
  const { min, max } = shape.rectangle;
  return x >= min.x && x <= max.x && y >= min.y && y <= max.y;
}

/** What lies at a place of the bed; grips count within `reach` mm, and the topmost area wins. */
export function hit(areas: readonly Restriction[], x: number, y: number, reach: number): Held | null {
  for (let index = areas.length - 1; index >= 0; index -= 1) {
    const { shape } = areas[index]!;
    const grip = grips(shape).find(([, gx, gy]) => Math.hypot(gx - x, gy - y) <= reach);
    if (grip) return { index, grip: grip[0] };
    if (contains(shape, x, y)) return { index, grip: "body" };
  }
  return null;
}

/** The area after it was dragged by (dx, dy) from `start`. */
export function dragged(start: Shape, grip: Grip, dx: number, dy: number): Shape {
  if ("circle" in start) {
    const { centre, radius } = start.circle;
    if (grip === "body") return { circle: { centre: { x: round(centre.x + dx), y: round(centre.y + dy) }, radius } };
    return { circle: { centre, radius: Math.max(SMALLEST, round(radius + dx)) } };
  }
  const min = { ...start.rectangle.min };
  const max = { ...start.rectangle.max };
  if (grip === "body") {
    const [x, y] = [round(min.x + dx), round(min.y + dy)];
    return { rectangle: { min: { x, y }, max: { x: x + max.x - min.x, y: y + max.y - min.y } } };
  }
  if (grip === "min_min" || grip === "min_max") min.x = Math.min(round(min.x + dx), max.x - SMALLEST);
  else max.x = Math.max(round(max.x + dx), min.x + SMALLEST);
  if (grip === "min_min" || grip === "max_min") min.y = Math.min(round(min.y + dy), max.y - SMALLEST);
  else max.y = Math.max(round(max.y + dy), min.y + SMALLEST);
  return { rectangle: { min, max } };
}

/** The figures of an area, for typing them. */
export function figures(shape: Shape): (readonly [string, number])[] {
  if ("circle" in shape) {
    const { centre, radius } = shape.circle;
    return [["Middle x", centre.x], ["Middle y", centre.y], ["Radius", radius]];
  }
  const { min, max } = shape.rectangle;
  return [["Left", min.x], ["Front", min.y], ["Right", max.x], ["Back", max.y]];
}

/** The area with one of its figures changed; `null` when that makes none. */
export function withFigure(shape: Shape, index: number, value: number): Shape | null {
  if (!Number.isFinite(value)) return null;
  const numbers = figures(shape).map(([, n], i) => (i === index ? value : n));
  const [a = 0, b = 0, c = 0, d = 0] = numbers;
  if ("circle" in shape) return c > 0 ? { circle: { centre: { x: a, y: b }, radius: c } } : null;
  return a < c && b < d ? { rectangle: { min: { x: a, y: b }, max: { x: c, y: d } } } : null;
}

/** The areas in the notation of the setting `restrictions`: one a line, mm. */
export function areasText(areas: readonly Restriction[]): string {
  const lines = areas.map(({ rule, shape }) => {
    const numbers = figures(shape).map(([, n]) => n);
    return `${rule} ${"circle" in shape ? "circle" : "rectangle"} ${numbers.join(" ")}`;
  });
  return lines.join("\n");
}

//! Which part of the bed the canvas shows.

import type { Bed } from "../api/types";
import type { Bounds } from "./decode";

/** Turns mm into CSS pixels: px = (x - left) * scale, py = (top - y) * scale. y goes up on the bed and down on the canvas. */
export interface Sight {
  left: number;
  top: number;
  /** Pixels for each mm. */
  scale: number;
}

const NEAREST = 400;
const FARTHEST = 0.2;

/** Shows all of `bounds` in the middle. */
export function fit(bounds: Bounds, width: number, height: number, room: number): Sight {
  const w = Math.max(bounds.maxX - bounds.minX, 1);
  const h = Math.max(bounds.maxY - bounds.minY, 1);
  const scale = held(Math.min((width - 2 * room) / w, (height - 2 * room) / h));
  return {
    scale,
    left: (bounds.minX + bounds.maxX) / 2 - width / 2 / scale,
    top: (bounds.minY + bounds.maxY) / 2 + height / 2 / scale,
  };
}

/** Nearer or farther by `factor`; what is at (px, py) stays there. */
export function zoom(sight: Sight, factor: number, px: number, py: number): Sight {
  const scale = held(sight.scale * factor);
  return {
    scale,
    left: sight.left + px / sight.scale - px / scale,
    top: sight.top - py / sight.scale + py / scale,
  };
}

/** Moved by pixels. */
export function pan(sight: Sight, dx: number, dy: number): Sight {
  return { ...sight, left: sight.left - dx / sight.scale, top: sight.top + dy / sight.scale };
}

/** For a canvas of another size: the same middle, and as much around it. */
export function resized(sight: Sight, from: readonly [number, number], to: readonly [number, number]): Sight {
  const [x, y] = toBed(sight, from[0] / 2, from[1] / 2);
  const scale = held(sight.scale * Math.min(to[0] / from[0], to[1] / from[1]));
  return { scale, left: x - to[0] / 2 / scale, top: y + to[1] / 2 / scale };
}

/** The place on the bed at a pixel, mm. */
export function toBed(sight: Sight, px: number, py: number): [number, number] {
  return [sight.left + px / sight.scale, sight.top - py / sight.scale];
}

/** The pixel of a place on the bed. */
export function toCanvas(sight: Sight, x: number, y: number): [number, number] {
  return [(x - sight.left) * sight.scale, (sight.top - y) * sight.scale];
}

function held(scale: number): number {
  return Math.min(NEAREST, Math.max(FARTHEST, scale));
}

export function bedBounds(bed: Bed): Bounds {
  if (bed.shape === "round") {
    const [x, y] = bed.centre;
    return { minX: x - bed.radius, minY: y - bed.radius, maxX: x + bed.radius, maxY: y + bed.radius };
  }
  return { minX: bed.min[0], minY: bed.min[1], maxX: bed.max[0], maxY: bed.max[1] };
}

//! How a stored picture is to be shown: a part of it, mirrored, turned.

import type { View } from "../api/types";

export interface Placement {
  /** The part that is shown, pixels of the picture. */
  from: { x: number; y: number; width: number; height: number };
  /** What it is drawn on, pixels. */
  width: number;
  height: number;
  /** The arguments of a canvas's `setTransform`, for drawing the part around the origin. */
  transform: readonly [number, number, number, number, number, number];
}

/** Where a picture of that size goes. Other turns than quarters are drawn as the nearest quarter, as on the film. */
export function placement(width: number, height: number, view: View | null | undefined): Placement {
  const crop = view?.crop ?? { left: 0, top: 0, width: 1, height: 1 };
  const from = {
    x: Math.round(crop.left * width),
    y: Math.round(crop.top * height),
    width: Math.max(1, Math.round(crop.width * width)),
    height: Math.max(1, Math.round(crop.height * height)),
  };
  const quarters = ((Math.round((view?.rotation ?? 0) / 90) % 4) + 4) % 4;
  const lying = quarters % 2 === 0;
  const out = lying ? [from.width, from.height] : [from.height, from.width];
  const [outWidth = 1, outHeight = 1] = out;
  const [cos, sin] = [[1, 0], [0, 1], [-1, 0], [0, -1]][quarters] as [number, number];
  const [mx, my] = [view?.flip_x ? -1 : 1, view?.flip_y ? -1 : 1];
  return {
    from,
    width: outWidth,
    height: outHeight,
    transform: [cos * mx, sin * mx, -sin * my, cos * my, outWidth / 2, outHeight / 2],
  };
}

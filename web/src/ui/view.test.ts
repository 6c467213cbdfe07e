import { describe, expect, it } from "vitest";

import { placement } from "./view";

/** Where a pixel of the picture comes to lie. */
function shown(view: Parameters<typeof placement>[2], x: number, y: number): [number, number] {
  const { from, transform } = placement(200, 100, view);
  const [a, b, c, d, e, f] = transform;
  const [u, v] = [x - from.x - from.width / 2, y - from.y - from.height / 2];
  return [a * u + c * v + e, b * u + d * v + f];
}

const view = { rotation: 0, flip_x: false, flip_y: false };

describe("a picture", () => {
  it("is shown as it is without a view", () => {
    expect(shown(null, 0, 0)).toEqual([0, 0]);
    expect(shown(view, 200, 100)).toEqual([200, 100]);
  });

  it("is turned clockwise", () => {
    expect(placement(200, 100, { ...view, rotation: 90 })).toMatchObject({ width: 100, height: 200 });
    expect(shown({ ...view, rotation: 90 }, 0, 0)).toEqual([100, 0]);
    expect(shown({ ...view, rotation: 180 }, 0, 0)).toEqual([200, 100]);
    expect(shown({ ...view, rotation: 270 }, 0, 0)).toEqual([0, 200]);
  });

  it("is mirrored before it is turned", () => {
    expect(shown({ ...view, flip_x: true }, 0, 0)).toEqual([200, 0]);
    expect(shown({ ...view, flip_x: true, rotation: 90 }, 0, 0)).toEqual([100, 200]);
    expect(shown({ ...view, flip_y: true }, 0, 0)).toEqual([0, 100]);
  });

  it("is cropped before all", () => {
    const cropped = { ...view, crop: { left: 0.1, top: 0, width: 0.8, height: 1 } };
    expect(placement(200, 100, cropped)).toMatchObject({ width: 160, height: 100 });
    expect(shown(cropped, 20, 0)).toEqual([0, 0]);
  });
});

import { describe, expect, it } from "vitest";

import { fit, pan, resized, toBed, toCanvas, zoom } from "./sight";

const close = (a: [number, number], b: [number, number]) => {
  expect(a[0]).toBeCloseTo(b[0], 6);
  expect(a[1]).toBeCloseTo(b[1], 6);
};

describe("the canvas", () => {
  const sight = fit({ minX: 0, minY: 0, maxX: 200, maxY: 100 }, 420, 420, 10);

  it("shows all of what it is fitted to, with the back of the bed above", () => {
    expect(sight.scale).toBe(2);
    close(toCanvas(sight, 100, 50), [210, 210]);
    close(toCanvas(sight, 0, 100), [10, 110]);
  });

  it("and the bed are each other's inverse", () => {
    close(toBed(sight, ...toCanvas(sight, 31, 77)), [31, 77]);
  });

  it("keeps what is under the pointer when it zooms", () => {
    const before = toBed(sight, 50, 300);
    close(toBed(zoom(sight, 3, 50, 300), 50, 300), before);
  });

  it("zooms neither to nothing nor for ever", () => {
    expect(zoom(sight, 1e9, 0, 0).scale).toBe(400);
    expect(zoom(sight, 1e-9, 0, 0).scale).toBe(0.2);
  });

  it("shows the same around the same middle when its size changes", () => {
    const small = resized(sight, [420, 420], [210, 420]);
    expect(small.scale).toBe(1);
    close(toBed(small, 105, 210), toBed(sight, 210, 210));
  });

  it("follows the hand when it is dragged", () => {
    const [x, y] = toBed(sight, 100, 100);
    close(toBed(pan(sight, 30, -20), 130, 80), [x, y]);
  });
});

import { expect, it } from "vitest";

import { step } from "./curve";

it("an axis has round steps, and not too many", () => {
  expect(step(0.6, 6)).toBeCloseTo(0.1, 9);
  expect(step(0.61, 6)).toBeCloseTo(0.2, 9);
  expect(step(3, 6)).toBeCloseTo(0.5, 9);
  for (const span of [0.01, 0.4, 1, 7, 90]) expect(span / step(span, 6)).toBeLessThanOrEqual(6);
});

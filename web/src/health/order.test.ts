import { expect, it } from "vitest";

import type { Finding } from "../api/types";
import { ordered } from "./order";

it("the gravest findings stand first, equals as the agent told them", () => {
  const finding = (id: string, level: Finding["level"]): Finding => ({ id, level, title: "", text: "" });
  const found = ordered([finding("a", "ok"), finding("b", "error"), finding("c", "warning"), finding("d", "ok"), finding("e", "error")]);
  expect(found.map(({ id }) => id).join("")).toBe("becad");
});

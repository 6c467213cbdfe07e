import type { Finding } from "../api/types";

const GRAVEST: readonly Finding["level"][] = ["error", "warning", "info", "ok"];

/** The gravest first, else in the agent's order. */
export function ordered(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort((a, b) => GRAVEST.indexOf(a.level) - GRAVEST.indexOf(b.level));
}

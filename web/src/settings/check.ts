//! Settings that were changed and not saved, and what is wrong with them.

import type { Setting, SettingValue, Settings } from "../api/types";
import type { Values } from "../plan/question";

/** What is wrong with a value, in a sentence; `null` when nothing is. The agent knows more and is asked as well. */
export function problem(setting: Setting, value: SettingValue): string | null {
  const { type, min, max, unit, choices } = setting;
  const range = [
    typeof min === "number" ? `at least ${min}` : null,
    typeof max === "number" ? `at most ${max}` : null,
  ].filter(Boolean).join(", ");
  const inUnit = unit ? ` ${unit}` : "";
  switch (type) {
    case "boolean":
      return typeof value === "boolean" ? null : "Switch it on or off.";
    case "choice":
      return choices?.some((choice) => choice.value === value) ? null : "Choose one of the values.";
    case "integer":
    case "number": {
      if (typeof value !== "number" || !Number.isFinite(value)) return "Enter a number.";
      if (type === "integer" && !Number.isInteger(value)) return "Enter a whole number.";
      const low = typeof min === "number" && value < min;
      const high = typeof max === "number" && value > max;
      return low || high ? `Enter a number of ${range}${inUnit}.` : null;
    }
    case "text":
      return typeof value === "string" ? null : "Enter a text.";
  }
}

/** What is wrong with each of the changes. */
export function problems(all: ReadonlyMap<string, Setting>, changes: Values): Readonly<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(changes)) {
    const setting = all.get(name);
    const wrong = setting ? problem(setting, value) : "There is no such setting.";
    if (wrong) found[name] = wrong;
  }
  return found;
}

/** A preset's values as changes; what cannot be edited is named. */
export function fromPreset(
  all: ReadonlyMap<string, Setting>,
  changes: Values,
  values: Values,
): { changes: Values; fixed: readonly string[] } {
  const next: Record<string, SettingValue> = { ...changes };
  const fixed: string[] = [];
  for (const [name, value] of Object.entries(values)) {
    const setting = all.get(name);
    if (!setting) continue;
    if (!setting.editable) {
      if (setting.value !== value) fixed.push(setting.title);
    } else if (setting.value === value) delete next[name];
    else next[name] = value;
  }
  return { changes: next, fixed };
}

/** The groups with those settings that fit; without empty groups. */
export function filtered(settings: Settings, text: string, advanced: boolean, changes: Values): Settings["groups"] {
  const sought = text.trim().toLowerCase();
  const fits = (setting: Setting) =>
    sought === ""
      ? advanced || !(setting.advanced || setting.fixed_by === "conf_only") || setting.name in changes
      : `${setting.name} ${setting.title} ${setting.text}`.toLowerCase().includes(sought);
  return settings.groups
    .map((group) => ({ ...group, settings: group.settings.filter(fits) }))
    .filter((group) => group.settings.length > 0);
}

const FIXED: Readonly<Record<string, string>> = {
  "moonraker.conf": "Fixed in moonraker.conf",
  conf_only: "Only in moonraker.conf",
  flags: "Fixed by the command line",
  away: "Moonraker is away",
};

export function fixedText(by: string | null | undefined): string {
  return FIXED[by ?? ""] ?? "Fixed";
}

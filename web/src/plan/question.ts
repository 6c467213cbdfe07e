//! What a plan is asked with: the settings that choose the moments and the place of the head.

import type { Plan, Setting, SettingValue, Settings } from "../api/types";

export type Values = Readonly<Record<string, SettingValue>>;

/** The settings that a plan depends on and that the page lets one change beside it. */
export const PLANNED = [
  "mode",
  "every_layers",
  "height_increment",
  "hyperlapse_cycle",
  "snapshot_gcode",
  "placement",
  "park",
] as const;
export type Planned = (typeof PLANNED)[number];

/** How the moment in a layer is chosen. */
export const PLACEMENTS: readonly (readonly [string, string])[] = [
  ["retracted_travel", "While travelling with retracted filament"],
  ["fast", "Nearest to the park position"],
  ["compatible", "Best feature (as Octolapse)"],
  ["high_quality", "Best quality or no frame (as Octolapse)"],
  ["snap_to_print", "Where the print comes nearest"],
  ["snap_to_print:smooth", "The same, smoothly"],
  ["snap_to_print:high_quality", "The same, only unseen places"],
  ["snap_to_print:high_quality:smooth", "The same, unseen and smoothly"],
  ["zero_motion", "In passing: no move, no stop"],
];

/** Where the head goes. */
export const PARKS: readonly (readonly [string, string])[] = [
  ["", "The park position of the settings"],
  ["nearest_edge", "The edge with the least travel"],
  ["back_left", "Back left"],
  ["back", "Back"],
  ["back_right", "Back right"],
  ["left", "Left"],
  ["centre", "Centre"],
  ["right", "Right"],
  ["front_left", "Front left"],
  ["front", "Front"],
  ["front_right", "Front right"],
  ["orbit", "Around the middle (orbit)"],
  ["follow_print", "To and fro about the middle"],
  ["snap_to_print", "Nowhere: where the print comes nearest"],
];

/** Which number or text belongs to a mode. */
export function companion(mode: SettingValue | undefined): Planned | null {
  switch (mode) {
    case "auto":
    case "live":
      return "every_layers";
    case "height":
      return "height_increment";
    case "timer":
      return "hyperlapse_cycle";
    case "gcode":
      return "snapshot_gcode";
    default:
      return null;
  }
}

/** All settings by their names. */
export function byName(settings: Settings | null): ReadonlyMap<string, Setting> {
  const all = settings?.groups.flatMap((group) => group.settings) ?? [];
  return new Map(all.map((setting) => [setting.name, setting]));
}

/** The changes with one more; what equals the settings in force is no change. */
export function withChange(changes: Values, name: string, value: SettingValue, inForce: SettingValue | undefined): Values {
  const { [name]: _, ...others } = changes;
  return value === inForce ? others : { ...others, [name]: value };
}

/** What a plan costs beside another one. */
export interface Difference {
  likely_s: number;
  travel_mm: number;
  snapshots: number;
}

export function difference(plan: Plan, base: Plan | null): Difference | null {
  if (!base || base === plan || base.drawing !== plan.drawing) return null;
  const [a, b] = [plan.totals, base.totals];
  return {
    likely_s: a.likely_s - b.likely_s,
    travel_mm: a.travel_mm - b.travel_mm,
    snapshots: a.snapshots - b.snapshots,
  };
}

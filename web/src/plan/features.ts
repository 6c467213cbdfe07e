//! What is printed, in colours near to those of the slicers' previews; the same as in `moonlapse plan --svg`.

const COLOURS: Readonly<Record<string, string>> = {
  outer_wall: "#e8762d",
  overhang_wall: "#e8762d",
  inner_wall: "#e3b23c",
  wall: "#e3b23c",
  sparse_infill: "#b04a45",
  solid_infill: "#8a68b5",
  bottom_surface: "#8a68b5",
  top_surface: "#d6455d",
  surface: "#d6455d",
  ironing: "#d6455d",
  bridge: "#4d80ba",
  internal_bridge: "#4d80ba",
  support: "#4f9d5b",
  support_interface: "#4f9d5b",
  raft: "#4f9d5b",
  skirt: "#3f8f86",
  brim: "#3f8f86",
  skirt_brim: "#3f8f86",
  ooze_shield: "#3f8f86",
  gap_fill: "#8a8f99",
  wipe_tower: "#7fb069",
};

/** For what has no colour of its own. */
const OTHER = "#9b8f83";

export function featureColour(name: string | undefined): string {
  return COLOURS[name ?? ""] ?? OTHER;
}

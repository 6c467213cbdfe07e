//! What the agent sends; docs/api.md says what each field means.

type Maybe<T> = T | null | undefined;

export type Point = readonly [number, number];

export interface PrintState {
  number: number;
  file: string;
  state: "standby" | "printing" | "paused" | "complete" | "cancelled" | "error";
  session?: Maybe<string>;
  progress?: Maybe<number>;
  file_position?: Maybe<number>;
  file_size?: Maybe<number>;
  elapsed_s?: Maybe<number>;
  left_s?: Maybe<number>;
  layer?: Maybe<number>;
  layers?: Maybe<number>;
  streamed?: boolean;
}

export type Stage = "planned" | "armed" | "in_place" | "captured" | "missed";

export interface SnapshotState {
  state: Stage;
  number?: Maybe<number>;
  layer?: Maybe<number>;
  reason?: Maybe<string>;
  due_in_s?: Maybe<number>;
}

/** How a stored picture is to be shown: cropped, then mirrored, then turned. */
export interface View {
  rotation: number;
  flip_x: boolean;
  flip_y: boolean;
  crop?: Maybe<{ left: number; top: number; width: number; height: number }>;
}

export interface LiveCamera {
  index: number;
  name: string;
  reel: number;
  session?: Maybe<string>;
  number?: Maybe<number>;
  width?: Maybe<number>;
  height?: Maybe<number>;
  bytes?: Maybe<number>;
  at?: Maybe<string>;
  layer?: Maybe<number>;
  view?: Maybe<View>;
  url?: Maybe<string>;
}

export type Filming = "off" | "waiting" | "calls" | "planning" | "planned" | "in_passing" | "observed" | "stopped";

export interface State {
  version: string;
  now: string;
  revision: number;
  moonraker: "connected" | "away";
  klipper: "ready" | "away";
  enabled: boolean;
  print?: Maybe<PrintState>;
  filming: Filming;
  filming_note?: Maybe<string>;
  snapshot?: Maybe<SnapshotState>;
  frames: number;
  misses: number;
  last_miss?: Maybe<{ layer?: Maybe<number>; reason: string; number?: Maybe<number> }>;
  planned?: Maybe<number>;
  by_window?: Maybe<number>;
  by_fallback?: Maybe<number>;
  added_s?: Maybe<number>;
  expected_s?: Maybe<number>;
  /** The greatest distance of the head from its place in a frame so far, as Klipper tells its moves. */
  off_mm?: Maybe<number>;
  /** Frames in which the head moved. */
  unsteady?: Maybe<number>;
  hold_s?: Maybe<number>;
  head?: Maybe<{
    x?: Maybe<number>;
    y?: Maybe<number>;
    z?: Maybe<number>;
    e?: Maybe<number>;
    speed_mm_s?: Maybe<number>;
    homed?: Maybe<string>;
  }>;
  extruder?: Maybe<{
    actual?: Maybe<number>;
    target?: Maybe<number>;
    flow_mm_s?: Maybe<number>;
    state?: Maybe<string>;
  }>;
  bed?: Maybe<{ actual?: Maybe<number>; target?: Maybe<number> }>;
  park?: Maybe<readonly (number | null)[]>;
  cameras: readonly LiveCamera[];
  disk?: Maybe<{ free: number; reserve: number; frames_left?: Maybe<number> }>;
}

/** b: before the agent came, p: planned, a: armed, i: in place, c: captured, m: missed. */
export type ShotState = "b" | "p" | "a" | "i" | "c" | "m";
export type ShotRow = readonly [number: number, layer: number, state: ShotState, reason?: string | null];

export interface ShotsEvent {
  print: number;
  /** 0 with all; left out with those that changed. */
  from?: number;
  total: number;
  shots: readonly ShotRow[];
}

export interface LogLine {
  id: number;
  at: string;
  level: "info" | "warn" | "error";
  text: string;
}

export interface Job {
  id: number | string;
  session: string;
  film: boolean;
  archive: boolean;
  profile?: Maybe<string>;
  asked?: boolean;
  created_at?: Maybe<string>;
  attempts?: number;
  problem?: Maybe<string>;
  failed?: boolean;
  state: "waiting" | "running" | "failed";
  progress?: Maybe<number>;
  doing?: Maybe<string>;
}

export interface GcodeFile {
  path: string;
  bytes: number;
  modified: string;
}

export type Shape =
  | { rectangle: { min: { x: number; y: number }; max: { x: number; y: number } } }
  | { circle: { centre: { x: number; y: number }; radius: number } };

export type Rule = "required" | "forbidden" | "avoid";

export interface Restriction {
  rule: Rule;
  shape: Shape;
}

export type Bed =
  | { shape: "rectangle"; min: Point; max: Point }
  | { shape: "round"; centre: Point; radius: number };

export interface Totals {
  layers: number;
  snapshots: number;
  missed: number;
  without_return: number;
  without_move: number;
  under_three_windows: number;
  travel_mm: number;
  extra_retractions: number;
  added_s: number;
  likely_s: number;
  added_per_snapshot_s: number;
  print_s: number;
}

/** [layer, index of the layer, cost in s, travel in mm, windows, park x, park y] */
export type PlannedFrame = readonly [number, number, number, number, number, number | null, number | null];

export interface Plan {
  plan: string;
  drawing: string;
  file: string;
  bytes: number;
  took_ms?: number;
  bed: Bed;
  /** What is printed: x1, y1, x2, y2. */
  bounds?: Maybe<readonly [number, number, number, number]>;
  printer_known: boolean;
  trigger: string;
  mode: string;
  park?: Maybe<Point>;
  switched_off?: boolean;
  calls?: Maybe<number>;
  annotated?: boolean;
  restrictions?: Maybe<readonly Restriction[]>;
  totals: Totals;
  issues: readonly string[];
  missed: readonly { layer: number; reason: string }[];
  layers: {
    z: readonly number[];
    time_s: readonly number[];
    from: readonly number[];
    to: readonly number[];
    points: readonly number[];
  };
  frames: readonly PlannedFrame[];
}

export interface PlanQuestion {
  file: string | null;
  settings?: Record<string, SettingValue>;
  restrictions?: readonly Restriction[];
}

export interface PlanWindow {
  from: number;
  to: number;
  kind: string;
  feature?: Maybe<string>;
  return: boolean;
  travel_mm: number;
  retract: boolean;
  lifted: boolean;
  at: readonly [number, number, number];
  resume: Point;
  rise_to?: Maybe<number>;
  object?: Maybe<string>;
  time_s: number;
  seconds: number;
}

export interface Snapshot {
  layer: number;
  height: number;
  time_s: number;
  park: { x?: Maybe<number>; y?: Maybe<number> };
  span: { from: number; to: number };
  windows: readonly PlanWindow[];
  fallback?: Maybe<PlanWindow>;
  cost_s: number;
}

export interface Reel {
  number: number;
  camera?: Maybe<string>;
  track?: Maybe<string>;
  view?: Maybe<View>;
  frames: number;
  lost: number;
  misses: number;
  bytes: number;
}

export interface Film {
  name: string;
  kind: "film" | "picture" | "archive";
  type: string;
  bytes: number;
  made_at: string;
  session?: Maybe<string>;
  print_file?: Maybe<string>;
  frames?: Maybe<number>;
  duration_s?: Maybe<number>;
  fps?: Maybe<number>;
  width?: Maybe<number>;
  height?: Maybe<number>;
  profile?: Maybe<string>;
  warnings?: Maybe<readonly string[]>;
  picture?: Maybe<string>;
  url?: Maybe<string>;
}

export interface Summary {
  id: string;
  print_file: string;
  started_at: string;
  ended_at?: Maybe<string>;
  outcome: "printing" | "complete" | "cancelled" | "error" | "interrupted";
  camera?: Maybe<string>;
  frames: number;
  lost: number;
  dropped?: number;
  misses: number;
  bytes: number;
  preview?: Maybe<{ reel: number; number: number; chosen: boolean }>;
  reels: readonly Reel[];
  films: readonly Film[];
}

export interface Miss {
  reel: number;
  shot?: Maybe<number>;
  at: string;
  layer?: Maybe<number>;
  reason: string;
}

export interface SessionDetails extends Summary {
  missed: readonly Miss[];
  queued: readonly Job[];
}

export interface Frame {
  number: number;
  shot: number;
  width: number;
  height: number;
  bytes: number;
  adopted?: boolean;
  dropped?: boolean;
  at: string;
  layer?: Maybe<number>;
  height_mm?: Maybe<number>;
  x_mm?: Maybe<number>;
  y_mm?: Maybe<number>;
  z_mm?: Maybe<number>;
  extruder_c?: Maybe<number>;
  bed_c?: Maybe<number>;
  file_position?: Maybe<number>;
  eta_error_s?: Maybe<number>;
  exposure_from_s?: Maybe<number>;
  exposure_to_s?: Maybe<number>;
  camera?: Maybe<string>;
}

export type SettingValue = string | number | boolean;

export interface Setting {
  name: string;
  title: string;
  text: string;
  type: "boolean" | "integer" | "number" | "choice" | "text";
  min?: Maybe<number>;
  max?: Maybe<number>;
  step?: Maybe<number>;
  unit?: Maybe<string>;
  choices?: Maybe<readonly { value: string; title: string }[]>;
  multiline?: boolean;
  default: SettingValue;
  value: SettingValue;
  editable: boolean;
  fixed_by?: Maybe<string>;
  advanced?: boolean;
}

export interface SettingGroup {
  id: string;
  title: string;
  text?: Maybe<string>;
  settings: readonly Setting[];
}

export interface Settings {
  revision: number;
  groups: readonly SettingGroup[];
}

export interface Preset {
  id: string;
  kind: "printer" | "camera" | "quality";
  title: string;
  text: string;
  values: Record<string, SettingValue>;
}

export interface Profile {
  name: string;
  automatic: boolean;
  summary: string;
}

export interface Probe {
  at: string;
  kind: string;
  server?: Maybe<string>;
  width?: Maybe<number>;
  height?: Maybe<number>;
  stills?: Maybe<Point>;
  fps?: Maybe<number>;
  freshness?: Maybe<string>;
  hold_s?: Maybe<number>;
  summary?: Maybe<string>;
  trouble?: Maybe<string>;
  remark?: Maybe<string>;
}

export interface Curve {
  delay_s: readonly number[];
  seen: readonly number[];
}

export interface Timing {
  at?: Maybe<string>;
  latency_s: number;
  exposure_s: number;
  interval_s: number;
  jitter_s: number;
  error_s: number;
  spread_s: number;
  edges: number;
  stamps?: Maybe<{ offset_s: number; right: boolean }>;
  hold_s?: Maybe<number>;
  summary?: Maybe<string>;
  curve?: Maybe<Curve>;
}

export interface Camera {
  index: number;
  name: string;
  uid?: Maybe<string>;
  source: "webcam" | "program" | "macro";
  stream_url?: Maybe<string>;
  snapshot_url?: Maybe<string>;
  view?: Maybe<View>;
  leads?: boolean;
  delay_is_set?: boolean;
  probe?: Maybe<Probe>;
  timing?: Maybe<Timing>;
}

export interface Cameras {
  revision: number;
  cameras: readonly Camera[];
  light: { configured: boolean; pin?: Maybe<string>; power?: Maybe<string> };
}

export interface LightTest {
  before: string;
  after: string;
  brightness: readonly [number, number];
  gained: number;
}

export interface Calibration {
  state: "idle" | "running" | "done" | "failed";
  text: string;
  lines: readonly string[];
  cameras: readonly { index: number; name: string; timing?: Maybe<Timing>; problem?: Maybe<string> }[];
}

export interface Finding {
  id: string | number;
  level: "ok" | "info" | "warning" | "error";
  title: string;
  text: string;
  advice?: Maybe<string>;
}

export interface Health {
  revision: number;
  /** `null` when nobody has looked yet. */
  checked_at?: Maybe<string>;
  summary?: Maybe<string>;
  findings: readonly Finding[];
}

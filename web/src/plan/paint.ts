//! Drawing a layer: the bed, the paths by feature, what the plan does with them, and the areas.

import type { Bed, PlanWindow, Restriction, Rule, Snapshot } from "../api/types";
import { grips } from "./areas";
import type { Layer, Run } from "./decode";
import { featureColour } from "./features";
import { bedBounds, toCanvas, type Sight } from "./sight";

/** A line of filament is about so wide, mm. */
const LINE = 0.42;
/** So many windows are marked. */
const WINDOWS = 6;
/** Candidates are drawn from this scale on, pixels for each mm; below they would only cover the print. */
const CANDIDATES_FROM = 1.5;

export type Colours = (name: string) => string;

/** What can be switched on and off. */
export interface Shown {
  travels: boolean;
  candidates: boolean;
  windows: boolean;
}

/** A layer's paths, one for each colour, in units of the layer. */
interface Paths {
  printed: Map<string, Path2D>;
  travels: Path2D;
  candidates: Float32Array;
}

const built = new WeakMap<Layer, Paths>();

function paths(layer: Layer, features: readonly string[]): Paths {
  const known = built.get(layer);
  if (known) return known;
  const printed = new Map<string, Path2D>();
  const travels = new Path2D();
  const candidates: number[] = [];
  for (const run of layer.runs) {
    if (run.travel) {
      trace(travels, layer, run);
      for (let i = run.first; i < run.end; i += 1) candidates.push(layer.points[2 * i] ?? 0, layer.points[2 * i + 1] ?? 0);
      continue;
    }
    const colour = featureColour(features[run.feature]);
    let path = printed.get(colour);
    if (!path) printed.set(colour, (path = new Path2D()));
    trace(path, layer, run);
  }
  const made = { printed, travels, candidates: Float32Array.from(candidates) };
  built.set(layer, made);
  return made;
}

function trace(path: Path2D, layer: Layer, run: Run): void {
  const { points } = layer;
  for (let i = run.first; i < run.end; i += 1) {
    const u = points[2 * i] ?? 0;
    const v = points[2 * i + 1] ?? 0;
    if (i === run.first) path.moveTo(u, v);
    else path.lineTo(u, v);
  }
}

/** The bed with its grid. */
export function paintBed(context: CanvasRenderingContext2D, bed: Bed, sight: Sight, paint: Colours): void {
  const { minX, minY, maxX, maxY } = bedBounds(bed);
  const [left, top] = toCanvas(sight, minX, maxY);
  const [right, bottom] = toCanvas(sight, maxX, minY);
  context.save();
  context.beginPath();
  if (bed.shape === "round") {
    const [x, y] = toCanvas(sight, bed.centre[0], bed.centre[1]);
    context.arc(x, y, bed.radius * sight.scale, 0, 2 * Math.PI);
  } else {
    context.rect(left, top, right - left, bottom - top);
  }
  context.fillStyle = paint("--bed");
  context.fill();
  context.clip();
  const step = sight.scale > 3 ? 10 : 50;
  context.lineWidth = 1;
  for (const [from, to, upright] of [[minX, maxX, true], [minY, maxY, false]] as const) {
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
      const [x, y] = toCanvas(sight, at, at);
      context.strokeStyle = at % 50 === 0 ? paint("--grid-strong") : paint("--grid");
      context.beginPath();
      if (upright) {
        context.moveTo(Math.round(x) + 0.5, top);
        context.lineTo(Math.round(x) + 0.5, bottom);
      } else {
        context.moveTo(left, Math.round(y) + 0.5);
        context.lineTo(right, Math.round(y) + 0.5);
      }
      context.stroke();
    }
  }
  context.restore();
}

/** What the layer prints, and how the head travels. */
export function paintLayer(
  context: CanvasRenderingContext2D,
  layer: Layer,
  features: readonly string[],
  sight: Sight,
  shown: Shown,
  paint: Colours,
): void {
  const { printed, travels, candidates } = paths(layer, features);
  const [x, y] = toCanvas(sight, layer.x0, layer.y0);
  const unit = layer.unit * sight.scale;
  context.save();
  context.translate(x, y);
  context.scale(unit, -unit);
  context.lineCap = "round";
  context.lineJoin = "round";
  context.lineWidth = Math.max(LINE / layer.unit, 1 / unit);
  for (const [colour, path] of printed) {
    context.strokeStyle = colour;
    context.stroke(path);
  }
  if (shown.travels) {
    context.lineWidth = 1 / unit;
    context.setLineDash([3 / unit, 3 / unit]);
    context.strokeStyle = paint("--travel");
    context.stroke(travels);
    context.setLineDash([]);
  }
  if (shown.candidates && sight.scale >= CANDIDATES_FROM) {
    const size = 3 / unit;
    context.fillStyle = paint("--travel");
    for (let i = 0; i < candidates.length; i += 2) {
      context.fillRect((candidates[i] ?? 0) - size / 2, (candidates[i + 1] ?? 0) - size / 2, size, size);
    }
  }
  context.restore();
}

/** Where the layer's frames are taken, and the head's ways. */
export function paintFrames(
  context: CanvasRenderingContext2D,
  frames: readonly Snapshot[],
  chosen: number | null,
  sight: Sight,
  paint: Colours,
): void {
  for (const frame of frames) {
    const windows = frame.windows.slice(0, WINDOWS);
    const best = chosen !== null && frame.windows[chosen] ? chosen : 0;
    [...windows.entries()].reverse().forEach(([i, window]) => way(context, frame, window, i === best, sight, paint));
    if (windows.length === 0 && frame.fallback) way(context, frame, frame.fallback, true, sight, paint);
    if (frame.fallback) {
      const [x, y] = toCanvas(sight, frame.fallback.at[0], frame.fallback.at[1]);
      context.lineWidth = 2.5;
      context.strokeStyle = paint("--good");
      context.strokeRect(x - 6, y - 6, 12, 12);
    }
    [...windows.entries()].reverse().forEach(([i, window]) => {
      const [x, y] = toCanvas(sight, window.at[0], window.at[1]);
      badge(context, x, y, String(i + 1), i === best, paint);
    });
    const at = frame.windows[best] ?? frame.fallback;
    if (at) parkMark(context, ...toCanvas(sight, frame.park.x ?? at.at[0], frame.park.y ?? at.at[1]), paint);
  }
}

function way(
  context: CanvasRenderingContext2D,
  frame: Snapshot,
  window: PlanWindow,
  best: boolean,
  sight: Sight,
  paint: Colours,
): void {
  const from = toCanvas(sight, window.at[0], window.at[1]);
  const park = toCanvas(sight, frame.park.x ?? window.at[0], frame.park.y ?? window.at[1]);
  const to = toCanvas(sight, window.resume[0], window.resume[1]);
  context.save();
  context.strokeStyle = paint("--way");
  context.fillStyle = paint("--way");
  context.globalAlpha = best ? 1 : 0.32;
  context.lineWidth = best ? 2.2 : 1;
  line(context, from, park);
  context.setLineDash(best ? [7, 5] : []);
  line(context, park, to);
  context.setLineDash([]);
  if (best) arrow(context, from, park);
  context.restore();
}

function line(context: CanvasRenderingContext2D, a: readonly [number, number], b: readonly [number, number]): void {
  context.beginPath();
  context.moveTo(a[0], a[1]);
  context.lineTo(b[0], b[1]);
  context.stroke();
}

/** A head of an arrow in the middle of the way. */
function arrow(context: CanvasRenderingContext2D, a: readonly [number, number], b: readonly [number, number]): void {
  const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
  const length = Math.hypot(dx, dy);
  if (length < 30) return;
  context.save();
  context.translate(a[0] + dx * 0.55, a[1] + dy * 0.55);
  context.rotate(Math.atan2(dy, dx));
  context.beginPath();
  context.moveTo(8, 0);
  context.lineTo(-4, -5);
  context.lineTo(-4, 5);
  context.fill();
  context.restore();
}

function badge(context: CanvasRenderingContext2D, x: number, y: number, text: string, best: boolean, paint: Colours): void {
  context.save();
  context.beginPath();
  context.arc(x, y, best ? 10 : 8, 0, 2 * Math.PI);
  context.fillStyle = best ? paint("--way") : paint("--surface");
  context.fill();
  context.lineWidth = 1.5;
  context.strokeStyle = best ? paint("--surface") : paint("--way");
  context.stroke();
  context.fillStyle = best ? paint("--surface") : paint("--way");
  context.font = `600 ${best ? 12 : 10}px ${paint("--font")}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x, y + 0.5);
  context.restore();
}

function parkMark(context: CanvasRenderingContext2D, x: number, y: number, paint: Colours): void {
  context.save();
  context.lineWidth = 2.5;
  context.strokeStyle = paint("--park");
  context.fillStyle = paint("--surface");
  context.beginPath();
  context.arc(x, y, 9, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  line(context, [x - 14, y], [x + 14, y]);
  line(context, [x, y - 14], [x, y + 14]);
  context.restore();
}

const RULE_COLOUR: Record<Rule, string> = { required: "--good", forbidden: "--bad", avoid: "--warn" };

/** The areas that restrict the frames; the chosen one with its grips. */
export function paintAreas(
  context: CanvasRenderingContext2D,
  areas: readonly Restriction[],
  chosen: number | null,
  sight: Sight,
  paint: Colours,
): void {
  areas.forEach(({ rule, shape }, index) => {
    context.save();
    const colour = paint(RULE_COLOUR[rule]);
    context.beginPath();
    if ("circle" in shape) {
      const [x, y] = toCanvas(sight, shape.circle.centre.x, shape.circle.centre.y);
      context.arc(x, y, shape.circle.radius * sight.scale, 0, 2 * Math.PI);
    } else {
      const { min, max } = shape.rectangle;
      const [x, y] = toCanvas(sight, min.x, max.y);
      context.rect(x, y, (max.x - min.x) * sight.scale, (max.y - min.y) * sight.scale);
    }
    context.fillStyle = colour;
    context.globalAlpha = 0.18;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = colour;
    context.lineWidth = index === chosen ? 3 : 2;
    if (rule === "avoid") context.setLineDash([8, 5]);
    context.stroke();
    context.setLineDash([]);
    if (index === chosen) {
      for (const [, gx, gy] of grips(shape)) {
        const [x, y] = toCanvas(sight, gx, gy);
        context.fillStyle = paint("--surface");
        context.fillRect(x - 6, y - 6, 12, 12);
        context.strokeRect(x - 6, y - 6, 12, 12);
      }
    }
    context.restore();
  });
}

//! A drawing as the agent sends it: layers as polylines with 16-bit coordinates. docs/api.md has the format.

/** Bits of a run's flags. */
const TRAVEL = 1;
const RETRACTED = 2;
const THINNED = 4;

const HEAD = 32;
const RUN = 8;

/** One polyline. */
export interface Run {
  /** Its points are `points[2 * first]` up to `points[2 * end]`, exclusive. */
  first: number;
  end: number;
  /** Index into the names of the features. */
  feature: number;
  travel: boolean;
  retracted: boolean;
  /** Of the layer's bytes, where it ends at the latest; in units of 256, `65535` for what is beyond. */
  fileEnd: number;
}

export interface Layer {
  number: number;
  z: number;
  runs: readonly Run[];
  /** x and y by turns, in units; mm = origin + unit * value. */
  points: Uint16Array;
  x0: number;
  y0: number;
  unit: number;
  /** Points were left out, as there are very many. */
  thinned: boolean;
}

/** Why a drawing cannot be read. */
export class DrawingError extends Error {}

/** All layers in `bytes`. */
export function decodeLayers(bytes: ArrayBuffer): Layer[] {
  const view = new DataView(bytes);
  const layers: Layer[] = [];
  let at = 0;
  while (at < bytes.byteLength) {
    if (bytes.byteLength - at < HEAD) throw new DrawingError("the drawing ends in the head of a layer");
    const size = view.getUint32(at, true);
    if (size < HEAD || size % 4 !== 0 || at + size > bytes.byteLength) {
      throw new DrawingError(`a layer of the drawing claims ${size} bytes`);
    }
    layers.push(decodeLayer(view, at, size));
    at += size;
  }
  return layers;
}

function decodeLayer(view: DataView, at: number, size: number): Layer {
  const runCount = view.getUint32(at + 24, true);
  const pointCount = view.getUint32(at + 28, true);
  if (HEAD + runCount * RUN + pointCount * 4 > size) throw new DrawingError("a layer of the drawing has more than fits");
  const runsAt = at + HEAD;
  const pointsAt = runsAt + runCount * RUN;
  const firstOf = (i: number) => (i < runCount ? view.getUint32(runsAt + i * RUN, true) : pointCount);
  const runs: Run[] = [];
  let thinned = false;
  for (let i = 0; i < runCount; i += 1) {
    const [first, end] = [firstOf(i), firstOf(i + 1)];
    if (first > end || end > pointCount) throw new DrawingError("the runs of a layer are out of order");
    const flags = view.getUint8(runsAt + i * RUN + 5);
    thinned ||= (flags & THINNED) !== 0;
    runs.push({
      first,
      end,
      feature: view.getUint8(runsAt + i * RUN + 4),
      travel: (flags & TRAVEL) !== 0,
      retracted: (flags & RETRACTED) !== 0,
      fileEnd: view.getUint16(runsAt + i * RUN + 6, true),
    });
  }
  // A copy, as an array of 16-bit numbers is aligned and in the machine's order.
  const points = new Uint16Array(pointCount * 2);
  for (let i = 0; i < points.length; i += 1) points[i] = view.getUint16(pointsAt + i * 2, true);
  return {
    number: view.getUint32(at + 4, true),
    z: view.getFloat32(at + 8, true),
    x0: view.getFloat32(at + 12, true),
    y0: view.getFloat32(at + 16, true),
    unit: view.getFloat32(at + 20, true),
    runs,
    points,
    thinned,
  };
}

export interface Bounds {
  minX: number;
  minY: number;
  maxX: number;
  maxY: number;
}

/** Where the layer prints, mm; `null` when it prints nothing. */
export function printedBounds(layer: Layer): Bounds | null {
  let [minU, minV, maxU, maxV] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const run of layer.runs) {
    if (run.travel) continue;
    for (let i = run.first; i < run.end; i += 1) {
      const u = layer.points[2 * i] ?? 0;
      const v = layer.points[2 * i + 1] ?? 0;
      if (u < minU) minU = u;
      if (u > maxU) maxU = u;
      if (v < minV) minV = v;
      if (v > maxV) maxV = v;
    }
  }
  if (minU > maxU) return null;
  const { x0, y0, unit } = layer;
  return { minX: x0 + minU * unit, minY: y0 + minV * unit, maxX: x0 + maxU * unit, maxY: y0 + maxV * unit };
}

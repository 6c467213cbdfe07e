import { describe, expect, it } from "vitest";

import { decodeLayers, DrawingError, printedBounds } from "./decode";

interface Block {
  layer: number;
  z?: number;
  origin?: [number, number];
  unit?: number;
  runs: [first: number, feature: number, flags: number][];
  points: [number, number][];
}

/** As the agent writes it. */
function encode(blocks: Block[]): ArrayBuffer {
  const sizes = blocks.map((b) => 32 + 8 * b.runs.length + 4 * b.points.length);
  const bytes = new ArrayBuffer(sizes.reduce((a, b) => a + b, 0));
  const view = new DataView(bytes);
  let at = 0;
  blocks.forEach((block, i) => {
    view.setUint32(at, sizes[i]!, true);
    view.setUint32(at + 4, block.layer, true);
    view.setFloat32(at + 8, block.z ?? 0.2, true);
    view.setFloat32(at + 12, block.origin?.[0] ?? 0, true);
    view.setFloat32(at + 16, block.origin?.[1] ?? 0, true);
    view.setFloat32(at + 20, block.unit ?? 0.5, true);
    view.setUint32(at + 24, block.runs.length, true);
    view.setUint32(at + 28, block.points.length, true);
    block.runs.forEach(([first, feature, flags], r) => {
      view.setUint32(at + 32 + 8 * r, first, true);
      view.setUint8(at + 36 + 8 * r, feature);
      view.setUint8(at + 37 + 8 * r, flags);
      view.setUint16(at + 38 + 8 * r, 7, true);
    });
    block.points.forEach(([x, y], p) => {
      view.setUint16(at + 32 + 8 * block.runs.length + 4 * p, x, true);
      view.setUint16(at + 34 + 8 * block.runs.length + 4 * p, y, true);
    });
    at += sizes[i]!;
  });
  return bytes;
}

const square: Block = {
  layer: 3,
  z: 0.75,
  origin: [10, 20],
  runs: [
    [0, 1, 0],
    [3, 0, 3],
  ],
  points: [
    [0, 0],
    [10, 0],
    [10, 10],
    [10, 10],
    [400, 400],
  ],
};

describe("a drawing", () => {
  it("has every layer with its runs and points", () => {
    const layers = decodeLayers(encode([square, { ...square, layer: 4 }]));
    expect(layers.map((l) => l.number)).toEqual([3, 4]);
    const [layer] = layers;
    expect(layer?.z).toBe(0.75);
    expect(layer?.runs).toEqual([
      { first: 0, end: 3, feature: 1, travel: false, retracted: false, fileEnd: 7 },
      { first: 3, end: 5, feature: 0, travel: true, retracted: true, fileEnd: 7 },
    ]);
    expect([...(layer?.points ?? [])]).toEqual([0, 0, 10, 0, 10, 10, 10, 10, 400, 400]);
    expect(layer?.thinned).toBe(false);
  });

  it("may be empty, as may a layer", () => {
    expect(decodeLayers(new ArrayBuffer(0))).toEqual([]);
    const [layer] = decodeLayers(encode([{ layer: 1, runs: [], points: [] }]));
    expect(layer?.runs).toEqual([]);
    expect(printedBounds(layer!)).toBe(null);
  });

  it("says when it was thinned out", () => {
    expect(decodeLayers(encode([{ layer: 1, runs: [[0, 1, 4]], points: [[0, 0]] }]))[0]?.thinned).toBe(true);
  });

  it("is bounded by what is printed, not by travels", () => {
    const [layer] = decodeLayers(encode([square]));
    expect(printedBounds(layer!)).toEqual({ minX: 10, minY: 20, maxX: 15, maxY: 25 });
  });

  it("that was cut or is broken is refused", () => {
    const bytes = encode([square]);
    for (const end of [1, 31, 33, bytes.byteLength - 4]) {
      expect(() => decodeLayers(bytes.slice(0, end)), `${end} bytes`).toThrow(DrawingError);
    }
    const endless = encode([square]);
    new DataView(endless).setUint32(0, 0, true);
    expect(() => decodeLayers(endless)).toThrow(DrawingError);
    const crowded = encode([square]);
    new DataView(crowded).setUint32(28, 4_000_000_000, true);
    expect(() => decodeLayers(crowded)).toThrow(DrawingError);
    const disordered = encode([square]);
    new DataView(disordered).setUint32(40, 99, true);
    expect(() => decodeLayers(disordered)).toThrow(DrawingError);
  });
});

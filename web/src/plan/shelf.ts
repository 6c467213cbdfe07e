//! The layers of a drawing, fetched as they are looked at.

import { ApiError, getBytes, part } from "../api/client";
import { decodeLayers, type Layer } from "./decode";

/** More points than this are not kept. */
const KEPT_POINTS = 3_000_000;
/** So many points are asked for beyond the layer that is looked at, and so many layers. */
const AHEAD_POINTS = 40_000;
const AHEAD_LAYERS = 40;

export class Shelf {
  readonly #layers = new Map<number, Layer>();
  #points = 0;
  #wanted = 0;
  #loading = false;
  #closed = false;

  constructor(
    readonly drawing: string,
    /** Points of each layer, by its index. */
    private readonly sizes: readonly number[],
    /** Called when a layer has come. */
    private readonly came: (layer: Layer) => void,
    /** Called when none can come; the agent has forgotten the drawing when `forgotten`. */
    private readonly failed: (error: Error, forgotten: boolean) => void,
  ) {}

  /** The layer, when it is here; else it is fetched. */
  look(number: number): Layer | undefined {
    this.#wanted = number;
    const layer = this.#layers.get(number);
    if (layer) {
      this.#layers.delete(number);
      this.#layers.set(number, layer);
    }
    void this.#load();
    return layer;
  }

  close(): void {
    this.#closed = true;
    this.#layers.clear();
  }

  /** One request at a time, for what is wanted when it begins: a slider passes over many layers. */
  async #load(): Promise<void> {
    if (this.#loading) return;
    this.#loading = true;
    for (;;) {
      const range = this.#closed ? null : missing(this.#wanted, this.sizes, (n) => this.#layers.has(n));
      if (!range) break;
      try {
        const bytes = await getBytes(`drawings/${part(this.drawing)}/layers?from=${range[0]}&to=${range[1]}`);
        if (this.#closed) break;
        const layers = decodeLayers(bytes);
        if (layers.length === 0) break;
        for (const layer of layers) this.#put(layer);
      } catch (error) {
        const forgotten = error instanceof ApiError && error.status === 404;
        if (!this.#closed) this.failed(error instanceof Error ? error : new Error(String(error)), forgotten);
        break;
      }
    }
    this.#loading = false;
  }

  #put(layer: Layer): void {
    if (this.#layers.has(layer.number)) return;
    this.#layers.set(layer.number, layer);
    this.#points += layer.points.length / 2;
    for (const [number, old] of this.#layers) {
      if (this.#points <= KEPT_POINTS || this.#layers.size <= 2) break;
      if (number === this.#wanted) continue;
      this.#layers.delete(number);
      this.#points -= old.points.length / 2;
    }
    this.came(layer);
  }
}

/** Which layers to ask for next: the wanted one alone, then those behind it as far as they are small. */
export function missing(
  wanted: number,
  sizes: readonly number[],
  has: (layer: number) => boolean,
): [from: number, to: number] | null {
  if (wanted < 1 || wanted > sizes.length) return null;
  if (!has(wanted)) return [wanted, wanted];
  let from = wanted;
  const end = Math.min(sizes.length, wanted + AHEAD_LAYERS);
  while (from <= end && has(from)) from += 1;
  if (from > end) return null;
  let points = 0;
  let to = from;
  for (let n = from; n <= end && !has(n); n += 1) {
    points += sizes[n - 1] ?? 0;
    if (n > from && points > AHEAD_POINTS) break;
    to = n;
  }
  // What is large is fetched when it is looked at.
  return to === from && points > AHEAD_POINTS ? null : [from, to];
}

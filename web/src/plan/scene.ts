//! Keeps the canvas of a plan up to date, at most once a frame of the screen.

import type { Bed, Restriction, Snapshot } from "../api/types";
import { colours } from "../ui/colours";
import type { Layer } from "./decode";
import { paintAreas, paintBed, paintFrames, paintLayer, type Shown } from "./paint";
import type { Sight } from "./sight";

export interface Scene {
  bed: Bed;
  layer: Layer | null;
  features: readonly string[];
  frames: readonly Snapshot[];
  /** Which window's way is shown in full. */
  window: number | null;
  areas: readonly Restriction[];
  area: number | null;
  shown: Shown;
  sight: Sight;
}

/** Below this, ms, the paths are drawn anew in every step of a movement; else they follow as a picture. */
const QUICK = 12;
/** After a movement the paths are drawn anew when nothing has moved for this long, ms. */
const REST = 90;

/** Paints scenes. The bed and the paths are kept as a picture, as they take the most. */
export class Painter {
  readonly #canvas: HTMLCanvasElement;
  readonly #still = document.createElement("canvas");
  #scene: Scene | null = null;
  /** What the picture shows; `null` when it must be drawn anew. */
  #pictured: Pick<Scene, "bed" | "layer" | "features" | "shown" | "sight"> | null = null;
  #took = 0;
  #request = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;
  #size: [number, number] = [0, 0];

  constructor(canvas: HTMLCanvasElement) {
    this.#canvas = canvas;
  }

  show(scene: Scene): void {
    this.#scene = scene;
    this.#request ||= requestAnimationFrame(() => this.#paint(false));
  }

  /** The colours or the size have changed. */
  renew(): void {
    this.#pictured = null;
    if (this.#scene) this.show(this.#scene);
  }

  stop(): void {
    cancelAnimationFrame(this.#request);
    clearTimeout(this.#rest);
    this.#scene = null;
  }

  #paint(rested: boolean): void {
    this.#request = 0;
    const scene = this.#scene;
    const context = this.#canvas.getContext("2d");
    if (!scene || !context) return;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.#canvas.clientWidth, this.#canvas.clientHeight];
    if (width === 0 || height === 0) return;
    if (this.#size[0] !== width * ratio || this.#size[1] !== height * ratio) {
      this.#size = [width * ratio, height * ratio];
      for (const canvas of [this.#canvas, this.#still]) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
      }
      this.#pictured = null;
    }
    const paint = colours(this.#canvas);
    const pictured = this.#pictured;
    const same =
      pictured !== null &&
      pictured.bed === scene.bed &&
      pictured.layer === scene.layer &&
      pictured.features === scene.features &&
      pictured.shown === scene.shown;
    const moved = same && pictured.sight !== scene.sight;
    if (!same || (moved && (rested || this.#took < QUICK))) this.#redraw(scene, ratio, paint);
    else if (moved) {
      clearTimeout(this.#rest);
      this.#rest = setTimeout(() => this.#paint(true), REST);
    }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    const from = this.#pictured?.sight ?? scene.sight;
    const zoom = scene.sight.scale / from.scale;
    const dx = (from.left - scene.sight.left) * scene.sight.scale * ratio;
    const dy = (scene.sight.top - from.top) * scene.sight.scale * ratio;
    context.drawImage(this.#still, dx, dy, this.#still.width * zoom, this.#still.height * zoom);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    paintAreas(context, scene.areas, scene.area, scene.sight, paint);
    if (scene.shown.windows) paintFrames(context, scene.frames, scene.window, scene.sight, paint);
    this.#canvas.dataset["layer"] = String(scene.layer?.number ?? "");
  }

  #redraw(scene: Scene, ratio: number, paint: (name: string) => string): void {
    const context = this.#still.getContext("2d");
    if (!context) return;
    const begun = performance.now();
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.#still.width, this.#still.height);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    paintBed(context, scene.bed, scene.sight, paint);
    if (scene.layer) paintLayer(context, scene.layer, scene.features, scene.sight, scene.shown, paint);
    this.#took = performance.now() - begun;
    const { bed, layer, features, shown, sight } = scene;
    this.#pictured = { bed, layer, features, shown, sight };
  }
}

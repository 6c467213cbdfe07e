//! A picture of a camera as the film shows it. The one before stays until the next one is ready, so nothing flickers.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { address } from "../api/client";
import type { View } from "../api/types";
import { placement } from "./view";

/** Pictures that were loaded before they are wanted, newest last. */
const kept = new Map<string, HTMLImageElement>();
const KEPT = 48;

/** Loads a picture, or gives one that was. */
export function loadPicture(url: string): HTMLImageElement {
  const known = kept.get(url);
  if (known) {
    kept.delete(url);
    kept.set(url, known);
    return known;
  }
  const image = new Image();
  image.decoding = "async";
  image.src = address(url);
  image.onerror = () => kept.delete(url);
  kept.set(url, image);
  for (const oldest of kept.keys()) {
    if (kept.size <= KEPT) break;
    kept.delete(oldest);
  }
  return image;
}

interface Props {
  /** `null`: nothing to show yet. */
  url: string | null | undefined;
  view?: View | null | undefined;
  /** What is to be seen, for screen readers. */
  label: string;
  /** What stands there without a picture. */
  nothing?: string;
  /** For pictures that may change under the same address. */
  keep?: boolean;
  onDrawn?: () => void;
  children?: ComponentChildren;
}

export function Picture({ url, view, label, nothing = "No picture yet", keep = true, onDrawn, children }: Props): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [drawn, setDrawn] = useState<string | null>(null);
  const [broken, setBroken] = useState(false);
  const [shape, setShape] = useState<string | null>(null);
  const told = useRef(onDrawn);
  told.current = onDrawn;
  const how = JSON.stringify(view ?? null);

  useEffect(() => {
    if (!url) return undefined;
    let wanted = true;
    if (!keep) kept.delete(url);
    const image = loadPicture(url);
    image.decode().then(
      () => {
        if (!wanted || !canvas.current) return;
        draw(canvas.current, image, view);
        setShape(`${canvas.current.width} / ${canvas.current.height}`);
        setDrawn(url);
        setBroken(false);
        told.current?.();
      },
      () => {
        if (!wanted) return;
        setBroken(true);
        told.current?.();
      },
    );
    return () => {
      wanted = false;
    };
  }, [url, how, keep]);

  const shows = Boolean(url && drawn && !broken);
  return (
    <figure class="picture" style={shape ? { aspectRatio: shape } : undefined}>
      <canvas ref={canvas} role="img" aria-label={label} data-url={shows ? drawn ?? "" : ""} hidden={!shows} />
      {!shows && <span>{broken ? "This picture cannot be shown" : url ? "Loading" : nothing}</span>}
      {shows && children}
    </figure>
  );
}

function draw(canvas: HTMLCanvasElement, image: HTMLImageElement, view: View | null | undefined): void {
  const { from, width, height, transform } = placement(image.naturalWidth, image.naturalHeight, view);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(...(transform as [number, number, number, number, number, number]));
  context.drawImage(image, from.x, from.y, from.width, from.height, -from.width / 2, -from.height / 2, from.width, from.height);
  context.resetTransform();
}

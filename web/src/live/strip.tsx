//! All frames of the print's plan as a strip: taken, missed, armed, to come.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { live } from "../api/events";
import { theme } from "../app/theme";
import { colours } from "../ui/colours";
import { plural } from "../util/format";
import { useStore } from "../util/store";
import { tally } from "./state";

/** Its size, CSS pixels; the width is the card's. */
const HEIGHT = 26;

export function Strip(): JSX.Element | null {
  const shots = useStore(live, (l) => l.shots);
  const dark = useStore(theme, (t) => t);
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const draw = () => {
      const width = element.clientWidth;
      const ratio = window.devicePixelRatio || 1;
      element.width = Math.round(width * ratio);
      element.height = Math.round(HEIGHT * ratio);
      const context = element.getContext("2d");
      if (!context || shots.length === 0) return;
      const paint = colours(element);
      const step = element.width / shots.length;
      const gap = step > 4 * ratio ? ratio : 0;
      shots.forEach(([, , state], i) => {
        const tall = state === "c" || state === "m" || state === "i";
        context.fillStyle =
          state === "c" ? paint("--accent") : state === "m" ? paint("--bad") : state === "i" || state === "a" ? paint("--warn") : paint("--line-strong");
        context.globalAlpha = state === "p" || state === "b" ? 0.45 : 1;
        const height = element.height * (tall ? 1 : 0.5);
        context.fillRect(i * step, (element.height - height) / 2, Math.max(step - gap, 1), height);
      });
    };
    draw();
    const watch = new ResizeObserver(draw);
    watch.observe(element);
    return () => watch.disconnect();
  }, [shots, dark]);
  if (shots.length === 0) return null;
  const { taken, missed, armed, toCome } = tally(shots);
  const label = `${plural(taken, "frame")} taken, ${missed} missed, ${armed} armed, ${toCome} to come`;
  return (
    <div>
      <canvas ref={canvas} class="strip" role="img" aria-label={label} />
      <p class="legend small muted" aria-hidden="true">
        <span class="key taken">{taken} taken</span>
        <span class="key missed">{missed} missed</span>
        {armed > 0 && <span class="key armed">{armed} armed</span>}
        <span class="key planned">{toCome} to come</span>
      </p>
    </div>
  );
}

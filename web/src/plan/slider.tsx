//! The layers on a slider, with the cost of each above it.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import type { Plan } from "../api/types";
import { theme } from "../app/theme";
import { colours } from "../ui/colours";
import { Button } from "../ui/parts";
import { fixed } from "../util/format";
import { useStore } from "../util/store";

interface Props {
  plan: Plan;
  layer: number;
  /** Where the print is, when this is its plan. */
  printed: number | null;
  onLayer: (layer: number) => void;
}

const HEIGHT = 34;
/** Half the width of the slider's thumb, px: its ends are that far inside. */
const THUMB = 11;

export function LayerSlider({ plan, layer, printed, onLayer }: Props): JSX.Element {
  const most = plan.layers.z.length;
  const z = plan.layers.z[layer - 1];
  return (
    <div class="layers">
      <Costs plan={plan} layer={layer} printed={printed} />
      <div class="layer-row">
        <Button label="Layer below" icon="minus" square disabled={layer <= 1} onClick={() => onLayer(layer - 1)} />
        <input type="range" id="plan-layer" min={1} max={Math.max(most, 1)} value={layer} aria-label="Layer"
          aria-valuetext={`Layer ${layer} of ${most}, ${fixed(z, 2)} mm`} onInput={(e) => onLayer(e.currentTarget.valueAsNumber)} />
        <Button label="Layer above" icon="plus" square disabled={layer >= most} onClick={() => onLayer(layer + 1)} />
      </div>
      <p class="layer-now figure">
        <strong>Layer {layer}</strong> of {most} <span class="muted">at {fixed(z, 2)} mm</span>
      </p>
    </div>
  );
}

function Costs({ plan, layer, printed }: Omit<Props, "onLayer">): JSX.Element {
  const canvas = useRef<HTMLCanvasElement>(null);
  const dark = useStore(theme, (t) => t);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const draw = () => {
      const ratio = window.devicePixelRatio || 1;
      element.width = Math.round(element.clientWidth * ratio);
      element.height = Math.round(HEIGHT * ratio);
      const context = element.getContext("2d");
      if (context) paintCosts(context, plan, layer, printed, ratio, colours(element));
    };
    draw();
    const watch = new ResizeObserver(draw);
    watch.observe(element);
    return () => watch.disconnect();
  }, [plan, layer, printed, dark]);
  return <canvas ref={canvas} class="costs" aria-hidden="true" />;
}

function paintCosts(
  context: CanvasRenderingContext2D,
  plan: Plan,
  layer: number,
  printed: number | null,
  ratio: number,
  paint: (name: string) => string,
): void {
  const most = Math.max(plan.layers.z.length, 1);
  const { width, height } = context.canvas;
  const inside = THUMB * ratio;
  const step = most > 1 ? (width - 2 * inside) / (most - 1) : 0;
  const x = (n: number) => inside + (n - 1) * step;
  const bar = Math.max(step * 0.7, ratio);
  const highest = Math.max(0.1, ...plan.frames.map((frame) => frame[2]));
  context.clearRect(0, 0, width, height);
  for (const [number, , cost] of plan.frames) {
    const past = printed !== null && number <= printed;
    context.fillStyle = number === layer ? paint("--accent") : paint("--line-strong");
    context.globalAlpha = number === layer ? 1 : past ? 0.85 : 0.45;
    const tall = Math.max((cost / highest) * (height - 2), ratio);
    context.fillRect(x(number) - bar / 2, height - tall, bar, tall);
  }
  context.globalAlpha = 1;
  context.fillStyle = paint("--bad");
  for (const { layer: number } of plan.missed) context.fillRect(x(number) - bar / 2, 0, Math.max(bar, 2 * ratio), height);
  if (printed !== null) {
    context.fillStyle = paint("--good");
    context.fillRect(x(printed) - ratio, 0, 2 * ratio, height);
  }
}

//! The canvas with the layer: moving it, zooming it, dragging areas on it; by hand, by wheel, by keys.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import type { Restriction } from "../api/types";
import { theme } from "../app/theme";
import { useStore } from "../util/store";
import { dragged, hit, type Held } from "./areas";
import { Painter, type Scene } from "./scene";
import { pan, toBed, zoom, type Sight } from "./sight";

interface Props {
  scene: Omit<Scene, "sight"> & { sight: Sight | null };
  label: string;
  /** Told once the size is known, and when it changes. */
  onSize: (width: number, height: number) => void;
  onSight: (sight: Sight) => void;
  onArea: (index: number | null) => void;
  onAreas: (areas: readonly Restriction[]) => void;
  onLayer: (step: number) => void;
}

/** An area is taken hold of within so many pixels: more for a finger. */
const REACH = { mouse: 9, touch: 20 };
const KEY_PAN = 40;
const KEY_ZOOM = 1.3;

interface Drag {
  held: Held | null;
  x: number;
  y: number;
  areas: readonly Restriction[];
  sight: Sight;
}

export function PlanCanvas(props: Props): JSX.Element {
  const { scene } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useRef<Painter | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const dark = useStore(theme, (t) => t);

  useEffect(() => {
    const element = canvas.current!;
    const made = new Painter(element);
    painter.current = made;
    const watch = new ResizeObserver(() => {
      latest.current.onSize(element.clientWidth, element.clientHeight);
      made.renew();
    });
    watch.observe(element);
    const wheel = (event: WheelEvent) => {
      const sight = latest.current.scene.sight;
      if (!sight) return;
      event.preventDefault();
      const [px, py] = place(element, event);
      latest.current.onSight(zoom(sight, Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.0016)), px, py));
    };
    element.addEventListener("wheel", wheel, { passive: false });
    return () => {
      element.removeEventListener("wheel", wheel);
      watch.disconnect();
      made.stop();
    };
  }, []);
  useEffect(() => painter.current?.renew(), [dark]);
  useEffect(() => {
    if (scene.sight) painter.current?.show({ ...scene, sight: scene.sight });
  });

  const pointers = useRef(new Map<number, [number, number]>());
  const drag = useRef<Drag | null>(null);

  const down = (event: PointerEvent) => {
    const sight = scene.sight;
    if (!sight || event.button > 0) return;
    const [px, py] = place(canvas.current!, event);
    canvas.current!.setPointerCapture(event.pointerId);
    pointers.current.set(event.pointerId, [px, py]);
    if (pointers.current.size > 1) {
      drag.current = null;
      return;
    }
    const reach = event.pointerType === "touch" ? REACH.touch : REACH.mouse;
    const [x, y] = toBed(sight, px, py);
    const held = hit(scene.areas, x, y, reach / sight.scale);
    drag.current = { held, x: px, y: py, areas: scene.areas, sight };
    props.onArea(held?.index ?? null);
  };

  const move = (event: PointerEvent) => {
    const before = pointers.current.get(event.pointerId);
    const sight = scene.sight;
    if (!before || !sight) return;
    const [px, py] = place(canvas.current!, event);
    pointers.current.set(event.pointerId, [px, py]);
    if (pointers.current.size === 2) {
      const [other] = [...pointers.current].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      if (!other) return;
      const [was, is] = [spread(before, other), spread([px, py], other)];
      const [mx, my] = [(px + other[0]) / 2, (py + other[1]) / 2];
      const moved = pan(sight, (px - before[0]) / 2, (py - before[1]) / 2);
      props.onSight(zoom(moved, is / Math.max(was, 1), mx, my));
      return;
    }
    const begun = drag.current;
    if (!begun) return;
    const [dx, dy] = [px - begun.x, py - begun.y];
    if (!begun.held) {
      props.onSight(pan(begun.sight, dx, dy));
      return;
    }
    const { index, grip } = begun.held;
    const start = begun.areas[index];
    if (!start) return;
    const shape = dragged(start.shape, grip, dx / begun.sight.scale, -dy / begun.sight.scale);
    props.onAreas(begun.areas.map((area, i) => (i === index ? { ...area, shape } : area)));
  };

  const up = (event: PointerEvent) => {
    pointers.current.delete(event.pointerId);
    drag.current = null;
  };

  const key = (event: KeyboardEvent) => {
    const sight = scene.sight;
    const element = canvas.current!;
    if (!sight || event.ctrlKey || event.metaKey || event.altKey) return;
    const [w, h] = [element.clientWidth, element.clientHeight];
    const arrows: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, 1],
      ArrowDown: [0, -1],
    };
    const arrow = arrows[event.key];
    const area = scene.area === null ? undefined : scene.areas[scene.area];
    if (arrow && area) {
      const step = event.shiftKey ? 10 : 1;
      const shape = dragged(area.shape, "body", arrow[0] * step, arrow[1] * step);
      props.onAreas(scene.areas.map((other, i) => (i === scene.area ? { ...area, shape } : other)));
    } else if (arrow) props.onSight(pan(sight, -arrow[0] * KEY_PAN, arrow[1] * KEY_PAN));
    else if (event.key === "+" || event.key === "=") props.onSight(zoom(sight, KEY_ZOOM, w / 2, h / 2));
    else if (event.key === "-") props.onSight(zoom(sight, 1 / KEY_ZOOM, w / 2, h / 2));
    else if (event.key === "PageUp") props.onLayer(1);
    else if (event.key === "PageDown") props.onLayer(-1);
    else if (event.key === "Escape") props.onArea(null);
    else if (event.key === "Delete" && area) {
      props.onAreas(scene.areas.filter((_, i) => i !== scene.area));
      props.onArea(null);
    } else return;
    event.preventDefault();
  };

  return (
    <canvas ref={canvas} class="plan-canvas" tabIndex={0} role="application" aria-label={props.label}
      aria-describedby="plan-keys" onPointerDown={down} onPointerMove={move} onPointerUp={up} onPointerCancel={up}
      onKeyDown={key} />
  );
}

function place(element: Element, event: MouseEvent): [number, number] {
  const box = element.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function spread(a: readonly [number, number], b: readonly [number, number]): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}

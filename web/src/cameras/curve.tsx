//! What calibration saw: how far the pictures show the head to have arrived, against the time since it did.

import type { JSX } from "preact";

import type { Curve } from "../api/types";
import { fixed } from "../util/format";

const WIDTH = 520;
const HEIGHT = 190;
const LEFT = 40;
const BOTTOM = 32;
const TOP = 12;
const RIGHT = 12;

/** Round steps for an axis over `span`, at most `most` of them. */
export function step(span: number, most: number): number {
  const rough = Math.max(span, 1e-6) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((f) => f * power >= rough) ?? 10;
  return factor * power;
}

export function CurvePlot({ curve, latency }: { curve: Curve; latency: number }): JSX.Element | null {
  const { delay_s: delays, seen } = curve;
  if (delays.length === 0) return null;
  const from = Math.min(0, ...delays);
  const to = Math.max(...delays, latency + 0.05);
  const x = (s: number) => LEFT + ((s - from) / (to - from || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (part: number) => HEIGHT - BOTTOM - Math.min(1.15, Math.max(-0.15, part)) * ((HEIGHT - BOTTOM - TOP) / 1.15);
  const every = step(to - from, 6);
  const ticks: number[] = [];
  for (let at = Math.ceil(from / every) * every; at <= to + 1e-9; at += every) ticks.push(at);
  const order = delays.map((_, i) => i).sort((a, b) => (delays[a] ?? 0) - (delays[b] ?? 0));
  const label = `How far the pictures show the head to have arrived, against the time since it did: they are ${fixed(latency * 1000)} ms late`;
  return (
    <svg class="curve" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={label}>
      {[0, 0.5, 1].map((part) => (
        <g key={part}>
          <line class="grid-line" x1={LEFT} x2={WIDTH - RIGHT} y1={y(part)} y2={y(part)} />
          <text x={LEFT - 6} y={y(part) + 4} text-anchor="end">{part * 100} %</text>
        </g>
      ))}
      {ticks.map((at) => (
        <g key={at}>
          <line class="grid-line" x1={x(at)} x2={x(at)} y1={TOP} y2={HEIGHT - BOTTOM} />
          <text x={x(at)} y={HEIGHT - BOTTOM + 16} text-anchor="middle">{fixed(at * 1000)} ms</text>
        </g>
      ))}
      <line class="latency" x1={x(latency)} x2={x(latency)} y1={TOP} y2={HEIGHT - BOTTOM} />
      <text class="latency-text" x={x(latency) + 6} y={HEIGHT - BOTTOM - 8}>{fixed(latency * 1000)} ms late</text>
      {order.map((i) => <circle key={i} cx={x(delays[i] ?? 0)} cy={y(seen[i] ?? 0)} r="2.5" />)}
    </svg>
  );
}

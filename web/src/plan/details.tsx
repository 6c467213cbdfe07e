//! What the plan does in one layer.

import type { JSX } from "preact";

import type { Plan, PlanWindow, ShotRow, Snapshot } from "../api/types";
import { Card, Chip, Note } from "../ui/parts";
import { duration, fixed, plural, title, words } from "../util/format";

interface Props {
  plan: Plan;
  layer: number;
  frames: readonly Snapshot[];
  /** How the layer's frames stand, when this is the plan of the print. */
  shots: readonly ShotRow[];
  window: number | null;
  onWindow: (index: number) => void;
}

const STATES = {
  b: ["Before the agent came", ""],
  p: ["Planned", ""],
  a: ["Armed", "accent"],
  i: ["In place", "accent"],
  c: ["Captured", "good"],
  m: ["Missed", "bad"],
} as const;

export function LayerCard({ plan, layer, frames, shots, window, onWindow }: Props): JSX.Element {
  const missed = plan.missed.filter((miss) => miss.layer === layer);
  const at = plan.layers.time_s[layer - 1];
  return (
    <Card title={`Layer ${layer}`} aside={<span class="muted figure">{typeof at === "number" && `after ${duration(at)}`}</span>}>
      <div class="stack">
        {missed.map(({ reason }) => <Note tone="bad" key={reason}>No frame: {reason}.</Note>)}
        {frames.length === 0 && missed.length === 0 && <p class="muted">No frame is due in this layer.</p>}
        {shots.map(([number, , state, reason]) => (
          <p class="row" key={number}>
            <span>Frame {number}</span>
            <Chip tone={STATES[state][1]}>{STATES[state][0]}</Chip>
            {reason && <span class="small muted">{reason}</span>}
          </p>
        ))}
        {frames.map((frame, i) => (
          <Frame key={i} frame={frame} window={window} onWindow={onWindow} />
        ))}
      </div>
    </Card>
  );
}

function Frame({ frame, window, onWindow }: { frame: Snapshot; window: number | null; onWindow: (i: number) => void }) {
  const inPassing = frame.windows[0]?.kind === "zero_motion";
  return (
    <div class="stack">
      <p>
        {inPassing ? "Taken in passing" : frame.windows.length === 0 ? "No window" : plural(frame.windows.length, "window")}
        {frame.fallback && (frame.windows.length ? " and a fallback" : ", only a fallback")}
        {!inPassing && `; costs ${fixed(frame.cost_s, 2)} s in the best one`}.
      </p>
      {frame.windows.length > 0 && (
        <div class="scroll-x">
          <table class="nowrap-cells">
            <thead>
              <tr>
                <th scope="col">#</th>
                <th scope="col">While</th>
                <th scope="col">Extra way</th>
                <th scope="col">Open for</th>
              </tr>
            </thead>
            <tbody>
              {frame.windows.map((w, i) => (
                <tr key={i} class={i === (window ?? 0) ? "chosen" : ""}>
                  <td>
                    <button type="button" class="number" aria-pressed={i === (window ?? 0)}
                      aria-label={`Show the way of window ${i + 1}`} onClick={() => onWindow(i)}>
                      {i + 1}
                    </button>
                  </td>
                  <td>
                    {title(w.kind)}
                    <span class="small muted below">{remarks(w)}</span>
                  </td>
                  <td>{fixed(w.travel_mm)} mm</td>
                  <td>{fixed(w.seconds, 2)} s</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}

function remarks(w: PlanWindow): string {
  return [
    w.feature && `after ${words(w.feature)}`,
    w.return ? "comes back" : "no way back",
    w.retract && "retracts",
    w.lifted && "lifted",
    typeof w.rise_to === "number" && `rises to ${fixed(w.rise_to, 1)} mm`,
    w.object && `object ${w.object}`,
  ]
    .filter(Boolean)
    .join(", ");
}

//! How the next frame stands.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { live } from "../api/events";
import type { Stage } from "../api/types";
import { Card, Note } from "../ui/parts";
import { duration } from "../util/format";
import { useStore } from "../util/store";
import { dueIn } from "./state";

const STEPS: readonly (readonly [Stage, string, string])[] = [
  ["planned", "Planned", "The plan says where in the file it is taken"],
  ["armed", "Armed", "Klipper knows of its places"],
  ["in_place", "In place", "The head stands still"],
  ["captured", "Captured", "The picture is stored"],
];

export function SnapshotCard(): JSX.Element | null {
  const snapshot = useStore(live, (l) => l.state?.snapshot ?? null);
  if (!snapshot) return null;
  const missed = snapshot.state === "missed";
  const reached = missed ? -1 : STEPS.findIndex(([stage]) => stage === snapshot.state);
  const name = `Frame ${snapshot.number ?? ""}${typeof snapshot.layer === "number" ? `, layer ${snapshot.layer}` : ""}`;
  return (
    <Card title="Snapshot" aside={<span class="muted figure">{name}</span>}>
      <ol class={`steps ${missed ? "missed" : ""}`} data-stage={snapshot.state}>
        {STEPS.map(([stage, text, tip], i) => (
          <li key={stage} class={i < reached ? "past" : i === reached ? "now" : ""} title={tip}
            aria-current={i === reached ? "step" : undefined}>
            {text}
          </li>
        ))}
      </ol>
      {missed ? (
        <Note tone="bad">Missed: {snapshot.reason || "the reason is not known"}</Note>
      ) : snapshot.state === "in_place" ? (
        <p class="due muted">The head stands still</p>
      ) : snapshot.state === "captured" ? (
        <p class="due muted">The picture is stored</p>
      ) : (
        <Due />
      )}
    </Card>
  );
}

/** Counts down by itself, as states come only when something changes. */
function Due(): JSX.Element {
  const now = useStore(live, (l) => l);
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 500);
    return () => clearInterval(timer);
  }, []);
  const due = dueIn(now, performance.now());
  const paused = now.state?.print?.state === "paused";
  return (
    <p class="due figure">
      {due === null ? <span class="muted">{paused ? "The print is paused" : "Time to it is not known"}</span> : (
        <span>
          <strong>{due < 1 ? "now" : duration(Math.round(due))}</strong> <span class="muted">{due < 1 ? "" : "to it"}</span>
        </span>
      )}
    </p>
  );
}

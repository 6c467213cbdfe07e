//! What the agent has found about itself and the printer, and what happened last.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { get, post } from "../api/client";
import { live } from "../api/events";
import type { Finding, Health, LogLine } from "../api/types";
import { fault } from "../app/notes";
import { Button, Card, Chip, Empty, Note, Segments, ViewHead, type Tone } from "../ui/parts";
import { Text } from "../ui/text";
import { timeOfDay, when } from "../util/format";
import { useLoad } from "../util/load";
import { useStore } from "../util/store";
import { withLines } from "../live/state";
import { ordered } from "./order";

const LEVELS: Record<Finding["level"], readonly [string, Tone]> = {
  error: ["Fault", "bad"],
  warning: ["Look at this", "warn"],
  info: ["To know", "accent"],
  ok: ["Fine", "good"],
};

export function HealthView(): JSX.Element {
  const revision = useStore(live, (l) => l.revisions.health);
  const version = useStore(live, (l) => l.state?.version ?? null);
  const health = useLoad((signal) => get<Health>("health", signal), [revision]);
  const [busy, setBusy] = useState(false);
  const again = async () => {
    setBusy(true);
    try {
      health.put(await post<Health>("health/check"));
    } catch (problem) {
      fault(problem);
    }
    setBusy(false);
  };
  // Nobody has looked since the agent's start: whoever opens this view wants to know.
  const unknown = health.value !== null && !health.value.checked_at;
  useEffect(() => {
    if (unknown) void again();
  }, [unknown]);
  const findings = ordered(health.value?.findings ?? []);
  const grave = findings.filter(({ level }) => level === "error" || level === "warning").length;
  return (
    <>
      <ViewHead title="Health">
        {version && <Chip bare>Moonlapse {version}</Chip>}
        <Button label="Look again" icon="again" busy={busy} onClick={() => void again()} />
      </ViewHead>
      <div class="pair">
        <Card title="Findings" aside={<span class="small muted figure">{health.value?.checked_at && when(health.value.checked_at)}</span>}>
          {health.error && <Note tone="bad">{health.error.message}</Note>}
          {busy && <p class="summary" role="status">Looking at everything; that takes some seconds.</p>}
          {!busy && health.value?.checked_at && (
            <p class="summary">{grave === 0 ? "All is well." : `${grave} of ${findings.length} need somebody to look.`}</p>
          )}
          <ul class="findings">
            {findings.map((finding) => (
              <li key={finding.id} data-finding={finding.id}>
                <Chip tone={LEVELS[finding.level][1]}>{LEVELS[finding.level][0]}</Chip>
                <div>
                  <h3>{finding.title}</h3>
                  <p class="small"><Text text={finding.text} /></p>
                  {finding.advice && <p class="small muted"><Text text={finding.advice} /></p>}
                </div>
              </li>
            ))}
          </ul>
        </Card>
        <Events />
      </div>
    </>
  );
}

type Wanted = "all" | "grave";

function Events(): JSX.Element {
  const told = useStore(live, (l) => l.log);
  const linked = useStore(live, (l) => l.linked);
  const loaded = useLoad((signal) => get<{ lines: readonly LogLine[] }>("log", signal), [linked]);
  const [wanted, setWanted] = useState<Wanted>("all");
  const lines = withLines(loaded.value?.lines ?? [], told).filter((line) => wanted === "all" || line.level !== "info");
  return (
    <Card title="Last events" aside={
      <Segments label="Which events" name="events" value={wanted} onChange={setWanted} options={[["all", "All"], ["grave", "Warnings and errors"]]} />
    }>
      {lines.length === 0 ? (
        <Empty icon="health" title="Nothing was said" />
      ) : (
        <ol class="log" tabIndex={0} aria-label="Events, newest first">
          {[...lines].reverse().map((line) => (
            <li key={line.id} class={line.level}>
              <time class="muted figure" dateTime={line.at} title={when(line.at)}>{timeOfDay(line.at)}</time>
              <span>{line.level !== "info" && <strong>{line.level === "warn" ? "Warning: " : "Error: "}</strong>}{line.text}</span>
            </li>
          ))}
        </ol>
      )}
    </Card>
  );
}

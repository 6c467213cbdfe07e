//! What the film costs the print.

import type { JSX } from "preact";

import type { Plan } from "../api/types";
import { Card, Chip, Note, Tile } from "../ui/parts";
import { count, duration, fixed, length, percent, plural, sentence } from "../util/format";
import { difference } from "./question";

export function CostCard({ plan, base, busy }: { plan: Plan; base: Plan | null; busy: boolean }): JSX.Element {
  const { totals } = plan;
  const other = difference(plan, base);
  const share = totals.print_s > 0 ? totals.likely_s / totals.print_s : null;
  return (
    <Card title="Cost of the film" aside={busy && <Chip tone="accent">Planning</Chip>}>
      <div class="stack" aria-busy={busy}>
        <dl class="tiles" data-added={totals.likely_s} data-travel={totals.travel_mm}>
          <Tile label="added time">{duration(totals.likely_s)}</Tile>
          <Tile label="extra way">{length(totals.travel_mm)}</Tile>
          <Tile label={`frames in ${plural(totals.layers, "layer")}`}>{count(totals.snapshots)}</Tile>
          <Tile label="without a place" tone={totals.missed > 0 ? "bad" : ""}>{count(totals.missed)}</Tile>
        </dl>
        {other && (
          <p class="compare" role="status">
            <Change n={other.likely_s} text={duration(Math.abs(other.likely_s))} />
            <Change n={other.travel_mm} text={length(Math.abs(other.travel_mm))} />
            {other.snapshots !== 0 && (
              <span class="chip bare">{other.snapshots > 0 ? "+" : "−"}{plural(Math.abs(other.snapshots), "frame")}</span>
            )}
            <span class="muted small">beside the settings in force</span>
          </p>
        )}
        <p class="small muted">
          {share !== null && `${fixed(share * 100, 1)} % of a print of ${duration(totals.print_s)}. `}
          {totals.snapshots > 0 && `${fixed(totals.likely_s / totals.snapshots, 2)} s for each frame, ${fixed(totals.added_per_snapshot_s, 2)} s in its best window; `}
          {percent(totals.snapshots ? totals.without_return / totals.snapshots : 0)} of
          them without a way back{totals.extra_retractions > 0 && `, ${plural(totals.extra_retractions, "extra retraction")}`}.{" "}
          {plan.park
            ? `The head stands at X ${fixed(plan.park[0], 1)} Y ${fixed(plan.park[1], 1)} in every frame.`
            : totals.snapshots > 0 && "The head's place changes from frame to frame."}
        </p>
        {plan.switched_off && <Note tone="warn">The file switches filming off ("; timelapse: off").</Note>}
        {(plan.calls ?? 0) > 0 && !plan.annotated && (
          <Note>The file calls for {plural(plan.calls ?? 0, "frame")} itself.</Note>
        )}
        {plan.annotated && <Note>The file was annotated: its own frame calls are used.</Note>}
        {!plan.printer_known && <Note tone="warn">Klipper has not told the printer's limits yet; a bed around the print is assumed.</Note>}
        {plan.issues.map((issue) => <Note tone="warn" key={issue}>{sentence(issue)}</Note>)}
      </div>
    </Card>
  );
}

function Change({ n, text }: { n: number; text: string }): JSX.Element {
  const tone = n < -0.05 ? "good" : n > 0.05 ? "warn" : "";
  return <span class={`chip bare ${tone}`}>{n < -0.05 ? "−" : n > 0.05 ? "+" : "±"}{text}</span>;
}

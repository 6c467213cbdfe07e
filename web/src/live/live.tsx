//! What goes on now.

import type { JSX } from "preact";

import { live } from "../api/events";
import type { Filming, LiveCamera, State } from "../api/types";
import { href } from "../app/route";
import { Icon } from "../ui/icons";
import { Card, Chip, Empty, Facts, Meter, Note, Tile, ViewHead, type Tone } from "../ui/parts";
import { Picture } from "../ui/picture";
import { duration, fileName, fixed, percent, plural, timeOfDay, title } from "../util/format";
import { useStore } from "../util/store";
import { SnapshotCard } from "./snapshot";
import { Strip } from "./strip";

const FILMING: Record<Filming, readonly [string, Tone]> = {
  off: ["Switched off", "warn"],
  waiting: ["Waiting for a print", ""],
  calls: ["Filming, by the file's calls", "good"],
  planning: ["Reading the file", "accent"],
  planned: ["Filming", "good"],
  in_passing: ["Filming in passing", "good"],
  observed: ["Filming by what the head does", "good"],
  stopped: ["Stopped for this print", "warn"],
};

export function LiveView(): JSX.Element {
  const state = useStore(live, (l) => l.state);
  if (!state) {
    return (
      <>
        <ViewHead title="Live" />
        <Empty icon="live" title="Waiting for the agent" />
      </>
    );
  }
  const [filming, tone] = FILMING[state.filming] ?? [title(state.filming), ""];
  return (
    <>
      <ViewHead title="Live">
        {state.klipper === "away" && <Chip tone="bad">Klipper is away</Chip>}
        <Chip tone={tone}>{filming}</Chip>
      </ViewHead>
      <div class="columns">
        <div class="stack">
          <Pictures cameras={state.cameras} />
          {state.print && <PrintCard state={state} />}
        </div>
        <div class="stack">
          {state.filming_note && <Note tone={state.filming === "off" ? "warn" : ""}>{state.filming_note}</Note>}
          <SnapshotCard />
          {state.print ? <FilmCard state={state} /> : <IdleCard enabled={state.enabled} />}
          <HeadCard state={state} />
        </div>
      </div>
    </>
  );
}

function Pictures({ cameras }: { cameras: readonly LiveCamera[] }): JSX.Element {
  if (cameras.length === 0) {
    return (
      <section class="card" aria-label="Cameras">
        <Empty icon="cameras" title="No camera">
          <p>Add a webcam in Mainsail or Fluidd. Moonlapse films with the first one that is enabled.</p>
        </Empty>
      </section>
    );
  }
  return (
    <section class={`pictures ${cameras.length > 1 ? "several" : ""}`} aria-label="Newest frames">
      {cameras.map((camera) => (
        <CameraPicture key={camera.index} camera={camera} />
      ))}
    </section>
  );
}

function CameraPicture({ camera }: { camera: LiveCamera }): JSX.Element {
  const what = camera.url
    ? `Newest frame of camera ${camera.name}: number ${camera.number ?? "unknown"}, layer ${camera.layer ?? "unknown"}`
    : `Camera ${camera.name} has no frame yet`;
  return (
    <Picture url={camera.url} view={camera.view} label={what} nothing="No frame yet">
      <figcaption class="caption">
        <strong>{camera.name}</strong>
        <span>
          Frame {camera.number ?? "–"}
          {typeof camera.layer === "number" && `, layer ${camera.layer}`} · {timeOfDay(camera.at)}
        </span>
      </figcaption>
    </Picture>
  );
}

function PrintCard({ state }: { state: State }): JSX.Element | null {
  const print = state.print;
  if (!print) return null;
  const at = typeof print.layer === "number" ? `Layer ${print.layer}${print.layers ? ` of ${print.layers}` : ""}` : null;
  return (
    <Card title={fileName(print.file) || "Streamed print"}
      aside={<Chip bare tone={print.state === "printing" ? "accent" : ""}>{title(print.state)}</Chip>}>
      <div class="stack">
        {typeof print.progress === "number" && <Meter share={print.progress} label="Progress of the print" />}
        <p class="row small muted figure spread">
          <span>{typeof print.progress === "number" ? percent(print.progress) : ""}</span>
          {at && <span>{at}</span>}
          <span>{duration(print.elapsed_s)} printed</span>
          {typeof print.left_s === "number" && <span>{duration(print.left_s)} left</span>}
        </p>
        <Strip />
        <p class="row">
          <a class="button" href={href("plan")}><Icon name="plan" />See the plan</a>
          {print.session && <a class="button" href={href("frames", print.session)}><Icon name="frames" />See the frames</a>}
        </p>
      </div>
    </Card>
  );
}

function FilmCard({ state }: { state: State }): JSX.Element {
  const each = state.frames > 0 && typeof state.added_s === "number" ? state.added_s / state.frames : null;
  return (
    <Card title="The film so far">
      <div class="stack">
        <dl class="tiles">
          <Tile label={typeof state.planned === "number" ? `frames of ${state.planned}` : "frames"}>{state.frames}</Tile>
          <Tile label="missed" tone={state.misses > 0 ? "bad" : ""}>{state.misses}</Tile>
          <Tile label="added so far">{duration(state.added_s)}</Tile>
          <Tile label="expected in all">{duration(state.expected_s)}</Tile>
        </dl>
        {each !== null && (
          <p class="small muted">
            {fixed(each, 2)} s for each frame
            {typeof state.hold_s === "number" && `; the head stands still for ${fixed(state.hold_s, 2)} s of it`}.
            {typeof state.off_mm === "number" && ` It was at most ${fixed(state.off_mm, 3)} mm off its place.`}
          </p>
        )}
        {(state.unsteady ?? 0) > 0 && (
          <Note tone="warn">The head moved in {plural(state.unsteady ?? 0, "frame")}.</Note>
        )}
        {state.last_miss && (
          <Note tone="bad">
            Last miss{typeof state.last_miss.layer === "number" && `, layer ${state.last_miss.layer}`}: {state.last_miss.reason}
          </Note>
        )}
        {typeof state.disk?.frames_left === "number" && state.disk.frames_left < 1500 && (
          <Note tone="warn">The disk has room for {plural(state.disk.frames_left, "more frame")}.</Note>
        )}
      </div>
    </Card>
  );
}

/** What to do while nothing is printed. */
function IdleCard({ enabled }: { enabled: boolean }): JSX.Element {
  return (
    <Card title={enabled ? "The next print is filmed" : "Prints are not filmed"}>
      <div class="stack">
        <p class="muted">
          {enabled
            ? "Start a print as usual: in Mainsail, Fluidd, on the printer's screen or from the slicer."
            : "Filming is switched off in the settings."}
        </p>
        <p class="row">
          {enabled && <a class="button" href={href("plan")}><Icon name="plan" />Plan a file</a>}
          {enabled && <a class="button" href={href("films")}><Icon name="films" />See the films</a>}
          {!enabled && <a class="button" href={href("settings")}><Icon name="settings" />Settings</a>}
        </p>
      </div>
    </Card>
  );
}

function HeadCard({ state }: { state: State }): JSX.Element {
  const { head, extruder, bed, park } = state;
  const warm = (actual?: number | null, target?: number | null) =>
    `${fixed(actual, 1)} °C${target ? ` of ${fixed(target)}` : ""}`;
  const at = (n: number | null | undefined) => <span>{fixed(n, 2)}</span>;
  return (
    <Card title="Head and extruder">
      <Facts
        rows={[
          ["Position", head ? <span class="axes"><span>X</span>{at(head.x)}<span>Y</span>{at(head.y)}<span>Z</span>{at(head.z)}</span> : "–"],
          ["Speed", head ? `${fixed(head.speed_mm_s)} mm/s` : "–"],
          ["Filament", extruder ? `${title(extruder.state)}, ${fixed(extruder.flow_mm_s, 1)} mm/s` : "–"],
          ["Extruder", warm(extruder?.actual, extruder?.target)],
          ["Bed", warm(bed?.actual, bed?.target)],
          ...(state.print ? [["Parks at", park ? park.map((n, i) => (n === null ? "" : `${"XYZ"[i] ?? ""} ${fixed(n, 1)}`)).join(" ") : "changes from frame to frame"] as const] : []),
        ]}
      />
    </Card>
  );
}

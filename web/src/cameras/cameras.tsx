//! The cameras: what they are, what they show, how late they are.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { get, getPicture, post } from "../api/client";
import { live } from "../api/events";
import type { Camera, Cameras, Timing } from "../api/types";
import { fault } from "../app/notes";
import { Button, Card, Chip, Empty, Facts, Note, ViewHead } from "../ui/parts";
import { Picture } from "../ui/picture";
import { fixed, title, when } from "../util/format";
import { useLoad } from "../util/load";
import { useStore } from "../util/store";
import { CalibrationCard } from "./calibration";
import { CurvePlot } from "./curve";
import { LightCard } from "./light";

export function CamerasView(): JSX.Element {
  const revision = useStore(live, (l) => l.revisions.cameras);
  const loaded = useLoad((signal) => get<Cameras>("cameras", signal), [revision]);
  const cameras = loaded.value?.cameras ?? [];
  return (
    <>
      <ViewHead title="Cameras" lead="Cameras are added in Mainsail or Fluidd. Which of them film is chosen in the settings." />
      {loaded.error && <Note tone="bad">{loaded.error.message}</Note>}
      {loaded.value && cameras.length === 0 && (
        <section class="card"><Empty icon="cameras" title="No camera"><p>Add a webcam in Mainsail or Fluidd.</p></Empty></section>
      )}
      <div class="stack">
        {cameras.map((camera) => (
          <CameraCard key={`${camera.index} ${camera.name}`} camera={camera} onChanged={loaded.again} />
        ))}
        {cameras.length > 0 && (
          <div class="pair">
            <CalibrationCard />
            <LightCard light={loaded.value?.light ?? { configured: false }} cameras={cameras} />
          </div>
        )}
      </div>
    </>
  );
}

interface Shot {
  url: string;
  age_ms: number | null;
  at: string;
}

function CameraCard({ camera, onChanged }: { camera: Camera; onChanged: () => void }): JSX.Element {
  const newest = useStore(live, (l) => l.state?.cameras.find((c) => c.index === camera.index)?.url ?? null);
  const [shot, setShot] = useState<Shot | null>(null);
  const [busy, setBusy] = useState<"" | "picture" | "probe">("");
  useEffect(() => () => void (shot && URL.revokeObjectURL(shot.url)), [shot]);
  const picture = async () => {
    setBusy("picture");
    try {
      setShot(await getPicture(`cameras/${camera.index}/picture.jpg`));
    } catch (problem) {
      fault(problem);
    }
    setBusy("");
  };
  const probe = async () => {
    setBusy("probe");
    try {
      await post(`cameras/${camera.index}/probe`);
      onChanged();
    } catch (problem) {
      fault(problem);
    }
    setBusy("");
  };
  const { probe: seen } = camera;
  const takes = camera.source !== "macro";
  return (
    <Card title={camera.name}
      aside={seen?.trouble ? <Chip tone="bad">Does not work</Chip> : seen ? <Chip tone="good">Works</Chip> : <Chip>Not looked at yet</Chip>}>
      <div class="camera">
        <div class="stack">
          <Picture url={shot?.url ?? newest} view={camera.view} label={shot ? `Test picture of ${camera.name}` : `Newest frame of ${camera.name}`}
            nothing="Take a test picture">
            <figcaption class="caption">
              <strong>{shot ? "Test picture" : "Newest frame"}</strong>
              {shot && <span>{shot.age_ms === null ? "its age is not known" : `${fixed(shot.age_ms)} ms old`}</span>}
            </figcaption>
          </Picture>
          <div class="row">
            {takes && <Button label="Test picture" icon="cameras" look="primary" busy={busy === "picture"} onClick={() => void picture()} />}
            <Button label={seen ? "Look again" : "Look at it"} icon="again" busy={busy === "probe"} onClick={() => void probe()} />
          </div>
          {camera.timing?.curve && <CurvePlot curve={camera.timing.curve} latency={camera.timing.latency_s} />}
        </div>
        <div class="stack">
          {seen?.trouble && <Note tone="bad">{seen.trouble}</Note>}
          {seen?.remark && <Note tone="warn">{seen.remark}</Note>}
          <Facts rows={[
            ["Kind", seen ? `${title(seen.kind)}${seen.server ? ` of ${seen.server}` : ""}` : title(camera.source)],
            ["Picture", seen?.width ? `${seen.width} × ${seen.height ?? "–"}${seen.stills ? `, snapshots ${seen.stills[0]} × ${seen.stills[1]}` : ""}` : "–"],
            ["Rate", typeof seen?.fps === "number" ? `${fixed(seen.fps, 1)} a second` : "–"],
            ["Freshness", seen?.freshness || "–"],
            ["Stands still", typeof seen?.hold_s === "number" ? `${fixed(seen.hold_s * 1000)} ms for a frame` : "–"],
            ["Address", camera.stream_url || camera.snapshot_url || "–"],
            ["Looked at", when(seen?.at)],
          ]} />
          <TimingPart timing={camera.timing ?? null} isSet={camera.delay_is_set ?? false} />
        </div>
      </div>
    </Card>
  );
}

function TimingPart({ timing, isSet }: { timing: Timing | null; isSet: boolean }): JSX.Element {
  if (!timing) {
    return <p class="muted small">{isSet ? "Its delay is set in moonraker.conf." : "Not calibrated: taken to be as late as the settings say."}</p>;
  }
  const ms = (s: number) => `${fixed(s * 1000)} ms`;
  return (
    <div class="stack" data-timing={timing.latency_s}>
      <h3>Calibration</h3>
      <Facts rows={[
        ["Late by", `${ms(timing.latency_s)} (± ${ms(timing.spread_s)})`],
        ["Exposed for", `about ${ms(timing.exposure_s)}`],
        ["A frame every", `${ms(timing.interval_s)} (± ${ms(timing.jitter_s)})`],
        ...(timing.stamps ? [["Timestamps", timing.stamps.right ? "right" : `off by ${ms(timing.stamps.offset_s)}`] as const] : []),
        ["Done", when(timing.at)],
      ]} />
      {isSet && <Note>A delay in moonraker.conf wins over it.</Note>}
    </div>
  );
}

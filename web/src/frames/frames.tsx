//! The frames of a print, while it runs and after.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import { address, get, part, patch } from "../api/client";
import { live } from "../api/events";
import type { Frame, SessionDetails, Summary } from "../api/types";
import { fault, note } from "../app/notes";
import { go, href, route } from "../app/route";
import { Icon } from "../ui/icons";
import { Button, Card, Chip, Empty, Facts, Note, ViewHead, type Tone } from "../ui/parts";
import { bytes, fileName, fixed, plural, timeOfDay, title, when } from "../util/format";
import { useLoad } from "../util/load";
import { useStore } from "../util/store";
import { Player } from "./player";
import { frameUrl, useFrames } from "./rows";

export const OUTCOMES: Record<Summary["outcome"], Tone> = {
  printing: "accent",
  complete: "good",
  cancelled: "warn",
  error: "bad",
  interrupted: "warn",
};

export function FramesView(): JSX.Element {
  const asked = useStore(route, (r) => r.rest);
  const revision = useStore(live, (l) => l.revisions.sessions);
  const sessions = useLoad((signal) => get<{ sessions: readonly Summary[] }>("sessions?limit=100", signal), [revision]);
  const list = sessions.value?.sessions ?? [];
  const chosen = list.find((s) => s.id === asked) ?? (asked ? undefined : (list.find((s) => s.frames > 0) ?? list[0]));
  const id = asked || chosen?.id || null;
  return (
    <>
      <ViewHead title="Frames">
        {list.length > 0 && (
          <select class="input session-select" aria-label="Print" value={id ?? ""} onChange={(e) => go(href("frames", e.currentTarget.value), true)}>
            {id && !chosen && <option value={id}>{id}</option>}
            {list.map((s) => (
              <option key={s.id} value={s.id}>
                {when(s.started_at)} {fileName(s.print_file) || "streamed print"} ({plural(s.frames, "frame")})
              </option>
            ))}
          </select>
        )}
      </ViewHead>
      {sessions.error && <Note tone="bad">{sessions.error.message}</Note>}
      {id ? (
        <Session key={id} id={id} />
      ) : (
        !sessions.loading && (
          <section class="card">
            <Empty icon="frames" title="No frames yet"><p>The frames of every print are kept here until the disk limits take them.</p></Empty>
          </section>
        )
      )}
    </>
  );
}

function Session({ id }: { id: string }): JSX.Element {
  const revision = useStore(live, (l) => l.revisions.sessions);
  const details = useLoad((signal) => get<SessionDetails>(`sessions/${part(id)}`, signal), [id, revision]);
  const [reel, setReel] = useState(0);
  const newest = useStore(live, (l) => l.state?.cameras.find((c) => c.session === id && c.reel === reel)?.number ?? 0);
  const { frames, loading, error, put } = useFrames(id, reel, `${revision}.${newest}`, reel === 0 ? (details.value?.dropped ?? null) : null);
  const [index, setIndex] = useState<number | null>(null);
  const session = details.value;

  // Whoever looks at the newest frame goes on looking at the newest one.
  const count = useRef(0);
  useEffect(() => {
    setIndex((now) => (now === null || now >= count.current - 1 ? null : now));
    count.current = frames.length;
  }, [frames.length]);
  const shown = Math.min(index ?? frames.length - 1, frames.length - 1);
  const frame = frames[shown];

  const drop = async (dropped: boolean) => {
    if (!frame) return;
    try {
      put(await patch<Frame>(`sessions/${part(id)}/reels/${reel}/frames/${frame.number}`, { dropped }));
      note(dropped ? `Frame ${frame.number} is left out of films made from now on.` : `Frame ${frame.number} is back.`);
      details.again();
    } catch (problem) {
      fault(problem);
    }
  };
  const prefer = async (chosen: boolean) => {
    if (!frame) return;
    try {
      await patch(`sessions/${part(id)}`, { preview: chosen ? { reel, number: frame.number } : null });
      note(chosen ? `Frame ${frame.number} stands for the print.` : "The last frame stands for the print again.");
      details.again();
    } catch (problem) {
      fault(problem);
    }
  };

  if (!session) return details.error ? <Note tone="bad">{details.error.message}</Note> : <p class="boot">Loading</p>;
  const of = session.reels.find((each) => each.number === reel);
  const preview = session.preview;
  const isPreview = preview?.chosen === true && preview.reel === reel && preview.number === frame?.number;
  return (
    <div class="columns">
      <section class="card" aria-label="Pictures">
        {session.reels.length > 1 && (
          <div class="row reel-row">
            {session.reels.map((each) => (
              <Button key={each.number} label={`${each.camera ?? `Camera ${each.number + 1}`}${each.track && each.track !== "layers" ? `, ${each.track}` : ""}`}
                pressed={each.number === reel} onClick={() => {
                  setReel(each.number);
                  setIndex(null);
                }} />
            ))}
          </div>
        )}
        {error && <Note tone="bad">{error.message}</Note>}
        {frames.length === 0 && !loading ? (
          <Empty icon="frames" title="No frame of this camera" />
        ) : (
          <Player session={id} reel={reel} view={of?.view} frames={frames} index={Math.max(shown, 0)} onIndex={setIndex}>
            {frame && (
              <div class="row">
                <Button label={frame.dropped ? "Take back" : "Leave out"} icon={frame.dropped ? "again" : "bin"}
                  onClick={() => void drop(!frame.dropped)} />
                <Button label="Preview" icon="star" pressed={isPreview} onClick={() => void prefer(!isPreview)} />
                <a class="button" href={address(frameUrl(id, reel, frame.number))} download={`${id}-${frame.number}.jpg`}>
                  <Icon name="download" />
                  Save picture
                </a>
              </div>
            )}
          </Player>
        )}
      </section>
      <div class="stack">
        <Card title={fileName(session.print_file) || "Streamed print"}
          aside={<Chip bare tone={OUTCOMES[session.outcome]}>{title(session.outcome)}</Chip>}>
          <Facts rows={[
            ["Started", when(session.started_at)],
            ["Ended", when(session.ended_at)],
            ["Frames", `${session.frames}${session.dropped ? `, ${session.dropped} left out` : ""}${session.lost ? `, ${session.lost} lost` : ""}`],
            ["Missed", String(session.misses)],
            ["Size", bytes(session.bytes)],
            ["Films", session.films.length ? session.films.map((film) => film.name).join(", ") : "none yet"],
          ]} />
        </Card>
        {frame && <Metadata frame={frame} />}
        {session.missed.length > 0 && (
          <Card title="Missed">
            <ul class="plain-list" tabIndex={0} aria-label="Missed frames">
              {session.missed.slice(-50).map((miss, i) => (
                <li key={i}>
                  <span class="muted figure">{timeOfDay(miss.at)}{typeof miss.layer === "number" && `, layer ${miss.layer}`}</span>
                  <span>{miss.reason}</span>
                </li>
              ))}
            </ul>
          </Card>
        )}
      </div>
    </div>
  );
}

function Metadata({ frame }: { frame: Frame }): JSX.Element {
  const ms = (s: number | null | undefined) => (typeof s === "number" ? `${fixed(s * 1000)} ms` : "–");
  const exposed =
    typeof frame.exposure_from_s === "number"
      ? `${ms(frame.exposure_from_s)} to ${ms(frame.exposure_to_s)} after the head stood still`
      : "–";
  return (
    <Card title={`Frame ${frame.number}`}>
      <Facts rows={[
        ["Taken", when(frame.at) + timeOfDay(frame.at).slice(5)],
        ["Layer", typeof frame.layer === "number" ? `${frame.layer} at ${fixed(frame.height_mm, 2)} mm` : "–"],
        ["Head came from", `X ${fixed(frame.x_mm, 1)} Y ${fixed(frame.y_mm, 1)} Z ${fixed(frame.z_mm, 2)}`],
        ["Exposed", exposed],
        ["Arrival", typeof frame.eta_error_s === "number" ? `${ms(frame.eta_error_s)} beside the prediction` : "–"],
        ["Extruder, bed", `${fixed(frame.extruder_c, 1)} °C, ${fixed(frame.bed_c, 1)} °C`],
        ["Picture", `${frame.width} × ${frame.height}, ${bytes(frame.bytes)}`],
        ...(frame.adopted ? [["Note", "Found after a crash; only its time is known"] as const] : []),
      ]} />
    </Card>
  );
}

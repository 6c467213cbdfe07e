//! Making a film of a print's frames in another way.

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { get, part, post } from "../api/client";
import type { Job, Profile, SettingValue, Summary } from "../api/types";
import { fault, note } from "../app/notes";
import { Button, Dialog, Note, Segments } from "../ui/parts";
import { fileName } from "../util/format";
import { useLoad } from "../util/load";

type Speed = "settings" | "fps" | "length";

/** The settings that a wish changes; what is left out stays as it is set. */
export function wishes(speed: Speed, value: number, quality: number | null): Record<string, SettingValue> {
  const settings: Record<string, SettingValue> = {};
  if (speed === "fps") Object.assign(settings, { variable_fps: false, output_framerate: value });
  if (speed === "length") Object.assign(settings, { variable_fps: true, targetlength: Math.round(value), variable_fps_min: 1, variable_fps_max: 240 });
  if (quality !== null) settings["constant_rate_factor"] = quality;
  return settings;
}

export function MakeDialog({ session, onClose }: { session: Pick<Summary, "id" | "print_file">; onClose: () => void }): JSX.Element {
  const profiles = useLoad((signal) => get<{ profiles: readonly Profile[]; faults?: readonly string[] }>("profiles", signal), []);
  const [profile, setProfile] = useState("default");
  const [speed, setSpeed] = useState<Speed>("settings");
  const [fps, setFps] = useState(30);
  const [seconds, setSeconds] = useState(10);
  const [quality, setQuality] = useState("");
  const [busy, setBusy] = useState(false);
  const make = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    try {
      const settings = wishes(speed, speed === "fps" ? fps : seconds, quality === "" ? null : Number(quality));
      await post<Job>(`sessions/${part(session.id)}/films`, { profile, settings });
      note("The film is in the queue.");
      onClose();
    } catch (problem) {
      fault(problem);
      setBusy(false);
    }
  };
  const list = profiles.value?.profiles ?? [];
  return (
    <Dialog title={`Film of ${fileName(session.print_file) || session.id}`} onClose={onClose}>
      <form class="stack" onSubmit={(event) => void make(event)}>
        <div class="field">
          <label for="make-profile">Profile</label>
          <select id="make-profile" class="input" value={profile} onChange={(e) => setProfile(e.currentTarget.value)}>
            {list.length === 0 && <option value="default">default</option>}
            {list.map(({ name, summary }) => <option key={name} value={name}>{name}: {summary}</option>)}
          </select>
        </div>
        {profiles.value?.faults?.map((text) => <Note tone="warn" key={text}>{text}</Note>)}
        <div class="field">
          <span class="label">Speed</span>
          <Segments label="Speed" name="make-speed" value={speed} onChange={setSpeed}
            options={[["settings", "As set"], ["fps", "Frames a second"], ["length", "Length"]]} />
        </div>
        {speed === "fps" && (
          <div class="field">
            <label for="make-fps">Frames a second</label>
            <input id="make-fps" class="input" type="number" min={1} max={240} step="any" required value={fps}
              onInput={(e) => setFps(e.currentTarget.valueAsNumber)} />
          </div>
        )}
        {speed === "length" && (
          <div class="field">
            <label for="make-length">Length (s)</label>
            <input id="make-length" class="input" type="number" min={1} max={3600} step={1} required value={seconds}
              onInput={(e) => setSeconds(e.currentTarget.valueAsNumber)} />
          </div>
        )}
        <div class="field">
          <label for="make-quality">Quality (CRF: lower is better and larger; empty as set)</label>
          <input id="make-quality" class="input" type="number" min={0} max={51} step={1} value={quality}
            onInput={(e) => setQuality(e.currentTarget.value)} />
        </div>
        <div class="dialog-foot">
          <Button label="Leave it" onClick={onClose} />
          <button type="submit" class="button primary" disabled={busy}>Make the film</button>
        </div>
      </form>
    </Dialog>
  );
}

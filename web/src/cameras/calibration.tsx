//! Finding out how late the cameras are. The head moves for it.

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { get, post } from "../api/client";
import { live } from "../api/events";
import type { Calibration } from "../api/types";
import { fault } from "../app/notes";
import { Button, Card, Chip, Dialog, Note, type Tone } from "../ui/parts";
import { useLoad } from "../util/load";
import { useStore } from "../util/store";

const STATES: Record<Calibration["state"], readonly [string, Tone]> = {
  idle: ["", ""],
  running: ["Running", "accent"],
  done: ["Done", "good"],
  failed: ["Failed", "bad"],
};

export function CalibrationCard(): JSX.Element {
  const told = useStore(live, (l) => l.calibration);
  const loaded = useLoad((signal) => get<Calibration>("calibration", signal), []);
  const calibration = told ?? loaded.value;
  const [asking, setAsking] = useState(false);
  const [z, setZ] = useState("");
  const begin = async (event: Event) => {
    event.preventDefault();
    setAsking(false);
    try {
      await post("calibration", z === "" ? {} : { z: Number(z) });
    } catch (problem) {
      fault(problem);
    }
  };
  const state = calibration?.state ?? "idle";
  const [text, tone] = STATES[state];
  return (
    <Card title="Calibration" aside={text && <Chip tone={tone}>{text}</Chip>}>
      <div class="stack" data-calibration={state}>
        <p class="muted">
          The head moves to and fro for about half a minute, and the pictures tell how late they are. The printer must be homed and
          print nothing, the bed clear, the head lit and in the picture.
        </p>
        {calibration && calibration.text && state !== "idle" && (
          <p role="status">{state === "failed" ? <span class="error">{calibration.text}</span> : calibration.text}</p>
        )}
        {calibration && calibration.lines.length > 0 && (
          <ol class="lines small" aria-label="What calibration said">
            {calibration.lines.slice(-8).map((line, i) => <li key={i}>{line}</li>)}
          </ol>
        )}
        {calibration?.cameras.map(({ index, name, problem }) => problem && <Note tone="warn" key={index}>{name}: {problem}</Note>)}
        <p><Button label="Calibrate" icon="target" busy={state === "running"} onClick={() => setAsking(true)} /></p>
      </div>
      {asking && (
        <Dialog title="The head will move" onClose={() => setAsking(false)}>
          <form class="stack" onSubmit={(event) => void begin(event)}>
            <p>It rises to 30 mm, unless it is higher already, and moves by up to 80 mm along X. Is the bed clear?</p>
            <div class="field">
              <label for="calibration-z">Rise at least to (mm; empty for 30)</label>
              <input id="calibration-z" class="input" type="number" min={5} max={1000} step="any" value={z} onInput={(e) => setZ(e.currentTarget.value)} />
            </div>
            <div class="dialog-foot">
              <Button label="Leave it" onClick={() => setAsking(false)} />
              <button type="submit" class="button primary">Move the head</button>
            </div>
          </form>
        </Dialog>
      )}
    </Card>
  );
}

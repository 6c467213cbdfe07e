//! Trying the light: a picture without it and one with it.

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { post } from "../api/client";
import type { Camera, Cameras, LightTest } from "../api/types";
import { fault } from "../app/notes";
import { Button, Card, Note } from "../ui/parts";
import { Picture } from "../ui/picture";
import { percent } from "../util/format";

export function LightCard({ light, cameras }: { light: Cameras["light"]; cameras: readonly Camera[] }): JSX.Element {
  const [index, setIndex] = useState(0);
  const [busy, setBusy] = useState(false);
  const [test, setTest] = useState<{ result: LightTest; camera: Camera } | null>(null);
  const camera = cameras.find((each) => each.index === index) ?? cameras[0];
  const run = async () => {
    if (!camera) return;
    setBusy(true);
    try {
      setTest({ result: await post<LightTest>(`cameras/${camera.index}/light`), camera });
    } catch (problem) {
      fault(problem);
    }
    setBusy(false);
  };
  const name = light.pin || light.power;
  return (
    <Card title="Light">
      <div class="stack">
        {light.configured ? (
          <p class="muted">For each frame <code>{name}</code> is switched on. The test takes a picture without it and one with it.</p>
        ) : (
          <p class="muted">
            No light is set. <code>light_pin</code> or <code>light_power</code> in moonraker.conf names one that is switched on for each frame.
          </p>
        )}
        {light.configured && (
          <div class="row">
            {cameras.length > 1 && (
              <select class="input narrow-input" aria-label="Camera" value={index} onChange={(e) => setIndex(Number(e.currentTarget.value))}>
                {cameras.map((each) => <option key={each.index} value={each.index}>{each.name}</option>)}
              </select>
            )}
            <Button label="Test the light" icon="lamp" busy={busy} onClick={() => void run()} />
          </div>
        )}
        {test && (
          <>
            <div class="pair tight">
              <Picture url={test.result.before} view={test.camera.view} label="Without the light">
                <figcaption class="caption"><strong>Without</strong><span>{percent(test.result.brightness[0])} bright</span></figcaption>
              </Picture>
              <Picture url={test.result.after} view={test.camera.view} label="With the light">
                <figcaption class="caption"><strong>With</strong><span>{percent(test.result.brightness[1])} bright</span></figcaption>
              </Picture>
            </div>
            <Note tone={test.result.gained > 0.02 ? "good" : "warn"}>
              {test.result.gained > 0.02
                ? `The light makes the picture brighter by ${percent(test.result.gained)} of full white.`
                : "The light hardly changes the picture. Does it shine on the print, and does the camera adjust to it?"}
            </Note>
          </>
        )}
      </div>
    </Card>
  );
}

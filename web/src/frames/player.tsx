//! Frames one after the other: by a slider, by keys, or as they will be in the film.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

import type { Frame, View } from "../api/types";
import { Button } from "../ui/parts";
import { loadPicture, Picture } from "../ui/picture";
import { timeOfDay } from "../util/format";
import { following, frameUrl } from "./rows";

interface Props {
  session: string;
  reel: number;
  view: View | null | undefined;
  frames: readonly Frame[];
  index: number;
  onIndex: (index: number) => void;
  children?: ComponentChildren;
}

const RATES = [5, 10, 15, 30, 60];
/** So many pictures are loaded ahead of the one that is shown. */
const AHEAD = 12;

export function Player({ session, reel, view, frames, index, onIndex, children }: Props): JSX.Element {
  const [playing, setPlaying] = useState(false);
  const [rate, setRate] = useState(15);
  const drawn = useRef(false);
  const frame = frames[index];
  const at = useRef({ frames, index, onIndex });
  at.current = { frames, index, onIndex };

  useEffect(() => {
    drawn.current = false;
  }, [session, reel, frame?.number]);
  useEffect(() => {
    let next = index;
    for (let n = 0; n < (playing ? AHEAD : 2); n += 1) {
      next = following(frames, next);
      const ahead = frames[next];
      if (!ahead || next === index) break;
      loadPicture(frameUrl(session, reel, ahead.number));
    }
  }, [session, reel, frame?.number, playing]);

  useEffect(() => {
    if (!playing) return undefined;
    let request = 0;
    let last = performance.now();
    const step = (now: number) => {
      // A picture that is late is waited for, so every one is seen.
      if (drawn.current && now - last >= 1000 / rate - 2) {
        const { frames: all, index: here, onIndex: tell } = at.current;
        const next = following(all, here);
        if (next < 0 || next === here) setPlaying(false);
        else {
          last = now;
          tell(next);
        }
      }
      request = requestAnimationFrame(step);
    };
    request = requestAnimationFrame(step);
    return () => cancelAnimationFrame(request);
  }, [playing, rate]);

  const go = (to: number) => {
    setPlaying(false);
    onIndex(Math.min(Math.max(to, 0), frames.length - 1));
  };
  const key = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    if (event.key !== " " || ["BUTTON", "SELECT", "A"].includes(target.tagName)) return;
    event.preventDefault();
    setPlaying((now) => !now);
  };
  if (!frame) return <Picture url={null} label="No frame" nothing="No frame yet" />;
  const layer = typeof frame.layer === "number" ? `, layer ${frame.layer}` : "";
  return (
    <div class="stack" onKeyDown={key}>
      <Picture url={frameUrl(session, reel, frame.number)} view={view} label={`Frame ${frame.number}${layer}`}
        onDrawn={() => (drawn.current = true)}>
        {frame.dropped && <span class="dropped">Left out of films</span>}
        <figcaption class="caption">
          <strong>Frame {frame.number}{layer}</strong>
          <span>{timeOfDay(frame.at)}</span>
        </figcaption>
      </Picture>
      <input type="range" id="scrubber" min={0} max={Math.max(frames.length - 1, 0)} value={index} aria-label="Frame"
        aria-valuetext={`Frame ${frame.number}${layer}, ${index + 1} of ${frames.length}${frame.dropped ? ", left out" : ""}`}
        onInput={(event) => go(event.currentTarget.valueAsNumber)} />
      <div class="row player-row">
        <div class="row">
          <Button label="First frame" icon="first" square onClick={() => go(0)} />
          <Button label="Frame before" icon="back" square onClick={() => go(index - 1)} />
          <Button label={playing ? "Stop playing" : "Play"} icon={playing ? "pause" : "play"} square look="primary"
            onClick={() => setPlaying(!playing)} />
          <Button label="Next frame" icon="next" square onClick={() => go(index + 1)} />
          <Button label="Last frame" icon="last" square onClick={() => go(frames.length - 1)} />
        </div>
        <label class="row nowrap">
          <span class="muted small">Frames a second</span>
          <select class="input narrow-input" value={rate} onChange={(e) => setRate(Number(e.currentTarget.value))}>
            {RATES.map((n) => <option key={n} value={n}>{n}</option>)}
          </select>
        </label>
        <span class="muted figure">{index + 1} of {frames.length}</span>
      </div>
      {children}
    </div>
  );
}

//! Values for common printers, cameras and qualities.

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Preset } from "../api/types";
import { Button, Card } from "../ui/parts";

const KINDS: readonly (readonly [Preset["kind"], string])[] = [
  ["printer", "Printer"],
  ["camera", "Camera"],
  ["quality", "Quality"],
];

export function Presets({ presets, onApply }: { presets: readonly Preset[]; onApply: (preset: Preset) => void }): JSX.Element {
  return (
    <Card title="Presets">
      <div class="grid presets">
        {KINDS.map(([kind, title]) => {
          const some = presets.filter((preset) => preset.kind === kind);
          return some.length > 0 && <Kind key={kind} kind={kind} title={title} presets={some} onApply={onApply} />;
        })}
      </div>
    </Card>
  );
}

function Kind(props: { kind: string; title: string; presets: readonly Preset[]; onApply: (preset: Preset) => void }): JSX.Element {
  const [chosen, setChosen] = useState("");
  const preset = props.presets.find(({ id }) => id === chosen);
  const id = `preset-${props.kind}`;
  return (
    <div class="field">
      <label for={id}>{props.title}</label>
      <div class="row nowrap">
        <select id={id} class="input" value={chosen} onChange={(e) => setChosen(e.currentTarget.value)}>
          <option value="">Choose</option>
          {props.presets.map(({ id: value, title }) => <option key={value} value={value}>{title}</option>)}
        </select>
        <Button label="Fill in" disabled={!preset} onClick={() => preset && props.onApply(preset)} />
      </div>
      <p class="small muted">{preset?.text}</p>
    </div>
  );
}

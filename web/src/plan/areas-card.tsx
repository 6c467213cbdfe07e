//! The areas that restrict the frames, as a list; on the canvas they can be dragged.

import type { JSX } from "preact";

import type { Bed, Restriction, Rule, Shape } from "../api/types";
import { Button, Card } from "../ui/parts";
import { figures, withFigure } from "./areas";
import { bedBounds } from "./sight";

const RULES: readonly (readonly [Rule, string])[] = [
  ["avoid", "The head must not cross it"],
  ["forbidden", "No frame begins in it"],
  ["required", "Frames begin only in it"],
];

interface Props {
  areas: readonly Restriction[];
  chosen: number | null;
  bed: Bed;
  onAreas: (areas: readonly Restriction[]) => void;
  onChosen: (index: number | null) => void;
}

export function AreasCard({ areas, chosen, bed, onAreas, onChosen }: Props): JSX.Element {
  const add = (shape: Shape) => {
    onAreas([...areas, { rule: "avoid", shape }]);
    onChosen(areas.length);
  };
  const { minX, minY, maxX, maxY } = bedBounds(bed);
  const [x, y] = [Math.round((minX + maxX) / 2), Math.round((minY + maxY) / 2)];
  const size = Math.round(Math.min(maxX - minX, maxY - minY) / 8);
  const set = (index: number, area: Restriction) => onAreas(areas.map((other, i) => (i === index ? area : other)));
  return (
    <Card title="Restricted areas">
      <div class="stack">
        {areas.length === 0 && <p class="muted">None. Add one and drag it on the bed: clips, a probe's dock, a delicate part.</p>}
        {areas.map((area, index) => (
          <fieldset key={index} class={`area ${area.rule} ${index === chosen ? "chosen" : ""}`} onFocusIn={() => onChosen(index)}>
            <legend class="hidden">{"circle" in area.shape ? "Circle" : "Rectangle"} {index + 1}</legend>
            <div class="row">
              <select class="input" aria-label={`What area ${index + 1} means`} value={area.rule}
                onChange={(e) => set(index, { ...area, rule: e.currentTarget.value as Rule })}>
                {RULES.map(([rule, text]) => <option key={rule} value={rule}>{text}</option>)}
              </select>
              <Button label={`Remove area ${index + 1}`} icon="bin" square look="plain"
                onClick={() => {
                  onAreas(areas.filter((_, i) => i !== index));
                  onChosen(null);
                }} />
            </div>
            <div class="figures">
              {figures(area.shape).map(([name, value], i) => (
                <label class="field" key={name}>
                  <span class="label">{name} (mm)</span>
                  <input class="input" type="number" step="0.5" value={value}
                    onInput={(e) => {
                      const shape = withFigure(area.shape, i, e.currentTarget.valueAsNumber);
                      if (shape) set(index, { ...area, shape });
                    }} />
                </label>
              ))}
            </div>
          </fieldset>
        ))}
        <p class="row">
          <Button label="Rectangle" icon="square" onClick={() => add({ rectangle: { min: { x: x - size, y: y - size }, max: { x: x + size, y: y + size } } })} />
          <Button label="Circle" icon="circle" onClick={() => add({ circle: { centre: { x, y }, radius: size } })} />
        </p>
      </div>
    </Card>
  );
}

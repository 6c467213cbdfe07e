//! One setting: its name, what it means, its value.

import type { JSX } from "preact";

import type { Setting, SettingValue } from "../api/types";
import { Icon } from "../ui/icons";
import { Text } from "../ui/text";
import { fixedText } from "./check";

interface Props {
  setting: Setting;
  value: SettingValue;
  changed: boolean;
  problem: string | undefined;
  onChange: (value: SettingValue) => void;
}

export function SettingRow({ setting, value, changed, problem, onChange }: Props): JSX.Element {
  const { name, title, text, editable, type, unit, min, max } = setting;
  const id = `set-${name}`;
  const bounded = typeof min === "number" && typeof max === "number";
  return (
    <div class={`setting ${changed ? "changed" : ""}`} data-setting={name}>
      <div class="setting-text">
        <label for={id}>{title}</label> <code class="muted">{name}</code>
        <p id={`${id}-text`} class="small muted"><Text text={text} /></p>
        {!editable && <p class="fixed small"><Icon name="lock" />{fixedText(setting.fixed_by)}</p>}
      </div>
      <div class="setting-value">
        <Control id={id} setting={setting} value={value} invalid={problem !== undefined} onChange={onChange} />
        <p class="small muted figure">
          {(type === "number" || type === "integer") && bounded && `${min} to ${max}${unit ? ` ${unit}` : ""}. `}
          {setting.value !== setting.default || changed ? `Default: ${shown(setting.default)}` : ""}
        </p>
        {problem && <p id={`${id}-problem`} class="error" role="alert">{problem}</p>}
      </div>
    </div>
  );
}

function shown(value: SettingValue): string {
  if (typeof value === "boolean") return value ? "on" : "off";
  return value === "" ? "empty" : String(value);
}

function Control(props: { id: string; setting: Setting; value: SettingValue; invalid: boolean; onChange: (value: SettingValue) => void }) {
  const { id, setting, value, invalid, onChange } = props;
  const { type, editable, unit, choices, multiline } = setting;
  const described = `${id}-text${invalid ? ` ${id}-problem` : ""}`;
  const common = { id, disabled: !editable, "aria-describedby": described, "aria-invalid": invalid };
  switch (type) {
    case "boolean":
      return (
        <span class="switch">
          <input {...common} type="checkbox" role="switch" checked={value === true} onChange={(e) => onChange(e.currentTarget.checked)} />
        </span>
      );
    case "choice":
      return (
        <select {...common} class="input" value={String(value)} onChange={(e) => onChange(e.currentTarget.value)}>
          {choices?.map((choice) => <option key={choice.value} value={choice.value}>{choice.title}</option>)}
        </select>
      );
    case "integer":
    case "number":
      return (
        <span class="with-unit">
          <input {...common} class="input" type="number" inputMode="decimal" step={setting.step ?? (type === "integer" ? 1 : "any")}
            min={setting.min ?? undefined} max={setting.max ?? undefined} value={Number.isNaN(value) ? "" : Number(value)}
            onInput={(e) => onChange(e.currentTarget.valueAsNumber)} />
          {unit && <span class="unit">{unit}</span>}
        </span>
      );
    case "text":
      return multiline ? (
        <textarea {...common} class="input" rows={3} spellcheck={false} value={String(value)} onInput={(e) => onChange(e.currentTarget.value)} />
      ) : (
        <input {...common} class="input" type="text" spellcheck={false} autocomplete="off" value={String(value)}
          onInput={(e) => onChange(e.currentTarget.value)} />
      );
  }
}

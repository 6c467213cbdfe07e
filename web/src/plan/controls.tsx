//! What a plan is made with: the file, what makes a frame due, the moment, the place of the head.

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { GcodeFile, Setting, SettingValue } from "../api/types";
import { bytes } from "../util/format";
import { companion, PARKS, PLACEMENTS, type Values } from "./question";

interface Props {
  files: readonly GcodeFile[];
  /** `null`: the print under way. */
  file: string | null | undefined;
  /** The file that is printed, when one is. */
  printing: string | null;
  settings: ReadonlyMap<string, Setting>;
  changes: Values;
  onFile: (file: string | null) => void;
  onChange: (name: string, value: SettingValue) => void;
}

/** The value of the select for the print under way; no file has an empty name. */
const THIS_PRINT = "";

export function Controls({ files, file, printing, settings, changes, onFile, onChange }: Props): JSX.Element {
  const value = (name: string) => changes[name] ?? settings.get(name)?.value;
  const mode = settings.get("mode");
  const more = companion(value("mode"));
  return (
    <section class="card plan-controls" aria-label="What is planned">
      <div class="field wide">
        <label for="plan-file">File</label>
        <select id="plan-file" class="input" value={file ?? THIS_PRINT} disabled={file === undefined}
          onChange={(e) => onFile(e.currentTarget.value === THIS_PRINT ? null : e.currentTarget.value)}>
          {printing !== null && <option value={THIS_PRINT}>This print: {printing}</option>}
          {file === undefined && <option value={THIS_PRINT}>No G-code file yet</option>}
          {typeof file === "string" && !files.some((f) => f.path === file) && <option value={file}>{file}</option>}
          {files.map(({ path, bytes: size }) => (
            <option key={path} value={path}>{path} ({bytes(size)})</option>
          ))}
        </select>
      </div>
      <Choice id="plan-mode" label="A frame is due" value={value("mode")} setting={mode}
        options={mode?.choices?.map(({ value: v, title }) => [v, title] as const) ?? []} onChange={(v) => onChange("mode", v)} />
      {more && settings.has(more) && (
        <Typed id="plan-more" setting={settings.get(more)!} value={value(more) ?? ""} onChange={(v) => onChange(more, v)} />
      )}
      <Choice id="plan-placement" label="Moment in the layer" value={value("placement")} options={PLACEMENTS}
        setting={settings.get("placement")} onChange={(v) => onChange("placement", v)} />
      <Choice id="plan-park" label="The head goes to" value={value("park")} options={PARKS} other="At coordinates"
        setting={settings.get("park")} onChange={(v) => onChange("park", v)} />
    </section>
  );
}

/** A select; a value that is none of the options can be typed where `other` names that. */
function Choice(props: {
  id: string;
  label: string;
  value: SettingValue | undefined;
  setting: Setting | undefined;
  options: readonly (readonly [string, string])[];
  other?: string;
  onChange: (value: string) => void;
}): JSX.Element {
  const { id, value, options, other } = props;
  const text = String(value ?? "");
  const known = options.some(([v]) => v === text);
  const [typing, setTyping] = useState(false);
  const OTHER = "\u0000other";
  const types = other !== undefined && (typing || !known);
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <select id={id} class="input" value={types ? OTHER : text} title={props.setting?.text}
        onChange={(e) => {
          const chosen = e.currentTarget.value;
          setTyping(chosen === OTHER);
          if (chosen !== OTHER) props.onChange(chosen);
        }}>
        {options.map(([v, name]) => <option key={v} value={v}>{name}</option>)}
        {!known && other === undefined && <option value={text}>{text}</option>}
        {other !== undefined && <option value={OTHER}>{other}</option>}
      </select>
      {types && (
        <Committed id={`${id}-other`} label={`${props.label}: coordinates`} value={known ? "" : text}
          placeholder="120,5% or 0/10/20:loop,200" onChange={props.onChange} />
      )}
    </div>
  );
}

/** A number or a text that belongs to the mode. */
function Typed(props: { id: string; setting: Setting; value: SettingValue; onChange: (value: SettingValue) => void }) {
  const { id, setting, value } = props;
  if (setting.type === "text") {
    return (
      <div class="field">
        <label for={id}>{setting.title}</label>
        <Committed id={id} label={setting.title} value={String(value)} placeholder="" onChange={props.onChange} />
      </div>
    );
  }
  return (
    <div class="field">
      <label for={id}>{setting.title}{setting.unit && ` (${setting.unit})`}</label>
      <input id={id} class="input" type="number" value={Number(value)} min={setting.min ?? undefined} max={setting.max ?? undefined}
        step={setting.type === "integer" ? 1 : "any"} title={setting.text}
        onInput={(e) => {
          const n = e.currentTarget.valueAsNumber;
          if (Number.isFinite(n) && e.currentTarget.validity.valid) props.onChange(n);
        }} />
    </div>
  );
}

/** A text that counts when it is complete: on Enter, or when it is left. */
function Committed(props: { id: string; label: string; value: string; placeholder: string; onChange: (value: string) => void }) {
  const [text, setText] = useState(props.value);
  useEffect(() => setText(props.value), [props.value]);
  return (
    <input id={props.id} class="input" aria-label={props.label} value={text} placeholder={props.placeholder}
      onInput={(e) => setText(e.currentTarget.value)} onChange={() => text.trim() !== props.value && props.onChange(text.trim())} />
  );
}

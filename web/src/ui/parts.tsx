//! The small parts that every view is made of.

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { Icon, type IconName } from "./icons";

export type Tone = "good" | "warn" | "bad" | "accent" | "";

/** A heading with what belongs to the whole view. */
export function ViewHead(props: { title: string; lead?: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="view-head">
      <h1>{props.title}</h1>
      {props.children}
      {props.lead && <p class="lead">{props.lead}</p>}
    </div>
  );
}

export function Card(props: {
  title: string;
  aside?: ComponentChildren;
  children?: ComponentChildren;
  class?: string;
  /** Makes it a place that one can go to. */
  id?: string;
}): JSX.Element {
  return (
    <section class={`card ${props.class ?? ""}`} id={props.id} tabIndex={props.id ? -1 : undefined} aria-label={props.title}>
      <div class="card-head">
        <h2>{props.title}</h2>
        {props.aside}
      </div>
      {props.children}
    </section>
  );
}

export function Chip(props: { tone?: Tone; bare?: boolean; children: ComponentChildren }): JSX.Element {
  return <span class={`chip ${props.tone ?? ""} ${props.bare ? "bare" : ""}`}>{props.children}</span>;
}

/** One figure with what it is. */
export function Tile(props: { label: string; tone?: Tone; unit?: string; children: ComponentChildren }): JSX.Element {
  return (
    <div class={`tile ${props.tone ?? ""}`}>
      <dt>{props.label}</dt>
      <dd>
        {props.children}
        {props.unit && <small> {props.unit}</small>}
      </dd>
    </div>
  );
}

/** Pairs of what and how much. */
export function Facts({ rows }: { rows: readonly (readonly [string, ComponentChildren])[] }): JSX.Element {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => [<dt key={name}>{name}</dt>, <dd key={`${name}=`}>{value}</dd>])}
    </dl>
  );
}

/** A share from 0 to 1 as a bar. */
export function Meter({ share, label }: { share: number; label: string }): JSX.Element {
  const held = Math.min(1, Math.max(0, share));
  return (
    <div class="meter" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100}
      aria-valuenow={Math.round(held * 100)}>
      <i style={{ transform: `scaleX(${held})` }} />
    </div>
  );
}

export function Empty(props: { icon: IconName; title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <div class="empty">
      <Icon name={props.icon} />
      <h2>{props.title}</h2>
      {props.children}
    </div>
  );
}

export function Note(props: { tone?: Tone; children: ComponentChildren }): JSX.Element {
  return <p class={`note ${props.tone ?? ""}`}>{props.children}</p>;
}

/** A button that says what it does; with `busy` it waits. */
export function Button(props: {
  label: string;
  icon?: IconName;
  /** Only the icon is shown; the label is for screen readers and as a tip. */
  square?: boolean;
  look?: "primary" | "danger" | "plain" | "";
  busy?: boolean;
  disabled?: boolean;
  pressed?: boolean;
  onClick: () => void;
}): JSX.Element {
  const { label, icon, square } = props;
  return (
    <button type="button" class={`button ${props.look ?? ""} ${square ? "square" : ""}`} title={square ? label : undefined}
      aria-label={square ? label : undefined} aria-pressed={props.pressed} aria-busy={props.busy}
      disabled={(props.disabled ?? false) || (props.busy ?? false)} onClick={props.onClick}>
      {icon && <Icon name={icon} />}
      {!square && label}
    </button>
  );
}

/** A few choices beside each other. */
export function Segments<T extends string>(props: {
  label: string;
  name: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}): JSX.Element {
  return (
    <div class="segments" role="radiogroup" aria-label={props.label}>
      {props.options.map(([value, text]) => (
        <label key={value}>
          <input type="radio" name={props.name} value={value} checked={props.value === value}
            onChange={() => props.onChange(value)} />
          {text}
        </label>
      ))}
    </div>
  );
}

/** A dialog over the page. It is there while this is drawn; `onClose` takes it away. */
export function Dialog(props: {
  title: string;
  wide?: boolean;
  onClose: () => void;
  children: ComponentChildren;
}): JSX.Element {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog ref={ref} class={props.wide ? "wide" : ""} aria-label={props.title}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}>
      <div class="dialog-head">
        <h2>{props.title}</h2>
        <Button label="Close" icon="close" look="plain" square onClick={props.onClose} />
      </div>
      <div class="dialog-body">{props.children}</div>
    </dialog>
  );
}

/** Asks before something that cannot be undone. */
export function Confirm(props: {
  title: string;
  text: string;
  action: string;
  onDo: () => void;
  onClose: () => void;
}): JSX.Element {
  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <p>{props.text}</p>
      <div class="dialog-foot">
        <Button label="Leave it" onClick={props.onClose} />
        <Button label={props.action} icon="bin" look="danger"
          onClick={() => {
            props.onClose();
            props.onDo();
          }} />
      </div>
    </Dialog>
  );
}

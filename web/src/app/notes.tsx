//! Short notes in the corner, read out by screen readers.

import type { JSX } from "preact";
import { Icon } from "../ui/icons";
import { Store, useStore } from "../util/store";

interface Note {
  id: number;
  text: string;
  kind: "good" | "bad";
}

const notes = new Store<readonly Note[]>([]);
let last = 0;

/** Good news go by themselves; bad ones stay until they are closed. */
export function note(text: string, kind: Note["kind"] = "good"): void {
  last += 1;
  const id = last;
  notes.update((all) => [...all.filter((other) => other.text !== text), { id, text, kind }].slice(-4));
  if (kind === "good") setTimeout(() => dismiss(id), 5000);
}

/** Shows why something did not work. */
export function fault(error: unknown): void {
  note(error instanceof Error ? error.message : String(error), "bad");
}

function dismiss(id: number): void {
  notes.update((all) => all.filter((other) => other.id !== id));
}

export function Notes(): JSX.Element {
  const shown = useStore(notes, (all) => all);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {shown.map(({ id, text, kind }) => (
        <div class={`toast ${kind}`} key={id}>
          <p>{text}</p>
          <button type="button" class="button plain square" aria-label="Close this note" onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}

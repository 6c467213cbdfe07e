//! Taking in frames from an archive.

import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";

import { upload } from "../api/client";
import type { Summary } from "../api/types";
import { fault, note } from "../app/notes";
import { Button, Dialog, Meter } from "../ui/parts";
import { plural } from "../util/format";

interface Imported {
  session: Summary;
  skipped: readonly { path: string; reason: string }[];
}

export function Import({ onDone }: { onDone: () => void }): JSX.Element {
  const input = useRef<HTMLInputElement>(null);
  const [sent, setSent] = useState<number | null>(null);
  const [done, setDone] = useState<Imported | null>(null);
  const take = async (file: File | undefined) => {
    if (!file) return;
    setSent(0);
    try {
      const name = file.name.replace(/\.zip$/i, "");
      const imported = await upload<Imported>(`sessions?print_file=${encodeURIComponent(name)}`, file, "application/zip", setSent);
      note(`${plural(imported.session.frames, "frame")} imported.`);
      if (imported.skipped.length > 0) setDone(imported);
      onDone();
    } catch (problem) {
      fault(problem);
    }
    setSent(null);
    if (input.current) input.current.value = "";
  };
  return (
    <>
      <input ref={input} id="import-file" class="hidden" type="file" accept=".zip,application/zip" tabIndex={-1} aria-hidden="true"
        onChange={(e) => void take(e.currentTarget.files?.[0])} />
      {sent !== null && <div class="sent"><Meter share={sent} label="Upload" /></div>}
      <Button label="Import an archive" icon="upload" busy={sent !== null} onClick={() => input.current?.click()} />
      {done && (
        <Dialog title={`${plural(done.skipped.length, "file")} left out`} onClose={() => setDone(null)}>
          <ul class="plain-list">
            {done.skipped.map(({ path, reason }) => <li key={path}><code>{path}</code><span>{reason}</span></li>)}
          </ul>
        </Dialog>
      )}
    </>
  );
}

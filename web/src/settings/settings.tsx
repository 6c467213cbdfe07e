//! Every setting by subject, checked before it is saved.

import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

import { address, ApiError, get, patch, post } from "../api/client";
import { live } from "../api/events";
import type { Preset, Settings } from "../api/types";
import { guard } from "../app/leave";
import { fault, note } from "../app/notes";
import { href } from "../app/route";
import { byName, withChange, type Values } from "../plan/question";
import { Icon } from "../ui/icons";
import { Button, Card, Dialog, Empty, Note, ViewHead } from "../ui/parts";
import { Text } from "../ui/text";
import { plural } from "../util/format";
import { useLoad } from "../util/load";
import { useStore } from "../util/store";
import { filtered, fromPreset, problems } from "./check";
import { Presets } from "./presets";
import { SettingRow } from "./row";

/** The agent is asked about changes when nobody has typed for this long, ms. */
const PAUSE = 350;

interface Imported {
  saved: readonly string[];
  passed_over: Readonly<Record<string, string>>;
}

export function SettingsView(): JSX.Element {
  const revision = useStore(live, (l) => l.revisions.settings);
  const loaded = useLoad((signal) => get<Settings>("settings", signal), [revision]);
  const presets = useLoad((signal) => get<{ presets: readonly Preset[] }>("presets", signal), []);
  const settings = loaded.value;
  const all = useMemo(() => byName(settings), [settings]);
  const [changes, setChanges] = useState<Values>({});
  const [said, setSaid] = useState<Readonly<Record<string, string>>>({});
  const [sought, setSought] = useState("");
  const [advanced, setAdvanced] = useState(false);
  const [busy, setBusy] = useState(false);
  const [imported, setImported] = useState<Imported | null>(null);
  const input = useRef<HTMLInputElement>(null);
  const count = Object.keys(changes).length;
  const wrong = { ...said, ...problems(all, changes) };
  const faults = Object.keys(wrong).filter((name) => name in changes).length;

  useEffect(() => guard(() => (count > 0 ? `${plural(count, "change")} not saved. Leave without saving?` : null)), [count]);
  useEffect(() => {
    setSaid({});
    if (count === 0) return undefined;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      post<{ problems: Record<string, string> }>("settings/check", { values: sendable(changes) }, abort.signal).then(
        ({ problems: found }) => setSaid(found),
        () => {
          // Saving says what is wrong.
        },
      );
    }, PAUSE);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [changes]);

  const save = async () => {
    setBusy(true);
    try {
      loaded.put(await patch<Settings>("settings", { values: changes }));
      setChanges({});
      note(`${plural(count, "setting")} saved.`);
    } catch (problem) {
      if (problem instanceof ApiError) {
        setSaid({ ...problem.problems, ...(problem.field ? { [problem.field]: problem.message } : {}) });
      }
      fault(problem);
    }
    setBusy(false);
  };
  const take = async (file: File | undefined) => {
    if (!file) return;
    try {
      const content: unknown = JSON.parse(await file.text());
      const done = await post<Imported>("settings/import", content);
      setImported(done);
      loaded.again();
    } catch (problem) {
      fault(problem instanceof SyntaxError ? new Error(`${file.name} is no file of settings.`) : problem);
    }
    if (input.current) input.current.value = "";
  };
  const apply = (preset: Preset) => {
    const { changes: next, fixed } = fromPreset(all, changes, preset.values);
    setChanges(next);
    const kept = fixed.length ? ` ${fixed.join(", ")}: fixed in moonraker.conf and left as it is.` : "";
    note(`"${preset.title}" is filled in; save to use it.${kept}`);
  };

  return (
    <>
      <ViewHead title="Settings">
        <a class="button" href={address("/api/settings/export")} download="moonlapse-settings.json"><Icon name="download" />Export</a>
        <input ref={input} id="settings-file" class="hidden" type="file" accept=".json,application/json" tabIndex={-1} aria-hidden="true"
          onChange={(e) => void take(e.currentTarget.files?.[0])} />
        <Button label="Import" icon="upload" onClick={() => input.current?.click()} />
      </ViewHead>
      {loaded.error && <Note tone="bad">{loaded.error.message}</Note>}
      {settings && (
        <div class="settings">
          <Index settings={settings} sought={sought} advanced={advanced} changes={changes} />
          <div class="stack">
            {presets.value && presets.value.presets.length > 0 && <Presets presets={presets.value.presets} onApply={apply} />}
            <div class="row find">
              <span class="find-box">
                <Icon name="search" />
                <input class="input" type="search" aria-label="Find a setting" placeholder="Find a setting" value={sought}
                  onInput={(e) => setSought(e.currentTarget.value)} />
              </span>
              <label class="switch">
                <input type="checkbox" role="switch" checked={advanced} onChange={(e) => setAdvanced(e.currentTarget.checked)} />
                Show all
              </label>
            </div>
            <Groups settings={settings} sought={sought} advanced={advanced} changes={changes} problems={wrong}
              onChange={(name, value) => setChanges((now) => withChange(now, name, value, all.get(name)?.value))} />
          </div>
        </div>
      )}
      {count > 0 && (
        <div class="save-bar" role="region" aria-label="Changes">
          <p role="status">{plural(count, "change")}{faults > 0 && <span class="error">, {plural(faults, "fault")}</span>}</p>
          <Button label="Discard" onClick={() => setChanges({})} />
          <Button label="Save" look="primary" busy={busy} disabled={faults > 0} onClick={() => void save()} />
        </div>
      )}
      {imported && (
        <Dialog title="Import" onClose={() => setImported(null)}>
          <p>{imported.saved.length ? `${plural(imported.saved.length, "setting")} saved.` : "Nothing was changed."}</p>
          {Object.keys(imported.passed_over).length > 0 && (
            <ul class="plain-list">
              {Object.entries(imported.passed_over).map(([name, why]) => <li key={name}><code>{name}</code><span>{why}</span></li>)}
            </ul>
          )}
        </Dialog>
      )}
    </>
  );
}

/** NaN, an empty number, cannot be written in JSON; it is a fault that we know ourselves. */
function sendable(changes: Values): Values {
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => !Number.isNaN(value)));
}

/** The subjects, to get to them quickly. */
function Index(props: { settings: Settings; sought: string; advanced: boolean; changes: Values }): JSX.Element {
  const groups = filtered(props.settings, props.sought, props.advanced, props.changes);
  return (
    <nav class="index" aria-label="Subjects">
      {groups.map(({ id, title, settings }) => (
        <a key={id} href={href("settings", id)} onClick={(event) => {
          event.preventDefault();
          const group = document.getElementById(`group-${id}`);
          group?.scrollIntoView({ block: "start" });
          group?.focus({ preventScroll: true });
        }}>
          {title}
          {settings.some(({ name }) => name in props.changes) && <i aria-label="changed" role="img" />}
        </a>
      ))}
    </nav>
  );
}

interface GroupsProps {
  settings: Settings;
  sought: string;
  advanced: boolean;
  changes: Values;
  problems: Readonly<Record<string, string>>;
  onChange: (name: string, value: Values[string]) => void;
}

function Groups({ settings, sought, advanced, changes, problems: wrong, onChange }: GroupsProps): JSX.Element {
  const groups = filtered(settings, sought, advanced, changes);
  if (groups.length === 0) return <Empty icon="search" title="No setting like this" />;
  return (
    <>
      {groups.map((group) => (
        <Card key={group.id} id={`group-${group.id}`} title={group.title} class="group">
          {group.text && <p class="muted group-text"><Text text={group.text} /></p>}
          {group.settings.map((setting) => (
            <SettingRow key={setting.name} setting={setting} value={changes[setting.name] ?? setting.value} changed={setting.name in changes}
              problem={setting.name in changes ? wrong[setting.name] : undefined} onChange={(value) => onChange(setting.name, value)} />
          ))}
        </Card>
      ))}
    </>
  );
}

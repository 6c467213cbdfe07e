//! Where in a file the frames are taken, and what that costs.

import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";

import { get, patch } from "../api/client";
import { live } from "../api/events";
import type { GcodeFile, Plan, Restriction, Settings } from "../api/types";
import { fault, note } from "../app/notes";
import { go, href, route } from "../app/route";
import { Button, Empty, Note, ViewHead } from "../ui/parts";
import { plural, title } from "../util/format";
import { useLoad } from "../util/load";
import { useStore } from "../util/store";
import { areasText } from "./areas";
import { AreasCard } from "./areas-card";
import { PlanCanvas } from "./canvas";
import { Controls } from "./controls";
import { CostCard } from "./cost";
import { printedBounds, type Bounds, type Layer } from "./decode";
import { LayerCard } from "./details";
import { featureColour } from "./features";
import type { Shown } from "./paint";
import { byName, withChange, type Values } from "./question";
import { bedBounds, fit, resized, zoom, type Sight } from "./sight";
import { LayerSlider } from "./slider";
import { useLayer } from "./use-layer";
import { usePlan } from "./use-plan";

const NO_AREAS: readonly Restriction[] = [];
const NO_FEATURES: readonly string[] = [];

export function PlanView(): JSX.Element {
  const asked = useStore(route, (r) => r.rest);
  const print = useStore(live, (l) => l.state?.print?.file ?? null);
  const number = useStore(live, (l) => l.state?.print?.number ?? 0);
  const own = useStore(live, (l) => l.state?.filming === "planned" || l.state?.filming === "in_passing");
  const revision = useStore(live, (l) => l.revisions.settings);
  const files = useLoad((signal) => get<{ files: readonly GcodeFile[] }>("files", signal), [number]);
  const settings = useLoad((signal) => get<Settings>("settings", signal), [revision]);
  const features = useLoad((signal) => get<{ features: readonly string[] }>("features", signal), []);
  const named = useMemo(() => byName(settings.value), [settings.value]);
  const [changes, setChanges] = useState<Values>({});
  const [ownAreas, setOwnAreas] = useState<readonly Restriction[] | null>(null);
  const [turn, setTurn] = useState(0);

  const list = files.value?.files ?? [];
  const file = asked || (print ? null : list[0]?.path);
  const { base, plan, busy, error } = usePlan(file, changes, ownAreas, `${revision}.${turn}.${file === null ? number : ""}`, own);
  const areas = ownAreas ?? base?.restrictions ?? NO_AREAS;
  const changed = Object.keys(changes).length > 0 || ownAreas !== null;

  const save = async () => {
    try {
      const values = ownAreas ? { ...changes, restrictions: areasText(ownAreas) } : changes;
      settings.put(await patch<Settings>("settings", { values }));
      setChanges({});
      setOwnAreas(null);
      note("Saved. The next frames are planned like this.");
    } catch (problem) {
      fault(problem);
    }
  };

  return (
    <>
      <ViewHead title="Plan" lead="Where in the file each frame is taken, and what that costs. Changes here are tried, not saved.">
        {changed && (
          <Button label="Back to the settings" icon="again" onClick={() => {
            setChanges({});
            setOwnAreas(null);
          }} />
        )}
        {changed && <Button label="Use for prints" look="primary" onClick={() => void save()} />}
      </ViewHead>
      <div class="stack">
        <Controls files={list} file={file} printing={print} settings={named} changes={changes}
          onFile={(next) => go(href("plan", next ?? ""), true)}
          onChange={(name, value) => setChanges((now) => withChange(now, name, value, named.get(name)?.value))} />
        {error && <Note tone="bad">{error.message}</Note>}
        {plan ? (
          <Planned plan={plan} base={base} busy={busy} features={features.value?.features ?? NO_FEATURES} areas={areas}
            follows={file === null} onAreas={setOwnAreas} onForgotten={() => setTurn((n) => n + 1)} />
        ) : (
          <section class="card">
            {file === undefined ? (
              <Empty icon="plan" title="No file to plan">
                <p>Upload a G-code file to Moonraker: it can be planned before it is printed.</p>
              </Empty>
            ) : (
              <Empty icon="plan" title={error ? "There is no plan" : "Reading the file"} />
            )}
          </section>
        )}
      </div>
    </>
  );
}

interface PlannedProps {
  plan: Plan;
  base: Plan | null;
  busy: boolean;
  features: readonly string[];
  areas: readonly Restriction[];
  /** It is the plan of the print under way. */
  follows: boolean;
  onAreas: (areas: readonly Restriction[]) => void;
  onForgotten: () => void;
}

function Planned({ plan, base, busy, features, areas, follows, onAreas, onForgotten }: PlannedProps): JSX.Element {
  const printed = useStore(live, (l) => (follows ? (l.state?.print?.layer ?? null) : null));
  const allShots = useStore(live, (l) => (follows ? l.shots : null));
  const [picked, setPicked] = useState<number | null>(null);
  const [window, setWindow] = useState<number | null>(null);
  const [area, setArea] = useState<number | null>(null);
  const [shown, setShown] = useState<Shown>({ travels: true, candidates: false, windows: true });
  const [size, setSize] = useState<readonly [number, number] | null>(null);
  const [sight, setSight] = useState<Sight | null>(null);

  const most = plan.layers.z.length;
  const middle = plan.frames[Math.floor(plan.frames.length / 2)]?.[0] ?? 1;
  const number = Math.min(Math.max(picked ?? printed ?? middle, 1), Math.max(most, 1));
  const { layer, loading, frames, error } = useLayer(plan, number, onForgotten);

  // Whatever is drawn next after the file has changed is shown in full.
  useEffect(() => {
    setSight(null);
    setPicked(null);
    setWindow(null);
  }, [plan.file]);
  useEffect(() => {
    if (sight || !size || !layer) return;
    setSight(fit(around(plan, layer), size[0], size[1], 32));
  }, [sight, size, layer, plan]);
  const look = (next: number) => {
    setPicked(Math.min(Math.max(next, 1), Math.max(most, 1)));
    setWindow(null);
  };
  const resize = (w: number, h: number) => {
    if (w === 0 || h === 0 || (size && size[0] === w && size[1] === h)) return;
    if (size) setSight((now) => now && resized(now, size, [w, h]));
    setSize([w, h]);
  };
  const shots = useMemo(() => allShots?.filter(([, of]) => of === number) ?? [], [allShots, number]);
  const chosen = area !== null && area < areas.length ? area : null;

  return (
    <div class="columns plan-columns">
      <section class="card plan-card" aria-label="Layer on the bed">
        <div class="plan-stage">
          <PlanCanvas
            scene={{ bed: plan.bed, layer, features, frames, window, areas, area: chosen, shown, sight }}
            label={`Layer ${number} from above: ${plural(frames.length, "frame")}`}
            onSize={resize}
            onSight={setSight} onArea={setArea} onAreas={onAreas} onLayer={(step) => look(number + step)} />
          <div class="plan-tools">
            <Button label="Nearer" icon="plus" square onClick={() => size && sight && setSight(zoom(sight, 1.5, size[0] / 2, size[1] / 2))} />
            <Button label="Farther" icon="minus" square onClick={() => size && sight && setSight(zoom(sight, 1 / 1.5, size[0] / 2, size[1] / 2))} />
            <Button label="Show the print" icon="target" square onClick={() => {
              const bounds = layer && printedBounds(layer);
              if (bounds && size) setSight(fit(bounds, size[0], size[1], 32));
            }} />
            <Button label="Show the whole bed" icon="fit" square onClick={() => size && setSight(fit(bedBounds(plan.bed), size[0], size[1], 24))} />
          </div>
          {loading && <span class="plan-loading chip accent">Loading</span>}
        </div>
        <p id="plan-keys" class="hidden">
          Arrow keys move the picture or the chosen area, plus and minus zoom, page up and page down change the layer.
        </p>
        <LayerSlider plan={plan} layer={number} printed={printed} onLayer={look} />
        {follows && picked !== null && printed !== null && (
          <p class="row centred"><Button label="Follow the print" icon="target" onClick={() => setPicked(null)} /></p>
        )}
        <Legend layer={layer} features={features} shown={shown} onShown={setShown} />
        {error && <Note tone="bad">{error.message}</Note>}
      </section>
      <div class="stack">
        <CostCard plan={plan} base={base} busy={busy} />
        <AreasCard areas={areas} chosen={chosen} bed={plan.bed} onAreas={onAreas} onChosen={setArea} />
        <LayerCard plan={plan} layer={number} frames={frames} shots={shots} window={window} onWindow={setWindow} />
      </div>
    </div>
  );
}

/** The print with the park position and some room, as far as the bed goes. */
function around(plan: Plan, layer: Layer): Bounds {
  const bed = bedBounds(plan.bed);
  const [minX, minY, maxX, maxY] = plan.bounds ?? [];
  const whole = minX === undefined || minY === undefined || maxX === undefined || maxY === undefined ? null : { minX, minY, maxX, maxY };
  const printed = whole ?? printedBounds(layer);
  if (!printed) return bed;
  const xs = [printed.minX, printed.maxX, plan.park?.[0] ?? printed.minX];
  const ys = [printed.minY, printed.maxY, plan.park?.[1] ?? printed.minY];
  const ROOM = 12;
  return {
    minX: Math.max(bed.minX, Math.min(...xs) - ROOM),
    minY: Math.max(bed.minY, Math.min(...ys) - ROOM),
    maxX: Math.min(bed.maxX, Math.max(...xs) + ROOM),
    maxY: Math.min(bed.maxY, Math.max(...ys) + ROOM),
  };
}

function Legend(props: {
  layer: Layer | null;
  features: readonly string[];
  shown: Shown;
  onShown: (shown: Shown) => void;
}): JSX.Element {
  const { layer, features, shown, onShown } = props;
  const present = useMemo(() => {
    const names = new Set<string>();
    for (const run of layer?.runs ?? []) if (!run.travel) names.add(features[run.feature] ?? "other");
    return [...names].sort();
  }, [layer, features]);
  const toggle = (key: keyof Shown, text: string) => (
    <Button label={text} pressed={shown[key]} onClick={() => onShown({ ...shown, [key]: !shown[key] })} />
  );
  return (
    <div class="plan-legend">
      <div class="row toggles">
        {toggle("windows", "Windows")}
        {toggle("travels", "Travels")}
        {toggle("candidates", "Candidates")}
      </div>
      <ul class="legend small muted" aria-label="What is printed in this layer">
        {present.map((name) => (
          <li key={name}>
            <i class="swatch" style={{ background: featureColour(name) }} aria-hidden="true" />
            {title(name)}
          </li>
        ))}
        {layer?.thinned && <li>Thinned out: this layer has very many points.</li>}
      </ul>
    </div>
  );
}

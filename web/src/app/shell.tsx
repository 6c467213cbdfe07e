//! The frame around the views.

import type { ComponentType, JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { live } from "../api/events";
import { CamerasView } from "../cameras/cameras";
import { FilmsView } from "../films/films";
import { FramesView } from "../frames/frames";
import { HealthView } from "../health/health";
import { LiveView } from "../live/live";
import { PlanView } from "../plan/plan";
import { SettingsView } from "../settings/settings";
import { Icon, Moon, type IconName } from "../ui/icons";
import { useStore } from "../util/store";
import { Access, access } from "./access";
import { mayLeave } from "./leave";
import { Notes } from "./notes";
import { href, route } from "./route";
import { choice, choose, type Choice } from "./theme";

interface Tab {
  id: string;
  title: string;
  icon: IconName;
  view: ComponentType;
}

const TABS: readonly Tab[] = [
  { id: "live", title: "Live", icon: "live", view: LiveView },
  { id: "plan", title: "Plan", icon: "plan", view: PlanView },
  { id: "frames", title: "Frames", icon: "frames", view: FramesView },
  { id: "films", title: "Films", icon: "films", view: FilmsView },
  { id: "settings", title: "Settings", icon: "settings", view: SettingsView },
  { id: "cameras", title: "Cameras", icon: "cameras", view: CamerasView },
  { id: "health", title: "Health", icon: "health", view: HealthView },
];

export function Shell(): JSX.Element {
  const shown = useStore(route, (r) => r.view);
  const may = useStore(access, (a) => a);
  const tab = TABS.find((each) => each.id === shown) ?? TABS[0]!;
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  useEffect(() => {
    document.title = `${tab.title} – Moonlapse`;
    // Whoever uses the keyboard or a screen reader goes on in the new view.
    if (!first.current) {
      main.current?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
    }
    first.current = false;
  }, [tab]);
  return (
    <div class="shell">
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        main.current?.focus();
      }}>
        Skip to the content
      </a>
      <header class="rail">
        <div class="brand">
          <Moon />
          Moonlapse
        </div>
        <nav class="tabs" aria-label="Views">
          {TABS.map(({ id, title, icon }) => (
            <a key={id} href={href(id)} aria-current={id === tab.id ? "page" : undefined}
              onClick={(event) => mayLeave() || event.preventDefault()}>
              <Icon name={icon} />
              {title}
              {id === "health" && <Alarm />}
            </a>
          ))}
        </nav>
        <div class="rail-foot">
          <Themes />
        </div>
      </header>
      <div>
        <Lost />
        <main id="main" ref={main} tabIndex={-1}>
          {may === "refused" ? <Access /> : may === "asking" ? <p class="boot">Moonlapse</p> : <tab.view />}
        </main>
      </div>
      <Notes />
    </div>
  );
}

const THEMES: readonly Choice[] = ["auto", "light", "dark"];
const THEME_ICON = { auto: "auto", light: "sun", dark: "moon" } as const;
const THEME_NAME = { auto: "as the system", light: "light", dark: "dark" } as const;

function Themes(): JSX.Element {
  const now = useStore(choice, (c) => c);
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length] ?? "auto";
  return (
    <button type="button" class="button plain theme" title={`Change to ${THEME_NAME[next]}`} onClick={() => choose(next)}>
      <Icon name={THEME_ICON[now]} />
      <span>Colours: {THEME_NAME[now]}</span>
    </button>
  );
}

/** A dot where the doctor has found something. */
function Alarm(): JSX.Element | null {
  const worst = useStore(live, (l) => l.worst);
  if (worst !== "error" && worst !== "warning") return null;
  return <i class={`alarm ${worst}`} role="img" aria-label="needs a look" />;
}

/** Says when what is shown may be old. */
function Lost(): JSX.Element | null {
  const linked = useStore(live, (l) => l.linked);
  const version = useStore(live, (l) => l.state?.version ?? null);
  const first = useRef<string | null>(null);
  first.current ??= version;
  const known = version !== null;
  const away = useStore(live, (l) => l.state?.moonraker === "away");
  if (known && !linked) return <p class="lost" role="status">No connection to the agent. Trying again.</p>;
  if (version !== first.current) {
    return (
      <p class="lost" role="status">
        The agent was updated. <button type="button" class="button" onClick={() => location.reload()}>Load the new page</button>
      </p>
    );
  }
  if (away) return <p class="lost" role="status">The agent has no connection to Moonraker.</p>;
  return null;
}

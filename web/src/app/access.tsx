//! Who may see the page; the rules are Moonraker's.

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { ApiError, get, onRefused, post } from "../api/client";
import { listen, silence } from "../api/events";
import { Card } from "../ui/parts";
import { Store } from "../util/store";

export const access = new Store<"asking" | "allowed" | "refused">("asking");

/** Finds out whether we are let in, and listens when we are. */
export async function enter(): Promise<void> {
  try {
    const { allowed } = await get<{ allowed: boolean }>("access");
    if (allowed && access.get() !== "allowed") listen(() => void check());
    access.set(allowed ? "allowed" : "refused");
    if (!allowed) silence();
  } catch {
    // The agent is away; the events say when it is back.
    if (access.get() === "asking") {
      access.set("allowed");
      listen(() => void check());
    }
  }
}

async function check(): Promise<void> {
  try {
    const { allowed } = await get<{ allowed: boolean }>("access");
    if (!allowed) refuse();
  } catch {
    // As above.
  }
}

function refuse(): void {
  access.set("refused");
  silence();
}

onRefused(refuse);

export function Access(): JSX.Element {
  const [key, setKey] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await post("access", { key: key.trim() });
      await enter();
    } catch (error) {
      const wrong = error instanceof ApiError && error.status === 401;
      setProblem(wrong ? "Moonraker does not know this key." : String((error as Error).message));
    }
    setBusy(false);
  };
  return (
    <div class="narrow">
      <Card title="Who is there?">
        <form class="stack" onSubmit={(event) => void submit(event)}>
          <p>
            This device is not one of Moonraker's trusted clients. Enter Moonraker's API key; Mainsail and Fluidd show it in
            their settings.
          </p>
          <div class="field">
            <label for="key">API key</label>
            <input id="key" class="input" type="password" autocomplete="current-password" value={key} required
              aria-invalid={problem !== null} aria-describedby="key-problem" onInput={(e) => setKey(e.currentTarget.value)} />
            <p id="key-problem" class="error" role="alert">{problem}</p>
          </div>
          <div class="dialog-foot">
            <button type="submit" class="button primary" disabled={busy}>Enter</button>
          </div>
        </form>
      </Card>
    </div>
  );
}

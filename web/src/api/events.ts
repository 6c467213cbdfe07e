//! The agent's events, as long as the page is open.

import { KINDS, nothing, reduce, unlinked, type Live } from "../live/state";
import { Store } from "../util/store";
import { API } from "./client";

/** What is known of the agent, the printer and the print. */
export const live = new Store<Live>(nothing);

/** A browser gives up for good when the agent refuses; then we ask again after this, ms. */
const RETRY = 3000;

let source: EventSource | null = null;
let retry: ReturnType<typeof setTimeout> | undefined;

/** Begins to listen, or begins anew; `lost` is called whenever the connection went. */
export function listen(lost: () => void): void {
  clearTimeout(retry);
  source?.close();
  const opened = new EventSource(`${API}events`);
  source = opened;
  for (const kind of KINDS) {
    opened.addEventListener(kind, (event: MessageEvent<string>) => {
      let data: unknown;
      try {
        data = JSON.parse(event.data);
      } catch {
        return;
      }
      live.update((now) => reduce(now, kind, data, performance.now()));
    });
  }
  opened.onerror = () => {
    if (opened !== source) return;
    live.update(unlinked);
    lost();
    if (opened.readyState === EventSource.CLOSED) retry = setTimeout(() => listen(lost), RETRY);
  };
}

/** Stops listening until `listen` is called. */
export function silence(): void {
  clearTimeout(retry);
  source?.close();
  source = null;
  live.update(unlinked);
}

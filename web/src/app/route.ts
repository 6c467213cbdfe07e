//! Where on the page one is: `#/frames/20261123-153042_benchy?reel=1`.

import { Store } from "../util/store";

export interface Route {
  view: string;
  /** What stands behind the view's name. */
  rest: string;
  query: Readonly<Record<string, string>>;
}

export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#?\/?/, "");
  const mark = text.indexOf("?");
  const path = mark < 0 ? text : text.slice(0, mark);
  const query = Object.fromEntries(new URLSearchParams(mark < 0 ? "" : text.slice(mark + 1)));
  const slash = path.indexOf("/");
  const view = slash < 0 ? path : path.slice(0, slash);
  return { view: view || "live", rest: decode(slash < 0 ? "" : path.slice(slash + 1)), query };
}

/** The hash of a place on the page. */
export function href(view: string, rest = "", query: Record<string, string> = {}): string {
  const tail = rest ? `/${encodeURIComponent(rest)}` : "";
  const asked = new URLSearchParams(query).toString();
  return `#/${view}${tail}${asked ? `?${asked}` : ""}`;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const route = new Store<Route>(parseRoute(typeof location === "undefined" ? "" : location.hash));

/** Goes there; `replace` leaves no step in the browser's history. */
export function go(hash: string, replace = false): void {
  if (hash === location.hash) return;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  route.set(parseRoute(hash));
}

if (typeof window !== "undefined") {
  const read = () => route.set(parseRoute(location.hash));
  window.addEventListener("hashchange", read);
  window.addEventListener("popstate", read);
}

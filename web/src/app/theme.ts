//! Light and dark: as the system says, until somebody chooses.

import { Store } from "../util/store";

export type Choice = "auto" | "light" | "dark";
export type Theme = "light" | "dark";

const KEY = "moonlapse-theme";
const system = window.matchMedia("(prefers-color-scheme: dark)");

function saved(): Choice {
  try {
    const text = localStorage.getItem(KEY);
    return text === "light" || text === "dark" ? text : "auto";
  } catch {
    return "auto";
  }
}

export const choice = new Store<Choice>(saved());
export const theme = new Store<Theme>("light");

function apply(): void {
  const chosen = choice.get();
  const now = chosen === "auto" ? (system.matches ? "dark" : "light") : chosen;
  document.documentElement.dataset["theme"] = now;
  theme.set(now);
}

export function choose(next: Choice): void {
  choice.set(next);
  try {
    if (next === "auto") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}

choice.watch(apply);
system.addEventListener("change", apply);
apply();

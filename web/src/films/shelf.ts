//! What lies in the folder of the films.

import type { Film } from "../api/types";

/** All but the pictures that lie beside a film. */
export function beside(all: readonly Film[]): readonly Film[] {
  const taken = new Set(all.map((film) => film.picture).filter(Boolean));
  return all.filter((film) => film.kind !== "picture" || !taken.has(film.name));
}

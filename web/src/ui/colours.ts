//! The colours of the style sheet, for what is drawn on a canvas.

/** Gives the colours in force at `element` by their names. */
export function colours(element: Element): (name: string) => string {
  const style = getComputedStyle(element);
  const known = new Map<string, string>();
  return (name) => {
    let colour = known.get(name);
    if (colour === undefined) {
      colour = style.getPropertyValue(name).trim() || "#888";
      known.set(name, colour);
    }
    return colour;
  };
}

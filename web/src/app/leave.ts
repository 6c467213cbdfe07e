//! Asks before a view is left in which something is not saved.

let unsaved: (() => string | null) | null = null;

/** `question` gives what to ask, or `null` when nothing is lost. Undone by the returned function. */
export function guard(question: () => string | null): () => void {
  unsaved = question;
  return () => {
    if (unsaved === question) unsaved = null;
  };
}

/** Whether the view may be left. */
export function mayLeave(): boolean {
  const question = unsaved?.() ?? null;
  return question === null || window.confirm(question);
}

window.addEventListener("beforeunload", (event) => {
  if (unsaved?.()) event.preventDefault();
});

//! A text with names in backticks, which are shown as code.

import type { JSX } from "preact";

export function Text({ text }: { text: string }): JSX.Element {
  return <>{text.split("`").map((piece, i) => (i % 2 === 1 ? <code key={i}>{piece}</code> : piece))}</>;
}

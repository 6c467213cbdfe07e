//! The page begins here.

import { render } from "preact";

import { enter } from "./app/access";
import { Shell } from "./app/shell";

const root = document.getElementById("app");
if (root) {
  root.replaceChildren();
  render(<Shell />, root);
  void enter();
}

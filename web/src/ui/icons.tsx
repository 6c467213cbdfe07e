//! Our own line icons, drawn on a grid of 24.

import type { JSX } from "preact";

const PATHS = {
  live: "M3 8.500a2 2 0 0 1 2-2h2.200l1.600-2h6.400l1.600 2H19a2 2 0 0 1 2 2V17a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2zM12 9.200a3.300 3.300 0 1 0 0 6.600 3.300 3.300 0 0 0 0-6.600z",
  plan: "M12 3 3 7.500l9 4.500 9-4.500zM3 12l9 4.500 9-4.500M3 16.500 12 21l9-4.500",
  frames: "M4 5h16v14H4zM4 9.500h16M4 14.500h16M8.500 5v14M15.500 5v14",
  films: "M4 6a2 2 0 0 1 2-2h12a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2zM10 8.800v6.400l5.200-3.200z",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  cameras: "M12 4a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM12 7.700a2.300 2.300 0 1 0 0 4.600 2.300 2.300 0 0 0 0-4.600zM8.500 15.200 7 20h10l-1.500-4.800",
  health: "M3 12h4l2.500-6 5 12L17 12h4",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M18.700 5.300l-1.400 1.400M6.700 17.300l-1.400 1.400",
  moon: "M19.500 14.500A8 8 0 0 1 9.500 4.500a8 8 0 1 0 10 10z",
  auto: "M12 3.500a8.500 8.500 0 1 0 0 17zM12 3.500a8.500 8.500 0 0 1 0 17",
  close: "M6 6l12 12M18 6 6 18",
  play: "M8 5.500v13l10.500-6.500z",
  pause: "M8.500 5.500v13M15.500 5.500v13",
  first: "M18 6v12l-9-6zM6 6v12",
  last: "M6 6v12l9-6zM18 6v12",
  back: "M15 6l-7 6 7 6",
  next: "M9 6l7 6-7 6",
  download: "M12 4v11M7.500 11 12 15.500 16.500 11M5 19.500h14",
  upload: "M12 16V5M7.500 9 12 4.500 16.500 9M5 19.500h14",
  bin: "M5 7h14M9.500 7V4.500h5V7M7 7l.8 12.500h8.400L17 7M10.200 10.500v5.500M13.800 10.500v5.500",
  again: "M19 12a7 7 0 1 1-2.200-5.100M19.500 3.500v4h-4",
  star: "M12 4l2.400 5 5.600.700-4.100 3.800 1.100 5.500-5-2.700-5 2.700 1.100-5.500L4 9.700 9.600 9z",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  square: "M5 6.500h14v11H5z",
  circle: "M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14z",
  fit: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
  lamp: "M9.500 17.500h5M10.500 20.500h3M12 3.500a5.500 5.500 0 0 0-3.200 10c.500.400.900 1 .900 1.700v.300h4.600v-.300c0-.700.400-1.300.900-1.700A5.500 5.500 0 0 0 12 3.500z",
  target: "M12 5a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM12 2.500v5M12 16.500v5M2.500 12h5M16.500 12h5",
  lock: "M6 11h12v8.500H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  search: "M10.500 4.500a6 6 0 1 0 0 12 6 6 0 0 0 0-12zM15 15l5 5",
  zip: "M5 4h14v16H5zM12 4v2M12 8v2M12 12v2M10.500 16h3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"
      stroke-linejoin="round" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The sign of the page: a crescent. */
export function Moon(): JSX.Element {
  return (
    <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" fill="#2b3f94" />
      <path d="M20.500 22.600A9 9 0 1 1 15.200 7a7.200 7.200 0 0 0 5.300 15.600z" fill="#f3f0e4" />
      <circle cx="22.500" cy="11.500" r="1.500" fill="#f3f0e4" />
    </svg>
  );
}

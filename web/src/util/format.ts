//! Figures as people read them. What is not known is a dash.

const UNKNOWN = "–";

function known(n: number | null | undefined): n is number {
  return typeof n === "number" && Number.isFinite(n);
}

/** With a fixed number of decimals. */
export function fixed(n: number | null | undefined, decimals = 0): string {
  return known(n) ? (Math.abs(n) < 0.5 * 10 ** -decimals ? 0 : n).toFixed(decimals) : UNKNOWN;
}

/** A whole number with thin spaces between thousands. */
export function count(n: number | null | undefined): string {
  return known(n) ? Math.round(n).toString().replace(/\B(?=(\d{3})+$)/g, "\u202f") : UNKNOWN;
}

/** A length: mm up to a metre. */
export function length(mm: number | null | undefined): string {
  if (!known(mm)) return UNKNOWN;
  return Math.abs(mm) < 1000 ? `${fixed(mm, Math.abs(mm) < 10 ? 1 : 0)} mm` : `${fixed(mm / 1000, 1)} m`;
}

/** A time that passes: 4.2 s, 3 min 5 s, 2 h 5 min, 3 d 4 h. */
export function duration(s: number | null | undefined): string {
  if (!known(s)) return UNKNOWN;
  if (s < 0) return `−${duration(-s)}`;
  if (s < 9.95) return `${fixed(s, 1)} s`;
  const whole = Math.round(s);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(s / 60);
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  const hours = Math.round(s / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** With so many decimals at most, and none that says nothing: 12.5, 30. */
export function rate(n: number | null | undefined, decimals = 2): string {
  return known(n) ? String(Number(n.toFixed(decimals))) : UNKNOWN;
}

/** How long a film is: 0.7 s, 1:05. */
export function clock(s: number | null | undefined): string {
  if (!known(s)) return UNKNOWN;
  if (s < 9.95) return duration(Math.max(0, s));
  const whole = Math.floor(s);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A size of a file, in units of a thousand. */
export function bytes(n: number | null | undefined): string {
  if (!known(n)) return UNKNOWN;
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = n;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${fixed(value, unit > 1 && value < 9.95 ? 1 : 0)} ${units[unit] ?? ""}`;
}

/** A share from 0 to 1. */
export function percent(share: number | null | undefined): string {
  return known(share) ? `${fixed(share * 100)} %` : UNKNOWN;
}

const pad = (n: number) => String(n).padStart(2, "0");

/** A time of day, in the browser's zone. */
export function timeOfDay(at: string | null | undefined): string {
  const date = parse(at);
  return date ? `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}` : UNKNOWN;
}

/** A date with the time of day, in the browser's zone. */
export function when(at: string | null | undefined): string {
  const date = parse(at);
  if (!date) return UNKNOWN;
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}`;
}

function parse(at: string | null | undefined): Date | null {
  if (!at) return null;
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** "1 frame", "2 frames". */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

/** A name of the API as words: `retracted_travel` becomes "retracted travel". */
export function words(name: string | null | undefined): string {
  return name ? name.replace(/_/g, " ") : UNKNOWN;
}

/** The same, beginning with a capital. */
export function title(name: string | null | undefined): string {
  const text = words(name);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A part of a sentence as one of its own. */
export function sentence(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "") return "";
  return trimmed.charAt(0).toUpperCase() + trimmed.slice(1) + (/[.!?]$/.test(trimmed) ? "" : ".");
}

/** The file's name without its folders. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

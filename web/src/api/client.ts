//! Asking the agent.

/** Where the API is, seen from the page; the page may lie below a path of a proxy. */
export const API = typeof document === "undefined" ? "/api/" : new URL("./api/", document.baseURI).pathname;

/** Why the agent did not do what it was asked for. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    /** A word for programs, such as `not_found`. */
    readonly word: string,
    readonly field: string | null = null,
    readonly problems: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.name = "ApiError";
  }
}

const AWAY = "The agent does not answer. Is it running, and is the network there?";

/** Called when a key is needed. */
let refused: () => void = () => {};
export function onRefused(callback: () => void): void {
  refused = callback;
}

async function send(method: string, path: string, body: BodyInit | null, type: string | null, signal?: AbortSignal) {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (type) headers["Content-Type"] = type;
  let response: Response;
  try {
    response = await fetch(API + path, { method, headers, body, signal: signal ?? null });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(AWAY, 0, "away");
  }
  if (response.ok) return response;
  const fault = await explain(response);
  if (fault.status === 401) refused();
  throw fault;
}

async function explain(response: Response): Promise<ApiError> {
  try {
    const said: unknown = await response.json();
    if (typeof said === "object" && said !== null && "message" in said && typeof said.message === "string") {
      const { error, field, problems } = said as { error?: unknown; field?: unknown; problems?: unknown };
      const named = typeof problems === "object" && problems !== null ? (problems as Record<string, string>) : {};
      const word = typeof error === "string" ? error : "failed";
      return new ApiError(said.message, response.status, word, typeof field === "string" ? field : null, named);
    }
  } catch {
    // What stands between the page and the agent answered, such as a proxy.
  }
  return new ApiError(`${AWAY} (status ${response.status})`, response.status, "failed");
}

async function read<T>(response: Response): Promise<T> {
  return (response.status === 204 ? undefined : await response.json()) as T;
}

const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value));

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return read<T>(await send("GET", path, null, null, signal));
}

export async function getBytes(path: string, signal?: AbortSignal): Promise<ArrayBuffer> {
  return (await send("GET", path, null, null, signal)).arrayBuffer();
}

export async function post<T>(path: string, value: unknown = {}, signal?: AbortSignal): Promise<T> {
  return read<T>(await send("POST", path, json(value), "application/json", signal));
}

export async function patch<T>(path: string, value: unknown): Promise<T> {
  return read<T>(await send("PATCH", path, json(value), "application/json"));
}

export async function remove(path: string): Promise<void> {
  await send("DELETE", path, null, null);
}

/** Sends a file; `told` hears how much of it has gone, from 0 to 1. */
export function upload<T>(path: string, file: Blob, type: string, told: (share: number) => void): Promise<T> {
  // Only XMLHttpRequest tells how much of a body was sent.
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", API + path);
    request.setRequestHeader("Content-Type", type);
    request.upload.onprogress = (event) => event.lengthComputable && told(event.loaded / event.total);
    request.onerror = () => reject(new ApiError(AWAY, 0, "away"));
    request.onload = () => {
      const response = new Response(request.status === 204 ? null : request.responseText, { status: request.status });
      if (response.ok) resolve(read<T>(response));
      else void explain(response).then(reject);
    };
    request.send(file);
  });
}

/** A part of a path that may hold anything. */
export const part = encodeURIComponent;

/** The address of something that the API names with a path from the root (`/api/...`), for the page's own root. */
export function address(url: string): string {
  return url.startsWith("/api/") ? API + url.slice("/api/".length) : url;
}

/** A picture that is taken now, with its age where the agent knows it. Give its `url` back with `URL.revokeObjectURL`. */
export async function getPicture(path: string): Promise<{ url: string; age_ms: number | null; at: string }> {
  const response = await send("GET", path, null, null);
  const age = Number(response.headers.get("X-Age-Ms") ?? Number.NaN);
  const url = URL.createObjectURL(await response.blob());
  return { url, age_ms: Number.isFinite(age) ? age : null, at: new Date().toISOString() };
}

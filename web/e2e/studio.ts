//! The studio that the page is tried in: `tests/rig/examples/page_studio.rs`.

import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const repository = fileURLToPath(new URL("../../", import.meta.url));
const built = process.env["MOONLAPSE_PAGE_TARGET"] ?? `${repository}target/debug`;

interface Addresses {
  page: string;
  moonraker: string;
  data: string;
  films: string;
}

/** How long the studio may take for one thing, ms. */
const LIMIT = 600_000;

export class Studio {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  private constructor(
    process: ChildProcess,
    answers: AsyncIterator<string>,
    readonly at: Addresses,
  ) {
    this.#process = process;
    this.#answers = answers;
  }

  /** Starts printer, camera, Moonraker and agent. */
  static async start(...options: string[]): Promise<Studio> {
    const args = ["--agent", `${built}/moonlapse`, ...options];
    const child = spawn(`${built}/examples/page_studio`, args, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done) throw new Error("the studio did not start");
    return new Studio(child, lines, JSON.parse(first.value) as Addresses);
  }

  /** Has it do what `line` says. */
  async do<T = Record<string, never>>(line: string): Promise<T> {
    this.#process.stdin!.write(`${line}\n`);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the studio has not answered: ${line}`)), LIMIT);
    });
    const answer = await Promise.race([this.#answers.next(), late]).finally(() => clearTimeout(timer));
    if (answer.done) throw new Error(`the studio has ended at: ${line}`);
    const said = JSON.parse(answer.value) as T & { error?: string };
    if (said.error) throw new Error(`${line}: ${said.error}`);
    return said;
  }

  /** What Moonraker answers to a GET. */
  async moonraker<T>(path: string): Promise<T> {
    const response = await fetch(this.at.moonraker + path);
    const body = (await response.json()) as { result: T };
    return body.result;
  }

  /** What the agent answers to a GET. */
  async agent<T>(path: string): Promise<T> {
    const response = await fetch(`${this.at.page}api/${path}`);
    if (!response.ok) throw new Error(`${path}: status ${response.status}: ${await response.text()}`);
    return (await response.json()) as T;
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#process.stdin!.end();
    await ended;
  }
}

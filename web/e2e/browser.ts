//! A real Chromium, and everything that goes wrong in it.

import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { chromium, type Browser as Program, type Page } from "playwright-core";

import { repository } from "./studio";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Where screenshots are left. */
export const SHOTS = join(repository, "target/page-shots");

/** Wide as a desk, narrow as a phone. */
export const SIZES = [
  [1440, 900],
  [390, 844],
] as const;

/** How long the page may take for one thing on a busy machine, ms. */
const PATIENCE = 100_000;

/** No screenshot is longer, px. */
const LONGEST = 2600;

/** Somebody else. */
export interface Visitor {
  readonly page: Page;
  /** Answers that were refused. */
  readonly refused: number;
  close(): Promise<void>;
}

export class Browser {
  /** What the page must never do: errors and warnings on its console, failed and foreign requests. */
  readonly faults: string[] = [];

  private constructor(
    private readonly program: Program,
    readonly page: Page,
    private readonly home: string,
  ) {}

  static async open(home: string): Promise<Browser> {
    const executablePath = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
    const program = await chromium.launch({ executablePath, headless: true, args: FLAGS });
    const page = await program.newPage({ acceptDownloads: true, viewport: { width: 1440, height: 900 } });
    page.setDefaultTimeout(PATIENCE);
    const browser = new Browser(program, page, home);
    browser.#watch();
    await page.goto(home);
    return browser;
  }

  #watch(): void {
    const { page, faults } = this;
    page.on("pageerror", (error) => faults.push(`exception: ${error.message}`));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`);
    });
    page.on("request", (request) => {
      const url = request.url();
      if (!url.startsWith(this.home) && !url.startsWith("blob:") && !url.startsWith("about:")) faults.push(`foreign: ${url}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) faults.push(`status ${response.status()}: ${response.url()}`);
    });
  }

  /** Goes to a view by its tab. */
  async view(title: string): Promise<void> {
    await this.page.getByRole("navigation", { name: "Views" }).getByRole("link", { name: title }).click();
    await this.page.getByRole("heading", { level: 1, name: title }).waitFor();
  }

  /** Leaves screenshots of what is shown, in light and dark, wide and narrow; and looks for what axe finds. */
  async look(name: string): Promise<void> {
    mkdirSync(SHOTS, { recursive: true });
    for (const [width, height] of SIZES) {
      await this.page.setViewportSize({ width, height });
      for (const colorScheme of ["light", "dark"] as const) {
        await this.page.emulateMedia({ colorScheme });
        await this.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        // Not `fullPage`: what sticks to an edge of the window would stand in the middle of the picture.
        const long = await this.page.evaluate(() => document.documentElement.scrollHeight);
        await this.page.setViewportSize({ width, height: Math.min(Math.max(long, height), LONGEST) });
        await this.page.screenshot({ path: join(SHOTS, `${name}-${width}-${colorScheme}.png`) });
        await this.page.setViewportSize({ width, height });
        const wider = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        if (wider > 0) this.faults.push(`${name} is ${wider} px wider than ${width} px`);
        this.faults.push(...(await this.#audit()).map((fault) => `${name}, ${width} px, ${colorScheme}: ${fault}`));
      }
    }
    await this.page.setViewportSize({ width: 1440, height: 900 });
    await this.page.emulateMedia({ colorScheme: "light" });
  }

  /** What axe-core says about names, roles, contrast and order. */
  async #audit(): Promise<string[]> {
    await this.page.evaluate(AXE);
    const found = await this.page.evaluate(async () => {
      const { axe } = window as unknown as { axe: { run: (options: object) => Promise<{ violations: Violation[] }> } };
      interface Violation {
        id: string;
        help: string;
        nodes: { html: string; failureSummary: string }[];
      }
      return (await axe.run({ resultTypes: ["violations"] })).violations;
    });
    return found.flatMap(({ id, nodes }) => nodes.slice(0, 3).map((node) => `${id}: ${node.html.slice(0, 160)} ${node.failureSummary}`));
  }

  /** Somebody else with a browser of their own, who sends these headers. */
  async visitor(headers: Record<string, string>): Promise<Visitor> {
    const page = await this.program.newPage({ extraHTTPHeaders: headers });
    page.setDefaultTimeout(PATIENCE);
    const visitor = { page, refused: 0, close: () => page.context().close() };
    page.on("response", (response) => {
      if (response.status() === 401) visitor.refused += 1;
    });
    await page.goto(this.home);
    return visitor;
  }

  async close(): Promise<void> {
    await this.program.close();
  }
}

// Evaluated through the debugger, which the page's Content-Security-Policy does not bind.
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

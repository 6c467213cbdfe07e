//! A print as somebody sees it on the page: planned, filmed, looked at, filmed again. Each test is a step of one story.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Browser, SHOTS } from "./browser";
import { repository, Studio } from "./studio";

const FILE = "towers.gcode";
const LAYERS = 14;
/** How often the last frame is shown again at a film's end; the default. */
const REPEATED = 5;
/** The camera is this late, ms. */
const LATE = 350;

interface FilmFacts {
  frames: number;
  duration: number;
}

let studio: Studio;
let browser: Browser;

/** What a canvas with a picture shows: its frame's address. */
const pictured = () => browser.page.locator(".picture canvas:not([hidden])").first().getAttribute("data-url");

const settings = async () => {
  const { groups } = await studio.agent<{ groups: { settings: { name: string; value: unknown }[] }[] }>("settings");
  return Object.fromEntries(groups.flatMap((g) => g.settings).map(({ name, value }) => [name, value]));
};

const films = async () => (await studio.agent<{ films: { name: string; kind: string }[] }>("films")).films.filter((f) => f.kind === "film");

interface Listed {
  id: string;
  frames: number;
  dropped?: number;
  preview?: { number: number; chosen: boolean };
}
const sessions = async () => (await studio.agent<{ sessions: Listed[] }>("sessions")).sessions;

beforeAll(async () => {
  studio = await Studio.start("--late", String(LATE), "--lamp", "--set", "stream_delay_compensation=0.35");
  await studio.do(`upload ${FILE} ${repository}tests/data/gcode/towers_relative_zhop.gcode ${LAYERS}`);
  browser = await Browser.open(studio.at.page);
});

afterAll(async () => {
  await browser?.close();
  await studio?.end();
});

describe("before the print", () => {
  it("the page says that it waits", async () => {
    await browser.page.getByText("Waiting for a print").waitFor();
    await browser.look("live-waiting");
  });

  it("a file is planned, and its layers go by on the slider", async () => {
    const { page } = browser;
    await browser.view("Plan");
    const canvas = page.locator(".plan-canvas");
    await expect.poll(() => canvas.getAttribute("data-layer")).not.toBe("");
    await page.locator("#plan-layer").fill("3");
    await expect.poll(() => canvas.getAttribute("data-layer")).toBe("3");
    await page.locator("#plan-layer").press("ArrowRight");
    await expect.poll(() => canvas.getAttribute("data-layer")).toBe("4");
    await canvas.press("PageDown");
    await expect.poll(() => canvas.getAttribute("data-layer")).toBe("3");
    // What is drawn has the colours of what is printed.
    expect(await colourful(".plan-canvas")).toBeGreaterThan(200);
    await page.getByRole("button", { name: "Show the way of window 2" }).click();
    await browser.look("plan");
  });

  it("another place for the head is planned at once, with its cost beside the present one", async () => {
    const { page } = browser;
    const added = () => page.locator(".tiles[data-added]").getAttribute("data-added").then(Number);
    const before = await added();
    await page.getByLabel("The head goes to").selectOption("nearest_edge");
    await expect.poll(added).not.toBe(before);
    await page.getByText("beside the settings in force").waitFor();
    await page.getByLabel("A frame is due").selectOption("height");
    await page.getByLabel(/^Height/).fill("1");
    await expect.poll(added).toBeLessThan(before / 2);
    expect((await settings())["mode"], "nothing is saved by trying").toBe("auto");
    await page.getByRole("button", { name: "Back to the settings" }).click();
    await expect.poll(added).toBe(before);
  });

  it("what was tried is used for prints when somebody says so", async () => {
    const { page } = browser;
    for (const mode of ["live", "auto"]) {
      await page.getByLabel("A frame is due").selectOption(mode);
      await page.getByRole("button", { name: "Use for prints" }).click();
      await expect.poll(async () => (await settings())["mode"]).toBe(mode);
      await expect.poll(() => page.getByRole("button", { name: "Use for prints" }).count()).toBe(0);
    }
  });

  it("an area that is dragged on the bed is planned around", async () => {
    const { page } = browser;
    await page.getByRole("button", { name: "Show the whole bed" }).click();
    await page.getByRole("button", { name: "Rectangle" }).click();
    await page.getByLabel("What area 1 means").selectOption("forbidden");
    const left = page.getByLabel("Left (mm)");
    const before = Number(await left.inputValue());
    const canvas = page.locator(".plan-canvas");
    await canvas.scrollIntoViewIfNeeded();
    const box = (await canvas.boundingBox())!;
    const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
    await page.mouse.move(x, y);
    await page.mouse.down();
    await page.mouse.move(x + 60, y - 20, { steps: 6 });
    await page.mouse.up();
    await expect.poll(() => left.inputValue().then(Number)).toBeGreaterThan(before);
    // Around all of the print nothing is left.
    await left.fill("0");
    await page.getByLabel("Front (mm)").fill("0");
    await page.getByLabel("Right (mm)").fill("235");
    await page.getByLabel("Back (mm)").fill("235");
    await page.getByText(/the restricted areas leave no place/).first().waitFor();
    await browser.look("plan-restricted");
    await page.getByRole("button", { name: "Remove area 1" }).click();
    await page.getByRole("button", { name: "Back to the settings" }).click();
    await expect.poll(() => page.getByText(/leave no place/).count()).toBe(0);
  });

  it("a wrong value is refused, a right one saved, and both the agent and Moonraker use it", async () => {
    const { page } = browser;
    await browser.view("Settings");
    const rate = page.locator("#set-output_framerate");
    await rate.fill("500");
    await page.getByText("Enter a number of at least 1, at most 240 1/s.").waitFor();
    expect(await page.getByRole("button", { name: "Save", exact: true }).isDisabled()).toBe(true);
    await rate.fill("24");
    await browser.look("settings");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("1 setting saved.").waitFor();
    expect((await settings())["output_framerate"]).toBe(24);
    const known = await studio.moonraker<Record<string, unknown>>("/machine/timelapse/settings");
    expect(known["output_framerate"]).toBe(24);
  });

  it("what moonraker.conf fixes is shown as fixed", async () => {
    const { page } = browser;
    const row = page.locator('[data-setting="parkpos"]');
    await row.getByText("Fixed in moonraker.conf").waitFor();
    expect(await page.locator("#set-parkpos").isDisabled()).toBe(true);
  });

  it("settings go out into a file and come back", async () => {
    const { page } = browser;
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", { name: "Export" }).click()]);
    const file = join(SHOTS, "settings.json");
    await download.saveAs(file);
    const exported = JSON.parse(readFileSync(file, "utf8")) as { values: Record<string, unknown> };
    expect(exported.values["output_framerate"]).toBe(24);
    exported.values["output_framerate"] = 25;
    writeFileSync(file, JSON.stringify(exported));
    await page.locator("#settings-file").setInputFiles(file);
    await page.getByRole("dialog").getByText(/settings? saved/).waitFor();
    await page.getByRole("button", { name: "Close", exact: true }).click();
    await expect.poll(async () => (await settings())["output_framerate"]).toBe(25);
    await expect.poll(() => page.locator("#set-output_framerate").inputValue()).toBe("25");
  });

  it("the light is tried", async () => {
    const { page } = browser;
    await browser.view("Cameras");
    await page.getByRole("button", { name: "Test the light" }).click();
    await page.getByText(/^The light makes the picture brighter by \d/).waitFor();
  });

  it("the camera is tried and calibrated, with its curve", async () => {
    const { page } = browser;
    await page.getByRole("button", { name: "Test picture" }).click();
    await expect.poll(pictured).toMatch(/^blob:/);
    await studio.do("gcode G28");
    await page.getByRole("button", { name: "Calibrate" }).click();
    await page.getByRole("button", { name: "Move the head" }).click();
    await page.locator('[data-calibration="running"]').waitFor();
    await page.locator('[data-calibration="done"]').waitFor({ timeout: 280_000 });
    const timing = page.locator("[data-timing]");
    await timing.waitFor();
    // How good the figure is, is tested beside the agent, on a machine that does not draw a browser meanwhile.
    const { cameras } = await studio.agent<{ cameras: { timing: { latency_s: number } }[] }>("cameras");
    expect(await timing.getAttribute("data-timing")).toBe(String(cameras[0]?.timing.latency_s));
    expect(await page.locator(".curve circle").count()).toBeGreaterThan(20);
    await browser.look("cameras");
  });
});

describe("while it prints", () => {
  it("frames arrive as they are taken, and the snapshot's state goes along", async () => {
    const { page } = browser;
    await browser.view("Live");
    await page.evaluate(() => {
      const seen = new Set<string>();
      (window as unknown as { stages: Set<string> }).stages = seen;
      const note = () => {
        const stage = document.querySelector("[data-stage]")?.getAttribute("data-stage");
        if (stage) seen.add(stage);
      };
      new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
    });
    await studio.do(`print ${FILE} 100`);
    const shown = new Set<string>();
    await expect
      .poll(async () => shown.add((await pictured()) ?? "").size, { timeout: 280_000, interval: 100 })
      .toBeGreaterThan(3);
    const stages = await page.evaluate(() => [...(window as unknown as { stages: Set<string> }).stages]);
    expect(stages).toEqual(expect.arrayContaining(["armed", "captured"]));
    await browser.look("live");
  });

  it("the plan shows how its frames stand", async () => {
    const { page } = browser;
    await browser.view("Plan");
    await page.locator("#plan-file").waitFor();
    expect(await page.locator("#plan-file option:checked").textContent()).toContain("This print");
    await page.locator("#plan-layer").fill("1");
    await page.getByText("Captured", { exact: true }).waitFor();
    await browser.look("plan-printing");
    await page.getByRole("button", { name: "Follow the print" }).click();
  });

  it("its frames can be looked at, left out and preferred", async () => {
    const { page } = browser;
    await browser.view("Frames");
    const scrubber = page.locator("#scrubber");
    await scrubber.fill("1");
    await page.getByRole("button", { name: "Leave out" }).click();
    await page.getByText("Left out of films", { exact: true }).waitFor();
    await scrubber.fill("0");
    await page.getByRole("button", { name: "Preview" }).click();
    await page.getByText("Frame 1 stands for the print.").waitFor();
    const [session] = await sessions();
    expect(session).toMatchObject({ dropped: 1, preview: { number: 1, chosen: true } });
    await page.getByRole("button", { name: "Play", exact: true }).click();
    await expect.poll(() => scrubber.inputValue()).not.toBe("0");
    await page.getByRole("button", { name: "Stop playing" }).click();
    await browser.look("frames");
  });
});

describe("after the print", () => {
  let frames = 0;

  it("its film is there, without the frame that was left out", async () => {
    const { page } = browser;
    await browser.view("Films");
    expect(await studio.do("end")).toEqual({ state: "complete" });
    await page.locator("[data-film]").first().waitFor({ timeout: 280_000 });
    frames = (await sessions())[0]!.frames;
    // On a busy machine some are missed; those that are there are right.
    expect(frames).toBeGreaterThanOrEqual(LAYERS / 2);
    const [film] = await films();
    const facts = await studio.do<FilmFacts>(`film ${film!.name}`);
    expect(facts.frames).toBe(frames - 1 + REPEATED);
    const { off_mm: off } = await studio.do<{ off_mm: number[] }>("truth");
    expect(Math.max(...off)).toBeLessThanOrEqual(0.05);
  });

  it("it is made again at another speed, with progress, and is verified", async () => {
    const { page } = browser;
    await page.getByRole("button", { name: /again$/ }).first().click();
    await page.getByText("Frames a second", { exact: true }).first().click();
    await page.locator("#make-fps").fill("12.5");
    await page.getByRole("button", { name: "Make the film" }).click();
    await page.locator("[data-job]").first().waitFor();
    await expect.poll(async () => (await films()).length).toBe(2);
    await expect.poll(() => page.locator("[data-film]").count()).toBe(2);
    const [film] = await films();
    const facts = await studio.do<FilmFacts>(`film ${film!.name}`);
    expect(facts.frames).toBe(frames - 1 + REPEATED);
    expect(facts.duration).toBeCloseTo((frames - 1 + REPEATED) / 12.5, 2);
    expect((await settings())["output_framerate"], "the settings stay").toBe(25);
    await browser.look("films");
  });

  it("it plays", async () => {
    const { page } = browser;
    await page.getByRole("button", { name: /^Play timelapse/ }).first().click();
    const seconds = () => page.locator("video").evaluate((video: HTMLVideoElement) => video.currentTime);
    await expect.poll(seconds).toBeGreaterThan(0);
    await page.getByRole("button", { name: "Close", exact: true }).click();
    expect(await page.locator("video").count()).toBe(0);
  });

  it("it is deleted when somebody says so twice", async () => {
    const { page } = browser;
    await page.getByRole("button", { name: /^Delete timelapse/ }).first().click();
    await page.getByRole("button", { name: "Leave it" }).click();
    expect(await films()).toHaveLength(2);
    await page.getByRole("button", { name: /^Delete timelapse/ }).first().click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await expect.poll(async () => (await films()).length).toBe(1);
    await expect.poll(() => page.locator("[data-film]").count()).toBe(1);
  });

  it("the frames go out as an archive and come back as a print", async () => {
    const { page } = browser;
    const before = await sessions();
    const link = page.getByRole("link", { name: /^Archive of/ }).first();
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    const file = join(SHOTS, "frames.zip");
    await download.saveAs(file);
    await page.locator("#import-file").setInputFiles(file);
    await page.getByText(/frames? imported/).waitFor();
    const after = await sessions();
    expect(after).toHaveLength(before.length + 1);
    expect(after.map((s) => s.frames)).toEqual([frames, frames]);
  });

  it("its health is told, with what happened last", async () => {
    const { page } = browser;
    await browser.view("Health");
    // It looks by itself when nobody has looked yet.
    await page.locator("[data-finding]").first().waitFor();
    await page.locator(".summary").waitFor();
    expect(await page.locator(".log li").count()).toBeGreaterThan(3);
    await browser.look("health");
  });
});

describe("at any time", () => {
  it("a stranger is let in with Moonraker's key alone", async () => {
    const key = await studio.moonraker<string>("/access/api_key");
    // A proxy tells whom it speaks for.
    const stranger = await browser.visitor({ "X-Forwarded-For": "203.0.113.9" });
    const field = stranger.page.getByLabel("API key");
    await field.fill("of another printer");
    await stranger.page.getByRole("button", { name: "Enter" }).click();
    await stranger.page.getByText("Moonraker does not know this key.").waitFor();
    expect(stranger.refused, "nothing is shown before").toBeGreaterThan(0);
    await field.fill(key);
    await stranger.page.getByRole("button", { name: "Enter" }).click();
    await stranger.page.getByRole("heading", { level: 1, name: "Live" }).waitFor();
    await stranger.page.reload();
    await stranger.page.getByRole("heading", { level: 1, name: "Live" }).waitFor();
    await stranger.close();
  });

  it("the keyboard is enough", async () => {
    const { page } = browser;
    await page.goto(studio.at.page);
    await page.getByRole("heading", { level: 1, name: "Live" }).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toContain("Skip to the content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("main");
    await page.getByRole("link", { name: "Films", exact: true }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "Films" }).waitFor();
  });

  it("light and dark are as the system says, or as somebody chose, also after a reload", async () => {
    const { page } = browser;
    const theme = () => page.evaluate(() => document.documentElement.dataset["theme"]);
    await page.emulateMedia({ colorScheme: "dark" });
    await expect.poll(theme).toBe("dark");
    await page.getByRole("button", { name: /^Colours/ }).click();
    await expect.poll(theme).toBe("light");
    await page.reload();
    await expect.poll(theme).toBe("light");
    await page.getByRole("button", { name: /^Colours/ }).click();
    await page.getByRole("button", { name: /^Colours/ }).click();
    await expect.poll(theme).toBe("dark");
    await page.emulateMedia({ colorScheme: "light" });
  });

  it("nothing was said on the console, nothing failed, nothing foreign was asked for, and axe has nothing to say", () => {
    expect(browser.faults).toEqual([]);
  });
});

/** How many pixels of a canvas have a colour of their own. */
function colourful(selector: string): Promise<number> {
  return browser.page.locator(selector).evaluate((canvas: HTMLCanvasElement) => {
    const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
    let found = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r = 0, g = 0, b = 0] = [data[i], data[i + 1], data[i + 2]];
      if (Math.max(r, g, b) - Math.min(r, g, b) > 60) found += 1;
    }
    return found;
  });
}

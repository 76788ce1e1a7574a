// A real Chromium, headless, with a fake camera and microphone, and the page in it.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

import { writeCamera, writeMicrophone } from './material.mjs';

const PROGRAM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const GUARD = 240000; // milliseconds: against hanging, never what is measured

const FLAGS = [
  '--no-sandbox', // the tests may run as root
  '--disable-gpu',
  '--disable-quic',
  '--disable-dev-shm-usage', // small in containers
  '--autoplay-policy=no-user-gesture-required',
  // Two pages are tested side by side, and none of them must be slowed down for being behind.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  '--use-fake-device-for-media-stream',
];

export class Browser {
  #browser;
  #folder;

  /** Starts it with more `flags`, and `film`, a function that writes what the camera sees. */
  static async start(flags = [], film = writeCamera) {
    const browser = new Browser();
    browser.#folder = mkdtempSync(join(tmpdir(), 'visavis-browser-'));
    const camera = join(browser.#folder, 'camera.y4m');
    const microphone = join(browser.#folder, 'microphone.wav');
    film(camera);
    writeMicrophone(microphone);
    const files = [
      `--use-file-for-fake-video-capture=${camera}`,
      `--use-file-for-fake-audio-capture=${microphone}`,
    ];
    browser.#browser = await chromium.launch({
      executablePath: PROGRAM,
      headless: true,
      args: [...FLAGS, ...files, ...flags],
      timeout: GUARD,
    });
    return browser;
  }

  /** A page of its own at `url`: nothing is shared with others. `permissions` are those given beforehand. */
  async open(url, { permissions = ['camera', 'microphone'], width = 1280, height = 800, ...options } = {}) {
    const context = await this.#browser.newContext({ permissions, viewport: { width, height }, ...options });
    context.setDefaultTimeout(GUARD);
    const page = await context.newPage();
    const faults = [];
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type()))
        faults.push(`console ${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => faults.push(`page: ${error.message}`));
    await page.goto(url);
    return new Page(page, faults);
  }

  async stop() {
    await this.#browser?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The page of web-demo/, as a test sees it. */
export class Page {
  /** Playwright's own page, for clicks and keys. */
  tab;
  /** Every console error and warning, and every uncaught exception, so far. */
  faults;

  constructor(tab, faults) {
    this.tab = tab;
    this.faults = faults;
  }

  /** Waits until `test`, run in the page with `value`, is true; fails with `what` if it never is. */
  async until(test, value, what) {
    try {
      await this.tab.waitForFunction(test, value);
    } catch (error) {
      const state = await this.tab
        .evaluate(() => [window.visavis?.state, window.visavis?.stats.errors])
        .catch(() => '');
      throw new Error(
        `${what}: never came; the page is ${JSON.stringify(state)} (${error.message.split('\n')[0]})`,
      );
    }
  }

  state(name) {
    return this.until((wanted) => window.visavis?.state === wanted, name, `state "${name}"`);
  }

  stats() {
    return this.tab.evaluate(() => window.visavis.stats);
  }

  /** Waits until the page has drawn `count` frames more. */
  async frames(count) {
    const target = (await this.stats()).framesShown + count;
    await this.until((wanted) => window.visavis.stats.framesShown >= wanted, target, `${count} frames`);
  }

  /** Waits until a frame of presentation time `pts` or later was drawn. */
  drawn(pts) {
    return this.until((wanted) => window.visavis.stats.lastFramePts >= wanted, pts, `frame of ${pts} us`);
  }

  /** Types `text` into the box and sends it. */
  async say(text) {
    await this.tab.fill('#say', text);
    await this.tab.press('#say', 'Enter');
  }

  /** Waits for the avatar's line with `text` to be in `state` ("queued", "speaking", "said", "cut"). */
  line(text, state) {
    return this.until(
      ([words, wanted]) =>
        [...document.querySelectorAll('#transcript > li[data-speaker=avatar]')].some(
          (item) => item.dataset.state === wanted && item.querySelector('.text').textContent.includes(words),
        ),
      [text, state],
      `line "${text}" ${state}`,
    );
  }

  /** Waits for a refusal and asserts its code and that its words are on the screen. */
  async refused(code, words) {
    await this.until(() => ['refused', 'ended'].includes(window.visavis?.state), null, `refusal "${code}"`);
    assert.equal(await this.tab.getAttribute('#refusal', 'data-code'), code);
    assert.match(await this.tab.innerText('#refusal .card'), words);
  }

  /** Asserts that nothing was ever complained about. */
  assertQuiet() {
    assert.deepEqual(this.faults, []);
  }

  close() {
    return this.tab.context().close();
  }
}

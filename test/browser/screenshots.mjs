// Takes the documentation's pictures of the page, in a real call (`make pictures`):
//
//   VISAVIS=build/visavis node test/browser/screenshots.mjs [FOLDER]

import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Browser } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { writeFilm } from './material.mjs';

const IMAGES = process.argv[2] ?? fileURLToPath(new URL('../../docs/images', import.meta.url));
const SENTENCE = 'Good to see you. I say what you write, and my lips follow every sound of it';

// Somebody in front of a wall: head and shoulders, swaying a little.
function somebody(x, y, part) {
  const sway = 4 * Math.sin(2 * Math.PI * part);
  const inside = (cx, cy, rx, ry) => ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1;
  const light = 1 - 0.35 * (x / 320) - 0.15 * (y / 240);
  const shade = (colour) => colour.map((value) => value * light);
  if (y < 106 && inside(160 + sway, 98, 46, 54)) return shade([74, 54, 46]); // hair
  if (inside(142 + sway, 108, 4, 5) || inside(178 + sway, 108, 4, 5)) return [40, 34, 34]; // eyes
  if (y > 136 && inside(160 + sway, 132, 17, 10)) return shade([170, 84, 80]); // smile
  if (inside(160 + sway, 114, 42, 52)) return shade([232, 184, 156]); // face
  if (inside(160 + sway / 2, 176, 20, 30)) return shade([212, 160, 134]); // neck
  if (inside(160 + sway / 2, 262, 108, 86)) return shade([64, 110, 118]); // shoulders
  return shade([176, 182, 176]); // wall
}

// Runs in the page. The shutter: lets the picture stand still at a moment in which the mouth is as open as it has been for a
// second, told by how far brightness is spread there. Resolves when it does.
function holdStill() {
  const MOUTH = [96, 140, 64, 48]; // of the 256 x 256
  const FRAMES = 25;
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  const eye = new OffscreenCanvas(256, 256).getContext('2d', { willReadFrequently: true });
  const seen = [];
  const spread = (canvas) => {
    eye.drawImage(canvas, 0, 0, 256, 256);
    const { data } = eye.getImageData(...MOUTH);
    const green = Array.from({ length: data.length / 4 }, (_, i) => data[4 * i + 1]);
    const mean = green.reduce((sum, value) => sum + value, 0) / green.length;
    return green.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  };
  return new Promise((resolve) => {
    CanvasRenderingContext2D.prototype.drawImage = function (...what) {
      if (this.canvas.id !== 'avatar') return draw.apply(this, what);
      if (seen.length > FRAMES && seen.at(-1) >= Math.max(...seen.slice(-FRAMES))) return resolve();
      draw.apply(this, what);
      seen.push(spread(this.canvas));
    };
  });
}

/** A call in which the avatar is speaking, in a window of this size; `shoot` takes pictures of it. */
async function call(browser, daemon, options, shoot) {
  const page = await browser.open(`${daemon.url}?session=demo`, options);
  await page.state('lobby');
  await page.tab.click('#join');
  await page.line('Hello', 'said');
  await page.frames(150); // the chart needs something to show
  await page.say(`${SENTENCE}.`);
  await page.line('my lips follow', 'speaking');
  await page.tab.evaluate(holdStill);
  await shoot(page.tab);
  await page.tab.click('#hang-up');
  await page.state('ended');
  await page.close();
}

const daemon = await Daemon.startModel(['--demo', '--greeting', 'Hello. It is good that you are here.']);
const browser = await Browser.start([], (path) => writeFilm(path, somebody));
const save = (name) => (tab) => tab.screenshot({ path: resolve(IMAGES, `${name}.jpg`), type: 'jpeg', quality: 82 });
await call(browser, daemon, {}, save('page'));
await call(browser, daemon, { width: 390, height: 844, isMobile: true, hasTouch: true }, save('page-phone'));
await browser.stop();
await daemon.stop();

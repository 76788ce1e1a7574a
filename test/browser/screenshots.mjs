// Takes the documentation's pictures of the page, in a real call:
//
//   VISAVIS=build/visavis node test/browser/screenshots.mjs

import { fileURLToPath } from 'node:url';

import { Browser } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { writeFilm } from './material.mjs';

const IMAGES = fileURLToPath(new URL('../../docs/images/', import.meta.url));
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

/** A call in which the avatar is speaking, in a window of this size; `shoot` takes pictures of it. */
async function call(browser, daemon, options, shoot) {
  const page = await browser.open(`${daemon.url}?session=demo`, options);
  await page.state('lobby');
  await page.tab.click('#join');
  await page.line('Hello', 'said');
  await page.frames(150); // the chart needs something to show
  await page.say(`${SENTENCE}.`);
  await page.line('my lips follow', 'speaking');
  await page.frames(30);
  await shoot(page.tab);
  await page.tab.click('#hang-up');
  await page.state('ended');
  await page.close();
}

const daemon = await Daemon.start(['--demo', '--greeting', 'Hello. It is good that you are here.']);
const browser = await Browser.start([], (path) => writeFilm(path, somebody));
const save = (name) => (tab) => tab.screenshot({ path: `${IMAGES}${name}.jpg`, type: 'jpeg', quality: 82 });
await call(browser, daemon, {}, save('page'));
await call(browser, daemon, { width: 390, height: 844, isMobile: true, hasTouch: true }, save('page-phone'));
await browser.stop();
await daemon.stop();

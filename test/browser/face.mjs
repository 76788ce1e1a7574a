// Reads the avatar's face as somebody in front of the screen would: who is it, does it move, how far is the mouth open?
//
// Every frame that the page decodes is made a picture of 64 x 64 cells of brightness; so are the characters' portraits.
// A slow machine decodes few frames and draws fewer, so those decoded are read. The shipped portraits are framed alike
// (docs/characters.md), and all rectangles are those of such a picture.

import { readFileSync, readdirSync } from 'node:fs';

import { WEIGHTS } from './daemon.mjs';
import { correlation } from './picture.mjs';

const SIDE = 64;
export const MOUTH = { x: 24, y: 35, width: 16, height: 12 };
export const EYES = { x: 19, y: 23, width: 26, height: 7 };
export const WALL = { x: 1, y: 1, width: 9, height: 14 };

/** Has the page note every frame it decodes; to be called before the call is joined. */
export const installFace = (page) => page.evaluate(watch, SIDE);

/** [{pts, cells}, ...] of every frame decoded since the last time that this was asked. */
export async function readFace(page) {
  const frames = await page.evaluate(() => window.face.read());
  return frames.map(({ pts, cells }) => ({ pts, cells: unpack(cells) }));
}

/** The cells of what is on the screen now. */
export const readScreen = async (page) => unpack(await page.evaluate(() => window.face.screen()));

/** The characters' portraits, seen the same way: Map from name to cells. */
export async function portraits(page) {
  const folder = `${WEIGHTS}/characters`;
  const seen = new Map();
  for (const file of readdirSync(folder).sort()) {
    const [, name, kind] = /^(.*)\.(png|jpe?g)$/.exec(file) ?? [];
    if (!name) continue;
    const bytes = readFileSync(`${folder}/${file}`, 'base64');
    const type = `image/${kind === 'png' ? 'png' : 'jpeg'}`;
    seen.set(name, unpack(await page.evaluate((what) => window.face.picture(...what), [bytes, type])));
  }
  return seen;
}

const unpack = (cells) => [...Buffer.from(cells, 'base64')];

// Runs in the page.
function watch(SIDE) {
  const context = new OffscreenCanvas(256, 256).getContext('2d', { willReadFrequently: true });
  const frames = [];

  // A byte for each cell, as base64: there are many frames.
  function look(image) {
    context.drawImage(image, 0, 0, 256, 256);
    const { data } = context.getImageData(0, 0, 256, 256);
    const sums = new Float64Array(SIDE * SIDE);
    for (let y = 0; y < 256; y++)
      for (let x = 0; x < 256; x++) {
        const i = (y * 256 + x) * 4;
        const luma = 0.2126 * data[i] + 0.7152 * data[i + 1] + 0.0722 * data[i + 2];
        sums[Math.floor((y * SIDE) / 256) * SIDE + Math.floor((x * SIDE) / 256)] += luma;
      }
    const cells = Uint8Array.from(sums, (sum) => Math.round((sum * SIDE * SIDE) / 256 / 256));
    return btoa(String.fromCharCode(...cells));
  }

  window.VideoDecoder = class extends VideoDecoder {
    constructor({ output, error }) {
      const seen = (frame) => {
        frames.push({ pts: frame.timestamp, cells: look(frame) });
        output(frame);
      };
      super({ output: seen, error });
    }
  };
  window.face = {
    read: () => frames.splice(0),
    screen: () => look(document.getElementById('avatar')),
    picture: async (base64, type) => {
      const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      return look(await createImageBitmap(new Blob([bytes], { type })));
    },
  };
}

// ---- arithmetic ------------------------------------------------------------------------------------------------------

/** The cells within a rectangle. */
export function within(cells, { x, y, width, height }) {
  const part = [];
  for (let row = y; row < y + height; row++) part.push(...cells.slice(row * SIDE + x, row * SIDE + x + width));
  return part;
}

/** Mean of the absolute differences, of 255. */
export const apart = (a, b) => a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;

/**
 * How far the mouth is open, in brightness: the spread within its rectangle. Lips that part show teeth, which are lighter
 * than all around, and the dark between them.
 */
export function openness(cells) {
  const mouth = within(cells, MOUTH);
  const mean = mouth.reduce((sum, value) => sum + value, 0) / mouth.length;
  return Math.sqrt(mouth.reduce((sum, value) => sum + (value - mean) ** 2, 0) / mouth.length);
}

/** Who is seen: [[name, how alike, -1 to 1], ...], the likest first. */
export const likest = (cells, known) =>
  [...known]
    .map(([name, portrait]) => [name, correlation(cells.map((value, i) => [value, portrait[i]]))])
    .sort(([, a], [, b]) => b - a);

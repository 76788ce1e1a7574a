// Makes the documentation's picture of a face that speaks (`make pictures`): frames of a film by `visavis render`, under
// each the phone that sounds in it, and below them the voice.
//
//   VISAVIS=build/visavis PERFORMER=build/visavis-performer node test/browser/speaking.mjs [FILE.jpg]

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Browser } from './browser.mjs';
import { WEIGHTS } from './daemon.mjs';
import { waveFile } from './material.mjs';

const OUT = process.argv[2] ?? fileURLToPath(new URL('../../docs/images/speaking.jpg', import.meta.url));
const PROGRAM = process.env.VISAVIS ?? 'build/visavis';
const PERFORMER = process.env.PERFORMER ?? 'build/visavis-performer';
const CHARACTER = 'femi';
const TEXT = 'Hello, we both move as we speak.';
const PHONES = ['hh', 'ow', 'b', 'th', 'm', 'uw', 's', 'iy'];
const RATE = 16000;
const LEAD = 0.2; // seconds of silence before the voice

/** {pcm, phones: [{name, from, to}]}: the text in a voice, and when which phone sounds (seconds). */
function speak() {
  const answer = execFileSync(PERFORMER, ['speech'], { input: `say\tflite-slt\t${TEXT}\n` });
  const end = answer.indexOf('\n');
  const [what, samples, list] = answer.toString('latin1', 0, end).split('\t');
  if (what !== 'speech') throw new Error(`${PERFORMER}: ${samples}`);
  const voice = Array.from({ length: Number(samples) }, (_, i) => answer.readInt16LE(end + 1 + 2 * i));
  const phones = list.split(' ').map((part) => {
    const [, name, from, to] = /^(.*):(\d+)-(\d+)$/.exec(part);
    return { name, from: from / 1000 + LEAD, to: to / 1000 + LEAD };
  });
  return { pcm: Int16Array.from([...new Array(LEAD * RATE).fill(0), ...voice]), phones };
}

/** The wanted phones in their order, each the first after the one before. */
function choose(phones) {
  let at = 0;
  return PHONES.map((name) => {
    at = phones.findIndex((phone, i) => i >= at && phone.name === name) + 1;
    if (at === 0) throw new Error(`"${TEXT}" has no further ${name}`);
    return phones[at - 1];
  });
}

// Runs in the page: draws the sheet, and says how large it is.
async function draw({ tiles, pcm, seconds }) {
  const [WIDTH, HEIGHT, GAP, WAVE] = [170, 214, 6, 84];
  const FACE = [52, 16, 152, 191]; // of the 256 x 256
  const canvas = document.createElement('canvas');
  canvas.width = tiles.length * (WIDTH + GAP) - GAP;
  canvas.height = HEIGHT + 30 + WAVE;
  document.body.style.margin = 0;
  document.body.replaceChildren(canvas);
  const c = canvas.getContext('2d');
  c.fillStyle = '#fff';
  c.fillRect(0, 0, canvas.width, canvas.height);
  c.imageSmoothingQuality = 'high';
  const middle = HEIGHT + 30 + WAVE / 2;
  const loudest = Math.max(...pcm.map(Math.abs));
  const x = (time) => (time / seconds) * canvas.width;
  c.fillStyle = '#5b6b80';
  for (let i = 0; i < canvas.width; i++) {
    const part = pcm.slice((i * pcm.length) / canvas.width, ((i + 1) * pcm.length) / canvas.width);
    const high = (Math.max(...part.map(Math.abs)) / loudest) * WAVE;
    c.fillRect(i, middle - high / 2, 1, Math.max(1, high));
  }
  c.font = '17px sans-serif';
  c.textAlign = 'center';
  for (const [i, { file, label, from, to }] of tiles.entries()) {
    const bytes = Uint8Array.from(atob(file), (char) => char.charCodeAt(0));
    const left = i * (WIDTH + GAP);
    c.drawImage(await createImageBitmap(new Blob([bytes])), ...FACE, left, 0, WIDTH, HEIGHT);
    c.fillStyle = 'rgb(20 150 130 / 0.25)';
    c.fillRect(x(from), middle - WAVE / 2, x(to) - x(from), WAVE);
    c.fillStyle = '#111';
    c.fillText(label, left + WIDTH / 2, HEIGHT + 20);
    c.strokeStyle = 'rgb(20 150 130 / 0.9)';
    c.beginPath();
    c.moveTo(left + WIDTH / 2, HEIGHT + 25);
    c.lineTo(x((from + to) / 2), HEIGHT + 34);
    c.stroke();
  }
  return [canvas.width, canvas.height];
}

const folder = mkdtempSync(join(tmpdir(), 'visavis-speaking-'));
const browser = await Browser.start();
try {
  const { pcm, phones } = speak();
  writeFileSync(join(folder, 'voice.wav'), waveFile(pcm, RATE));
  const options = ['--speech', join(folder, 'voice.wav'), '--out', join(folder, 'frames'), '--character', CHARACTER];
  execFileSync(PROGRAM, ['render', '--weights', WEIGHTS, ...options], { stdio: 'inherit' });
  const tiles = choose(phones).map(({ name, from, to }) => {
    const frame = Math.floor(((from + to) / 2) * 25);
    const file = readFileSync(join(folder, 'frames', `${String(frame).padStart(6, '0')}.png`), 'base64');
    return { file, label: `/${name}/`, from, to };
  });
  const page = await browser.open('about:blank');
  const [width, height] = await page.tab.evaluate(draw, { tiles, pcm: [...pcm], seconds: pcm.length / RATE });
  await page.tab.setViewportSize({ width, height });
  await page.tab.screenshot({ path: OUT, type: 'jpeg', quality: 88 });
} finally {
  await browser.stop();
  rmSync(folder, { recursive: true, force: true });
}

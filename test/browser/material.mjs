// What the fake camera sees and the fake microphone hears: made anew for every run, the same each time.

import { writeFileSync } from 'node:fs';

// ---- the camera ----------------------------------------------------------------------------------------------------

const WIDTH = 320,
  HEIGHT = 240,
  FRAMES = 20,
  FRAMES_A_SECOND = 10;

// 3 x 3 zones. A bar of BAR's colour moves through the middle one, within the part of it that is measured (see
// picture.mjs), so that the zone's mean stays the same.
//
// None of them is a strong blue or yellow: Chromium without a GPU adds 2.00 of Cb to blue where BT.709 has 2.11, and
// would be measured instead of the daemon.
const ZONES = [
  [
    [190, 60, 50],
    [60, 150, 70],
    [80, 100, 130],
  ],
  [
    [180, 170, 110],
    [60, 60, 60],
    [70, 170, 180],
  ],
  [
    [160, 90, 120],
    [210, 210, 210],
    [110, 90, 60],
  ],
];
const BAR = [220, 220, 220];
const ZONE = WIDTH / 3;
const MEASURED = 0.75 * ZONE,
  BAR_WIDTH = 20,
  BAR_SHARE = BAR_WIDTH / MEASURED;

// BT.601, limited range: what Chromium takes a .y4m file for.
const toYuv = ([r, g, b]) =>
  [
    16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255,
    128 + (-37.797 * r - 74.203 * g + 112 * b) / 255,
    128 + (112 * r - 93.786 * g - 18.214 * b) / 255,
  ].map(Math.round);
const toRgb = ([y, u, v]) => [
  1.164384 * (y - 16) + 1.596027 * (v - 128),
  1.164384 * (y - 16) - 0.391762 * (u - 128) - 0.812968 * (v - 128),
  1.164384 * (y - 16) + 2.017232 * (u - 128),
];

/** The mean R'G'B' of each zone, [row][column], as the file really says it. */
export const cameraZones = ZONES.map((row, y) =>
  row.map((colour, x) => {
    const ground = toRgb(toYuv(colour));
    if (x !== 1 || y !== 1) return ground;
    const bar = toRgb(toYuv(BAR));
    return ground.map((value, i) => value + (bar[i] - value) * BAR_SHARE);
  }),
);

/** Writes two seconds of film, which the browser repeats: `colourAt(x, y, part)` is R'G'B' at a part (0 to 1) of it. */
export function writeFilm(path, colourAt) {
  const parts = [Buffer.from(`YUV4MPEG2 W${WIDTH} H${HEIGHT} F${FRAMES_A_SECOND}:1 Ip A1:1 C420jpeg\n`)];
  for (let n = 0; n < FRAMES; n++) {
    const planes = [1, 2, 2].map((step) => Buffer.alloc((WIDTH / step) * (HEIGHT / step)));
    for (let y = 0; y < HEIGHT; y++)
      for (let x = 0; x < WIDTH; x++) {
        const yuv = toYuv(colourAt(x, y, n / (FRAMES - 1)));
        planes[0][y * WIDTH + x] = yuv[0];
        const chroma = ((y >> 1) * WIDTH) / 2 + (x >> 1);
        [planes[1][chroma], planes[2][chroma]] = [yuv[1], yuv[2]];
      }
    parts.push(Buffer.from('FRAME\n'), ...planes);
  }
  writeFileSync(path, Buffer.concat(parts));
}

/** Writes the camera's film of `cameraZones`. */
export function writeCamera(path) {
  const margin = (ZONE - MEASURED) / 2 + 6;
  const left = ZONE + margin,
    room = ZONE - 2 * margin - BAR_WIDTH;
  writeFilm(path, (x, y, part) => {
    const row = Math.min(2, Math.floor((y * 3) / HEIGHT)),
      column = Math.min(2, Math.floor(x / ZONE));
    const barFrom = Math.round(left + room * part);
    const inBar = row === 1 && column === 1 && x >= barFrom && x < barFrom + BAR_WIDTH;
    return inBar ? BAR : ZONES[row][column];
  });
}

// ---- the microphone ------------------------------------------------------------------------------------------------

const RATE = 48000;
const SPOKEN = 1.6,
  PAUSE = 1.4; // seconds
const SYLLABLE = 0.2;
const VOWELS = [
  [730, 1090],
  [270, 2290],
  [570, 840],
  [530, 1840],
]; // the first two formants, in Hz

// How loud the harmonic at `frequency` is in a vowel: a peak at each formant.
const loudness = (frequency, formants) =>
  formants.reduce((sum, formant, i) => sum + 1 / (1 + i) / (1 + ((frequency - formant) / 110) ** 2), 0.02);

/** The bytes of a WAV file of these samples, an Int16Array. */
export function waveFile(samples, rate) {
  const data = Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength);
  const head = Buffer.alloc(44);
  head.write('RIFF', 0);
  head.writeUInt32LE(36 + data.length, 4);
  head.write('WAVEfmt ', 8);
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20); // PCM
  head.writeUInt16LE(1, 22); // mono
  head.writeUInt32LE(rate, 24);
  head.writeUInt32LE(rate * 2, 28);
  head.writeUInt16LE(2, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36);
  head.writeUInt32LE(data.length, 40);
  return Buffer.concat([head, data]);
}

/** Writes one phrase of vowels and a pause, which the browser repeats: speech enough for any voice detector. */
export function writeMicrophone(path) {
  const samples = new Int16Array(RATE * (SPOKEN + PAUSE));
  let phase = 0;
  for (let i = 0; i < RATE * SPOKEN; i++) {
    const t = i / RATE;
    const pitch = 125 + 20 * Math.sin(2 * Math.PI * 0.9 * t);
    phase += (2 * Math.PI * pitch) / RATE;
    const formants = VOWELS[Math.floor(t / SYLLABLE) % VOWELS.length];
    let sample = 0;
    for (let k = 1; k * pitch < 4000; k++) sample += loudness(k * pitch, formants) * Math.sin(k * phase);
    samples[i] = 9000 * sample * Math.sin((Math.PI * (t % SYLLABLE)) / SYLLABLE) ** 0.7;
  }
  writeFileSync(path, waveFile(samples, RATE));
}

// Reads what the page really played and drew: the probe runs in the page, the rest is arithmetic on what it noted.
//
// The avatar is the test pattern (server/avatar/test_pattern.h). All rectangles are those of its 256 x 256 picture.

const FRAME = 40000; // microseconds
const MOUTH = { x: 104, y: 156, width: 48, height: 48 }; // the bar, without its ends
const VOICE = { x: 134, y: 16, width: 4, height: 72 };
const CELLS = { x: 32, y: 228, width: 192, height: 12, count: 24 };
const THUMBNAIL = { x: 144, y: 16, width: 96, height: 72 };
const INSET = 1 / 8; // of a zone on every side is left out: colours run a little into each other there

/** Has the page note how loud every decoded block of audio is from now on. */
export const installSound = (page) => page.evaluate(hear);

/** `energy` alone, as below. */
export const readSound = (page) => page.evaluate(() => window.heard());

/** Has the page note every decoded block of audio and every frame drawn from now on. */
export const installProbe = async (page) => {
  await installSound(page);
  await page.evaluate(probe, { MOUTH, VOICE, CELLS, THUMBNAIL, INSET });
};

/**
 * What was noted: {frames, energy}. A frame is {pts, clock, mouth, voice, zones, bar}: `clock` the number in the
 * picture's cells, `mouth` and `voice` the share of their rectangles that is light, `zones` the 3 x 3 mean colours of the
 * thumbnail, `bar` how far left its moving bar is. `energy` has the sum of squares of all samples of each 40 ms,
 * by presentation time: [[number, sum, count], ...], number = time / 40 ms.
 */
export const readProbe = (page) => page.evaluate(() => window.probe.read());

// Runs in the page.
function hear() {
  const RATE = 48000,
    SLOT = 1920; // samples in 40 ms
  const energy = new Map();
  window.heard = () => [...energy].map(([slot, [sum, count]]) => [slot, sum, count]);
  window.visavis.tap = {
    audio(pts, samples) {
      const from = Math.round((pts * RATE) / 1e6);
      for (let i = 0; i < samples.length; i++) {
        const slot = Math.floor((from + i) / SLOT);
        let entry = energy.get(slot);
        if (!entry) energy.set(slot, (entry = [0, 0]));
        entry[0] += samples[i] ** 2;
        entry[1]++;
      }
    },
  };
}

// Runs in the page, after hear().
function probe({ MOUTH, VOICE, CELLS, THUMBNAIL, INSET }) {
  const frames = [];

  // The page's own canvas is not made for reading.
  const context = new OffscreenCanvas(256, 256).getContext('2d', { willReadFrequently: true });

  const luma = (data, i) => 0.2126 * data[i] + 0.7152 * data[i + 1] + 0.0722 * data[i + 2];
  const lightShare = ({ x, y, width, height }) => {
    const { data } = context.getImageData(x, y, width, height);
    let sum = 0;
    for (let i = 0; i < data.length; i += 4) sum += luma(data, i);
    return sum / (width * height * 255);
  };
  const readClock = () => {
    const { x, y, width, height, count } = CELLS;
    const { data } = context.getImageData(x, y + height / 2, width, 1);
    let number = 0;
    for (let cell = 0; cell < count; cell++) {
      const middle = Math.floor(((cell + 0.5) * width) / count);
      number = number * 2 + (luma(data, middle * 4) > 128 ? 1 : 0);
    }
    return number;
  };
  const readThumbnail = () => {
    const { x, y, width, height } = THUMBNAIL;
    const { data } = context.getImageData(x, y, width, height);
    const zone = { width: width / 3, height: height / 3 };
    const mean = (row, column) => {
      const sum = [0, 0, 0];
      let count = 0;
      for (let v = zone.height * (row + INSET); v < zone.height * (row + 1 - INSET); v++)
        for (let u = zone.width * (column + INSET); u < zone.width * (column + 1 - INSET); u++, count++)
          for (let i = 0; i < 3; i++) sum[i] += data[(v * width + u) * 4 + i];
      return sum.map((value) => value / count);
    };
    // The bar in the middle zone is its lightest column.
    let bar = 0,
      lightest = -1;
    for (let u = zone.width; u < 2 * zone.width; u++) {
      let sum = 0;
      for (let v = zone.height; v < 2 * zone.height; v++) sum += luma(data, (v * width + u) * 4);
      if (sum > lightest) [lightest, bar] = [sum, u];
    }
    return { zones: [0, 1, 2].map((row) => [0, 1, 2].map((column) => mean(row, column))), bar };
  };

  window.probe = { read: () => ({ frames, energy: window.heard() }) };
  window.visavis.tap = {
    ...window.visavis.tap,
    video(pts, canvas) {
      context.drawImage(canvas, 0, 0, 256, 256);
      frames.push({
        pts,
        clock: readClock(),
        mouth: lightShare(MOUTH),
        voice: lightShare(VOICE),
        ...readThumbnail(),
      });
    },
  };
}

// ---- arithmetic ----------------------------------------------------------------------------------------------------

/** The value below which `share` of `list` lies. */
export const quantile = (list, share) =>
  [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * share))];

/** How loud each 40 ms were: Map from frame number to root mean square, of the slots that `least` samples are known of. */
export const loudness = (energy, least = 1920) =>
  new Map(
    energy.filter(([, , count]) => count >= least).map(([slot, sum, count]) => [slot, Math.sqrt(sum / count)]),
  );

export const frameNumber = (pts) => Math.round(pts / FRAME);

/** Pearson's correlation of `pairs`. */
export function correlation(pairs) {
  const mean = (i) => pairs.reduce((sum, pair) => sum + pair[i], 0) / pairs.length;
  const [a, b] = [mean(0), mean(1)];
  let ab = 0,
    aa = 0,
    bb = 0;
  for (const [x, y] of pairs) {
    ab += (x - a) * (y - b);
    aa += (x - a) ** 2;
    bb += (y - b) ** 2;
  }
  return ab / Math.sqrt(aa * bb);
}

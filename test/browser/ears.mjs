// Ears beside the page: what really goes to the speaker, and when, noted without the page's help.
//
// The page measures its own skew, by its own clock. This listens at the audio context's output instead, so that lips and
// voice can be compared as somebody in front of the screen would: by the moment of drawing and the moment of sounding.

const RECORDER = '/test-recorder.js';
const BLOCKS = 8; // of 128 samples a report

const worklet = `
registerProcessor('test-recorder', class extends AudioWorkletProcessor {
  levels = [];
  process(inputs) {
    let sum = 0;
    for (const sample of inputs[0][0] ?? []) sum += sample * sample;
    this.levels.push(sum);
    if (this.levels.length === ${BLOCKS}) {
      this.port.postMessage({ end: currentFrame + 128, levels: this.levels });
      this.levels = [];
    }
    return true;
  }
});`;

/** Listens from now on; to be called before the call is joined. */
export async function installEars(page) {
  await page.route(`**${RECORDER}`, (route) => route.fulfill({ contentType: 'text/javascript', body: worklet }));
  await page.evaluate(listen, RECORDER);
}

/**
 * {sound, drawn}: `sound` is [[time, sum of squares], ...] of every 128 samples, by the time (ms) at which they begin to
 * leave the speaker; `drawn` is [[time, pts], ...] of every frame. Both by performance.now().
 */
export const readEars = (page) => page.evaluate(() => window.ears.read());

// Runs in the page.
function listen(recorder) {
  const sound = [];
  const drawn = [];
  const connect = AudioNode.prototype.connect;

  async function record(node) {
    const { context } = node;
    await context.audioWorklet.addModule(recorder);
    const ear = new AudioWorkletNode(context, 'test-recorder', { numberOfOutputs: 1 });
    connect.call(node, ear);
    connect.call(ear, context.destination); // silent; being connected is what makes the browser run it
    ear.port.onmessage = ({ data }) => {
      const { contextTime, performanceTime } = context.getOutputTimestamp();
      const from = data.end - data.levels.length * 128;
      for (const [i, sum] of data.levels.entries()) {
        const seconds = (from + i * 128) / context.sampleRate;
        sound.push([performanceTime + (seconds - contextTime) * 1000, sum]);
      }
    };
  }

  AudioNode.prototype.connect = function (target, ...rest) {
    if (target === this.context.destination) record(this);
    return connect.call(this, target, ...rest);
  };
  const draw = CanvasRenderingContext2D.prototype.drawImage;
  CanvasRenderingContext2D.prototype.drawImage = function (image, ...rest) {
    if (image instanceof VideoFrame && this.canvas.id === 'avatar') drawn.push([performance.now(), image.timestamp]);
    return draw.call(this, image, ...rest);
  };
  window.ears = { read: () => ({ sound, drawn }) };
}

/**
 * By how many milliseconds the sound has to be moved to fit the lips best: > 0 when it comes too late. `mouths` is a Map
 * from presentation time to the mouth's height; `step` and `most` are in milliseconds.
 */
export function bestShift({ sound, drawn }, mouths, correlation, { step = 5, most = 200 } = {}) {
  const frames = drawn.filter(([, pts]) => mouths.has(pts));
  let best = null;
  for (let shift = -most; shift <= most; shift += step) {
    const pairs = [];
    let at = 0;
    for (const [time, pts] of frames) {
      const from = time + shift;
      while (at < sound.length && sound[at][0] < from) at++;
      let sum = 0,
        count = 0;
      for (let i = at; i < sound.length && sound[i][0] < from + 40; i++, count++) sum += sound[i][1];
      if (count > 0) pairs.push([mouths.get(pts), Math.sqrt(sum / (count * 128))]);
    }
    const r = correlation(pairs);
    if (!best || r > best.r) best = { shift, r };
  }
  return best;
}

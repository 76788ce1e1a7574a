// Ears beside the page: what really goes to the speaker, and when, noted without the page's help.
//
// The page measures its own skew, by its own clock. This listens at the audio context's output instead, so that lips and
// voice can be compared as somebody in front of the screen would: by the moment of drawing and the moment of sounding.

/** Listens from now on; to be called before the call is joined. */
export const installEars = (page) => page.evaluate(listen);

/**
 * {sound, drawn}: `sound` is [[time, sum of squares], ...] of every 2.5 ms, by the time (ms) at which they begin to
 * leave the speaker; `drawn` is [[time, pts], ...] of every frame. Both by performance.now().
 */
export const readEars = (page) => page.evaluate(() => window.ears.read());

// Runs in the page.
function listen() {
  const PART = 120; // samples in 2.5 ms
  const sound = [];
  const drawn = [];
  const connect = AudioNode.prototype.connect;

  // The page's own worklet for the microphone is ears enough: it says which samples it got, and when.
  function record(node) {
    const { context } = node;
    const ear = new AudioWorkletNode(context, 'visavis-capture', { numberOfOutputs: 1 });
    connect.call(node, ear);
    connect.call(ear, context.destination); // silent; being connected is what makes the browser run it
    ear.port.onmessage = ({ data: { end, samples } }) => {
      const { contextTime, performanceTime } = context.getOutputTimestamp();
      for (let i = 0; i < samples.length; i += PART) {
        let sum = 0;
        for (let k = i; k < i + PART; k++) sum += samples[k] ** 2;
        const seconds = (end - samples.length + i) / context.sampleRate;
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
    if (image instanceof VideoFrame && this.canvas.id === 'avatar')
      drawn.push([performance.now(), image.timestamp]);
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
      if (count > 0) pairs.push([mouths.get(pts), Math.sqrt(sum / count)]);
    }
    const r = correlation(pairs);
    if (!best || r > best.r) best = { shift, r };
  }
  return best;
}

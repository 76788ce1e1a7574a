// The avatar's voice on its way to the speaker. Runs on the audio thread.
//
// Decoded audio is written into a ring at the place its presentation time says; what was never written is silence.
// `head` is the media sample that plays next: it is the call's master clock, and every change of its pace is reported.
// The page plans where head should be ("plan": the media sample due at context frame f is f - plan). The difference is
// worked off where nobody hears it: silence is dropped or drawn out at once; under speech one sample in 128 is added or
// left out, which is no audible change of pitch. Only a difference that would take minutes that way is cut.

const RING = 1 << 18; // 5.4 s at 48 kHz
const QUIET = 0.002; // amplitude that counts as silence
const START_FIX = 960; // correct from 20 ms of error ...
const STOP_FIX = 96; // ... down to 2 ms
const CUT = 19200; // 400 ms: behind by more than this, cut
const REPORT_BLOCKS = 8; // 21 ms between reports

class PlayerProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.ring = new Float32Array(RING);
    this.clear();
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  clear() {
    this.ring.fill(0);
    this.head = null; // media sample to play next; null: nothing planned yet
    this.edge = 0; // no media of either kind is known beyond this sample
    this.plan = null;
    this.fixing = false;
    this.still = false; // whether the clock stood still in the last block
    this.blocks = 0;
    this.counts = { held: 0, skipped: 0, stretched: 0, late: 0 };
  }

  receive(message) {
    if (message.reset) this.clear();
    if (message.plan !== undefined) this.plan = message.plan;
    if (message.edge !== undefined) this.edge = Math.max(this.edge, message.edge);
    if (message.samples) this.write(message.at, message.samples);
  }

  write(at, samples) {
    this.edge = Math.max(this.edge, at + samples.length);
    if (this.head !== null && at - this.head > RING - samples.length) return;
    let from = 0;
    if (this.head !== null && at < this.head) {
      from = Math.min(samples.length, this.head - at);
      this.counts.late += from;
    }
    for (let i = from; i < samples.length; i++) this.ring[(at + i) & (RING - 1)] = samples[i];
  }

  // How many samples from `head` on are silent, at most `limit`.
  quietRun(limit) {
    for (let i = 0; i < limit; i++) if (Math.abs(this.ring[(this.head + i) & (RING - 1)]) > QUIET) return i;
    return limit;
  }

  // Moves head on, leaving silence behind: the ring comes round again.
  advance(count) {
    for (let i = 0; i < Math.min(count, RING); i++) this.ring[(this.head + i) & (RING - 1)] = 0;
    this.head += count;
  }

  // Fills `out` from `take` samples (one more or one fewer than it holds, or as many).
  play(out, take) {
    const step = out.length > 1 ? (take - 1) / (out.length - 1) : 1;
    for (let i = 0; i < out.length; i++) {
      const whole = Math.floor(i * step);
      const part = i * step - whole;
      const a = this.ring[(this.head + whole) & (RING - 1)];
      const b = this.ring[(this.head + whole + 1) & (RING - 1)];
      out[i] = part === 0 ? a : a + (b - a) * part;
    }
    this.advance(take);
  }

  // Returns how many samples were taken; 0: the clock stood still.
  render(out) {
    const size = out.length;
    if (this.head + size > this.edge) return 0; // a stall: wait for the network
    const error = currentFrame - this.plan - this.head; // > 0: we play later than planned
    if (error > CUT) {
      this.counts.skipped += error;
      this.advance(error);
      this.fixing = false;
    } else {
      this.fixing = Math.abs(error) > (this.fixing ? STOP_FIX : START_FIX);
    }
    if (!this.fixing) {
      this.play(out, size);
      return size;
    }
    if (error < 0) {
      if (this.quietRun(size) === size) return 0;
      this.counts.stretched++;
      this.play(out, size - 1);
      return size - 1;
    }
    const quiet = this.quietRun(Math.min(error, 10 * size));
    if (quiet >= size) {
      this.counts.skipped += quiet;
      this.advance(quiet);
      this.play(out, size);
      return quiet + size;
    }
    this.counts.stretched++;
    this.play(out, size + 1);
    return size + 1;
  }

  process(inputs, outputs) {
    const out = outputs[0][0];
    if (this.plan === null) return true;
    if (this.head === null) {
      if (this.edge === 0) return true;
      this.head = Math.max(0, currentFrame - this.plan);
    }
    const taken = this.render(out);
    for (let i = 1; i < outputs[0].length; i++) outputs[0][i].set(out);
    const still = taken === 0;
    if (still) this.counts.held += out.length;
    // Between reports the page assumes an even pace, so a jump is told at once; one sample in 128 does not matter.
    const jumped = still !== this.still || taken > out.length + 1;
    this.still = still;
    if (this.blocks++ % REPORT_BLOCKS === 0 || jumped) {
      this.port.postMessage({ frame: currentFrame + out.length, head: this.head, still, ...this.counts });
    }
    return true;
  }
}

registerProcessor('visavis-player', PlayerProcessor);

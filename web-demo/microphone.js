// The user's voice: track -> audio thread (20 ms blocks at 48 kHz) -> Opus -> packets with their capture time.
//
// Muting keeps the stream going with silence, so that the server never mistakes it for loss.

import { ArrivalClock, now } from './clocks.js';

const RATE = 48000;
const BLOCK_US = 20000;
const CONFIG = {
  codec: 'opus',
  sampleRate: RATE,
  numberOfChannels: 1,
  bitrate: 32000,
  opus: { application: 'voip', frameDuration: BLOCK_US },
};

export class Microphone {
  #context;
  #onPacket;
  #onFault;
  #track = null;
  #source = null;
  #node = null;
  #encoder = null;
  #clock = new ArrivalClock();
  #blocks = 0; // blocks encoded; the encoder's own time line
  #captured = new Map(); // block's number -> capture time
  #latency = 0;
  #lastPts = -1;
  level = 0; // 0 to 1, for the meter

  /** onPacket(pts, bytes); onFault(code, detail). The context runs at 48 kHz and has the capture worklet loaded. */
  constructor(context, onPacket, onFault) {
    this.#context = context;
    this.#onPacket = onPacket;
    this.#onFault = onFault;
  }

  get track() {
    return this.#track;
  }
  get muted() {
    return this.#track ? !this.#track.enabled : true;
  }
  set muted(value) {
    if (this.#track) this.#track.enabled = !value;
  }

  /** Starts on `track`, which it owns from now on; an earlier one is let go. */
  start(track) {
    const muted = this.#track ? this.muted : false;
    this.stop();
    this.#track = track;
    track.enabled = !muted;
    track.onended = () => {
      this.stop();
      this.#onFault('microphone_lost');
    };
    this.#latency = (track.getSettings().latency ?? 0) * 1e6;
    this.#source = this.#context.createMediaStreamSource(new MediaStream([track]));
    this.#node = new AudioWorkletNode(this.#context, 'visavis-capture', { numberOfOutputs: 1 });
    this.#node.port.onmessage = ({ data }) => this.#block(data.end, data.samples);
    // The capture node's output stays silent; being connected is what makes the browser run it.
    this.#source.connect(this.#node).connect(this.#context.destination);
  }

  stop() {
    if (!this.#track) return;
    this.#track.onended = null;
    this.#track.stop();
    this.#source.disconnect();
    this.#node.disconnect();
    this.#node.port.onmessage = null;
    this.#track = this.#source = this.#node = null;
    this.level = 0;
  }

  #block(end, samples) {
    const endUs = (end / RATE) * 1e6;
    this.#clock.observe(endUs, now());
    let power = 0;
    for (const sample of samples) power += sample * sample;
    const level = Math.min(1, Math.sqrt(power / samples.length) * 6);
    this.level = Math.max(level, this.level * 0.85);

    if (!this.#encoder || this.#encoder.state !== 'configured') this.#open();
    const block = this.#blocks++;
    this.#captured.set(block, this.#clock.toOurs(endUs - BLOCK_US) - this.#latency);
    const data = new AudioData({
      format: 'f32-planar',
      sampleRate: RATE,
      numberOfFrames: samples.length,
      numberOfChannels: 1,
      timestamp: block * BLOCK_US,
      data: samples,
    });
    this.#encoder.encode(data);
    data.close();
  }

  #open() {
    this.#captured.clear();
    this.#encoder = new AudioEncoder({
      output: (chunk) => this.#packet(chunk),
      error: (error) => this.#onFault('microphone_failed', error.message),
    });
    this.#encoder.configure(CONFIG);
  }

  #packet(chunk) {
    // The encoder may return a timestamp that is a microsecond off.
    const block = Math.round(chunk.timestamp / BLOCK_US);
    const captured = this.#captured.get(block);
    for (const earlier of this.#captured.keys()) if (earlier <= block) this.#captured.delete(earlier);
    if (captured === undefined) return;
    this.#lastPts = Math.max(this.#lastPts + 1, Math.round(captured), 0);
    const bytes = new Uint8Array(chunk.byteLength);
    chunk.copyTo(bytes);
    this.#onPacket(this.#lastPts, bytes);
  }
}

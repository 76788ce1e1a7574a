// The user's picture: track -> at most 12.5 frames a second of at most 320x240 -> VP8 -> packets with capture time.
//
// Pixels are converted here to BT.709 limited range. A canvas handed to the encoder would come out full range, and a
// camera's own frames in whatever range the driver likes; VP8 carries no word of either, so one is fixed.

import { ArrivalClock, now } from './clocks.js';

const MAX_WIDTH = 320,
  MAX_HEIGHT = 240;
const INTERVAL = 80000; // microseconds between frames
const KEY_INTERVAL = 10e6;
const BITRATE = 250000;
const COLOUR = { primaries: 'bt709', transfer: 'bt709', matrix: 'bt709', fullRange: false };

/** RGBA pixels -> I420, BT.709 limited range. Width and height are even. */
function toI420(rgba, width, height) {
  const out = new Uint8Array((width * height * 3) / 2);
  const u0 = width * height,
    v0 = u0 + u0 / 4;
  for (let y = 0; y < height; y += 2) {
    for (let x = 0; x < width; x += 2) {
      let r = 0,
        g = 0,
        b = 0;
      for (let k = 0; k < 4; k++) {
        const at = (y + (k >> 1)) * width + x + (k & 1);
        const p = at * 4;
        out[at] = 16.5 + 0.18259 * rgba[p] + 0.61423 * rgba[p + 1] + 0.06201 * rgba[p + 2];
        r += rgba[p];
        g += rgba[p + 1];
        b += rgba[p + 2];
      }
      const c = (y / 2) * (width / 2) + x / 2;
      out[u0 + c] = 128.5 + (-0.10064 * r - 0.33857 * g + 0.43922 * b) / 4;
      out[v0 + c] = 128.5 + (0.43922 * r - 0.39894 * g - 0.04027 * b) / 4;
    }
  }
  return out;
}

export class Camera {
  #onPacket;
  #onFault;
  #track = null;
  #reader = null;
  #encoder = null;
  #canvas = new OffscreenCanvas(2, 2);
  #context = this.#canvas.getContext('2d', { willReadFrequently: true });
  #clock = null;
  #next = null; // camera's time from which the next frame is taken
  #keyAt = -Infinity;
  #wantKey = true;
  #lastPts = -1;

  /** onPacket(pts, key, bytes); onFault(code, detail). */
  constructor(onPacket, onFault) {
    this.#onPacket = onPacket;
    this.#onFault = onFault;
  }

  get track() {
    return this.#track;
  }

  /** Starts on `track`, which it owns from now on; an earlier one is let go. */
  start(track) {
    this.stop();
    this.#track = track;
    this.#clock = new ArrivalClock();
    this.#next = null;
    this.#wantKey = true;
    track.onended = () => {
      this.stop();
      this.#onFault('camera_lost');
    };
    this.#read(new MediaStreamTrackProcessor({ track, maxBufferSize: 2 }).readable.getReader());
  }

  stop() {
    if (!this.#track) return;
    this.#track.onended = null;
    this.#track.stop();
    this.#reader.cancel().catch(() => {});
    this.#track = this.#reader = null;
  }

  /** Makes the next frame a key frame. */
  keyframe() {
    this.#wantKey = true;
  }

  async #read(reader) {
    this.#reader = reader;
    while (this.#reader === reader) {
      const { done, value: frame } = await reader.read();
      if (done) return;
      try {
        if (this.#reader === reader) this.#take(frame);
      } catch (error) {
        this.stop();
        this.#onFault('camera_failed', error.message);
      } finally {
        frame.close();
      }
    }
  }

  #take(frame) {
    const at = now();
    this.#clock.observe(frame.timestamp, at);
    if ((this.#next !== null && frame.timestamp < this.#next) || this.#encoder?.encodeQueueSize > 2) return;
    // A grid keeps the mean rate below the limit; after a pause of the camera it begins anew.
    const late = this.#next === null || frame.timestamp - this.#next > INTERVAL;
    this.#next = (late ? frame.timestamp : this.#next) + INTERVAL;

    const scale = Math.min(1, MAX_WIDTH / frame.displayWidth, MAX_HEIGHT / frame.displayHeight);
    const width = Math.max(2, Math.round((frame.displayWidth * scale) / 2) * 2);
    const height = Math.max(2, Math.round((frame.displayHeight * scale) / 2) * 2);
    this.#fit(width, height);
    this.#context.drawImage(frame, 0, 0, width, height);
    const { data } = this.#context.getImageData(0, 0, width, height);

    this.#lastPts = Math.max(this.#lastPts + 1, Math.round(this.#clock.toOurs(frame.timestamp)), 0);
    const keyFrame = this.#wantKey || at - this.#keyAt > KEY_INTERVAL;
    if (keyFrame) this.#keyAt = at;
    this.#wantKey = false;
    const small = new VideoFrame(toI420(data, width, height), {
      format: 'I420',
      codedWidth: width,
      codedHeight: height,
      timestamp: this.#lastPts,
      colorSpace: COLOUR,
    });
    this.#encoder.encode(small, { keyFrame });
    small.close();
  }

  // Brings canvas and encoder to this size; phones change it when they are turned.
  #fit(width, height) {
    const same = this.#canvas.width === width && this.#canvas.height === height;
    if (same && this.#encoder?.state === 'configured') return;
    this.#canvas.width = width;
    this.#canvas.height = height;
    if (this.#encoder?.state === 'configured') this.#encoder.close();
    this.#encoder = new VideoEncoder({
      output: (chunk) => {
        const bytes = new Uint8Array(chunk.byteLength);
        chunk.copyTo(bytes);
        this.#onPacket(chunk.timestamp, chunk.type === 'key', bytes);
      },
      error: (error) => this.#onFault('camera_failed', error.message),
    });
    this.#encoder.configure({
      codec: 'vp8',
      width,
      height,
      bitrate: BITRATE,
      framerate: 1e6 / INTERVAL,
      latencyMode: 'realtime',
    });
    this.#wantKey = true;
  }
}

// The avatar's picture: VP8 -> frames -> the canvas, each when the audio clock reaches its presentation time.
//
// A lost VP8 delta frame raises no error, it only spoils what follows. So the sequence numbers are watched: after a gap
// nothing is decoded until a key frame, and one is asked for.

const QUEUE = 40; // frames waiting to be shown; the oldest goes first
const BACKLOG = 20; // frames waiting to be decoded: beyond it, start again at a key frame
const ASK_AGAIN = 500; // milliseconds
const HIDDEN_TICK = 100;

export class VideoPlayer {
  #canvas;
  #context;
  #clock;
  #onFrame;
  #askKey;
  #shown;
  #telemetry;
  #decoder = null;
  #frames = []; // decoded, by presentation time
  #expected = null; // next sequence number
  #needKey = true;
  #asked = -Infinity;
  #refresh = 16; // milliseconds between the screen's refreshes
  #lastTick = 0;

  /**
   * clock(ms) -> presentation time at the speaker or null; onFrame(pts) when one is decoded; shown(is) when the canvas
   * begins or ceases to hold this call's picture; askKey() asks the server for a key frame.
   */
  constructor(canvas, { clock, onFrame, shown = () => {}, askKey, telemetry }) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d', { alpha: false });
    this.#clock = clock;
    this.#onFrame = onFrame;
    this.#shown = shown;
    this.#askKey = askKey;
    this.#telemetry = telemetry;
    const onRefresh = (at) => {
      // The gap between refreshes, without the hiccups.
      if (at - this.#lastTick < 50) this.#refresh += (at - this.#lastTick - this.#refresh) * 0.05;
      this.#lastTick = at;
      this.#show();
      requestAnimationFrame(onRefresh);
    };
    requestAnimationFrame(onRefresh);
    // A hidden page gets no refreshes, but frames must go on being taken.
    setInterval(() => {
      if (document.hidden) this.#show();
    }, HIDDEN_TICK);
  }

  /** One VP8 frame; `key` and `discontinuity` are its flags. */
  push({ sequence, pts, payload }, { key, discontinuity }) {
    const gap = this.#expected !== null && sequence !== this.#expected && !discontinuity;
    this.#expected = (sequence + 1) >>> 0;
    if (gap) {
      this.#telemetry.stats.framesLost++;
      this.#needKey = true;
    }
    if (this.#decoder?.decodeQueueSize > BACKLOG) this.#needKey = true;
    if (this.#needKey && !key) {
      this.#telemetry.stats.framesDropped++;
      this.requestKey();
      return;
    }
    this.#needKey = false;
    if (!this.#decoder || this.#decoder.state !== 'configured') this.#open();
    this.#decoder.decode(new EncodedVideoChunk({ type: key ? 'key' : 'delta', timestamp: pts, data: payload }));
  }

  /** Asks for a key frame, not more often than twice a second. */
  requestKey() {
    const at = performance.now();
    if (at - this.#asked < ASK_AGAIN) return;
    this.#asked = at;
    this.#telemetry.stats.keyframesAsked++;
    this.#askKey();
  }

  /** Forgets everything that waits: the call is over. */
  clear() {
    if (this.#decoder?.state === 'configured') this.#decoder.close();
    this.#decoder = null;
    for (const frame of this.#frames) frame.close();
    this.#frames = [];
    this.#expected = null;
    this.#needKey = true;
    this.#shown(false);
  }

  #open() {
    const decoder = new VideoDecoder({
      output: (frame) => (decoder === this.#decoder ? this.#decoded(frame) : frame.close()),
      error: (error) => {
        this.#telemetry.error('video_decoder', error.message);
        if (decoder !== this.#decoder) return;
        this.#decoder = null;
        this.#needKey = true;
        this.requestKey();
      },
    });
    decoder.configure({ codec: 'vp8', optimizeForLatency: true });
    this.#decoder = decoder;
  }

  #decoded(frame) {
    this.#telemetry.stats.framesDecoded++;
    this.#onFrame(frame.timestamp);
    // A time line that began anew leaves frames of the old one behind.
    while (this.#frames.length && this.#frames.at(-1).timestamp >= frame.timestamp) this.#drop(this.#frames.pop());
    this.#frames.push(frame);
    if (this.#frames.length > QUEUE) this.#drop(this.#frames.shift());
  }

  #drop(frame) {
    this.#telemetry.stats.framesDropped++;
    frame.close();
  }

  // Draws the newest frame whose time has come. Half a refresh early counts: the next chance is half a refresh late.
  #show() {
    if (this.#frames.length === 0) return;
    const at = performance.now();
    const clock = this.#clock(at);
    const due = clock === null ? Infinity : clock + this.#refresh * 500;
    let chosen = null;
    while (this.#frames.length && this.#frames[0].timestamp <= due) {
      if (chosen) this.#drop(chosen);
      chosen = this.#frames.shift();
    }
    if (!chosen) return;
    const pts = chosen.timestamp;
    if (this.#canvas.width !== chosen.displayWidth || this.#canvas.height !== chosen.displayHeight) {
      this.#canvas.width = chosen.displayWidth;
      this.#canvas.height = chosen.displayHeight;
    }
    this.#context.drawImage(chosen, 0, 0);
    chosen.close();
    this.#shown(true);
    this.#telemetry.drawn(pts, clock, at);
    this.#telemetry.tap?.video?.(pts, this.#canvas);
  }
}

// What the call is doing, in numbers: filled by the parts, read by the latency panel, and offered read-only as
// `window.visavis` to tests and to support.

const SKEWS = 500;
const EVENTS = 200;
const INTERVALS = 250; // ten seconds of frames

const keep = (list, value, most) => {
  list.push(value);
  if (list.length > most) list.splice(0, list.length - most);
};

export class Telemetry {
  state = 'lobby';
  session = '';
  tap = null; // {audio(pts, samples), video(pts, canvas)}: called with all that is decoded and drawn
  rtt = null; // microseconds
  server = null; // the last `stats` message
  intervals = []; // milliseconds between frames drawn
  #lastDraw = null;

  stats = {
    framesShown: 0,
    framesDecoded: 0,
    framesDropped: 0,
    keyframesAsked: 0,
    framesLost: 0,
    audioPackets: 0,
    audioHeldMs: 0,
    audioSkippedMs: 0,
    audioLateMs: 0,
    delayMs: 0,
    skewMs: [],
    lastFramePts: null,
    lastAudioPts: null,
    cameraFrames: 0,
    microphonePackets: 0,
    sendDropped: 0,
    connections: 0,
    resumes: 0,
    events: [],
    errors: [],
  };

  event(message) {
    keep(this.stats.events, message, EVENTS);
  }
  error(code, detail = '') {
    keep(this.stats.errors, { code, detail: String(detail), at: Math.round(performance.now()) }, EVENTS);
  }

  /** A frame was drawn at `at` (ms) when the audio clock stood at `clock` (microseconds, null: not running). */
  drawn(pts, clock, at) {
    this.stats.framesShown++;
    this.stats.lastFramePts = pts;
    if (clock !== null) keep(this.stats.skewMs, (pts - clock) / 1000, SKEWS);
    if (this.#lastDraw !== null) keep(this.intervals, at - this.#lastDraw, INTERVALS);
    this.#lastDraw = at;
  }

  /** Makes the figures of a new call start from nothing; counters of the page go on. */
  newCall() {
    this.#lastDraw = null;
    this.intervals.length = 0;
    this.stats.skewMs.length = 0;
    this.server = null;
    this.rtt = null;
  }

  /** Offers the figures as window.visavis. Everything read is a copy, but for `tap`, which may be set. */
  expose() {
    const self = this;
    Object.defineProperty(window, 'visavis', {
      value: Object.freeze({
        get state() {
          return self.state;
        },
        get session() {
          return self.session;
        },
        get stats() {
          return structuredClone({
            ...self.stats,
            rttMs: self.rtt === null ? null : self.rtt / 1000,
            server: self.server,
          });
        },
        get tap() {
          return self.tap;
        },
        set tap(hook) {
          self.tap = hook;
        },
      }),
    });
  }
}

/** The value below which `share` of `list` lies; null for an empty list. */
export function quantile(list, share) {
  if (list.length === 0) return null;
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

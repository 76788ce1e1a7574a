// When is media due? Watches how late packets come against their presentation times and says by how much playing must
// be put off so that nearly all of them come in time: the jitter buffer's plan, without the buffer.

const SPAN = 10e6; // microseconds of arrivals that count
const MIN_DELAY = 60e3; // never nearer than this to the fastest packet
const MAX_DELAY = 500e3;
const MARGIN = 20e3;
const SHARE = 0.97; // of the packets should come in time
const REPLAN = 250e3; // microseconds between plans

export class Playout {
  #kinds = new Map(); // kind -> [{at, late}], `late` = arrival minus presentation time
  #planned = -Infinity;
  #offset = null;
  #delay = MIN_DELAY;

  reset() {
    this.#kinds.clear();
    this.#planned = -Infinity;
    this.#offset = null;
  }

  /** A packet with presentation time `pts` became playable at `at` (client's clock). */
  arrived(kind, pts, at) {
    let list = this.#kinds.get(kind);
    if (!list) this.#kinds.set(kind, (list = []));
    list.push({ at, late: at - pts });
    if (this.#offset === null || at - this.#planned > REPLAN) this.#plan(at);
  }

  #plan(at) {
    let base = Infinity;
    for (const list of this.#kinds.values()) {
      while (list.length > 1 && at - list[0].at > SPAN) list.shift();
      for (const entry of list) base = Math.min(base, entry.late);
    }
    let jitter = 0;
    for (const list of this.#kinds.values()) {
      const sorted = list.map((entry) => entry.late - base).sort((a, b) => a - b);
      jitter = Math.max(jitter, sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * SHARE))]);
    }
    const wanted = Math.min(MAX_DELAY, Math.max(MIN_DELAY, jitter + MARGIN));
    // Room is made at once when packets come late, and given back slowly: a calm moment is not yet a calm network.
    this.#delay = wanted > this.#delay ? wanted : this.#delay + (wanted - this.#delay) * 0.05;
    this.#offset = base + this.#delay;
    this.#planned = at;
  }

  /** Media time M is due at client's time M + offset; null before the first packet. */
  get offset() {
    return this.#offset;
  }
  /** The delay behind the fastest packet, microseconds. */
  get delay() {
    return this.#delay;
  }
}

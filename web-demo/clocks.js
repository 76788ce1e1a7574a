// Clocks. The page has one: `now`, microseconds of performance.now(). It stamps everything the page sends, and ping
// carries it, so that the server can map the page's times onto the session's media clock.

/** The client's clock, whole microseconds. */
export const now = () => Math.round(performance.now() * 1000);

/**
 * Maps another clock (an audio device's sample count, a camera's timestamps) onto the client's clock by watching when
 * its ticks arrive. Arrival is tick time plus a delay that is never negative; the smallest difference seen is the
 * mapping. Two half-windows take turns, so that slow drift between the clocks is followed.
 */
export class ArrivalClock {
  #span;
  #started = -Infinity;
  #older = Infinity;
  #newer = Infinity;

  /** @param span microseconds after which an old minimum is forgotten */
  constructor(span = 8e6) {
    this.#span = span;
  }

  /** A tick of the other clock, at `theirs` microseconds, was seen at `ours`. */
  observe(theirs, ours) {
    if (ours - this.#started > this.#span / 2) {
      this.#started = ours;
      this.#older = this.#newer;
      this.#newer = Infinity;
    }
    this.#newer = Math.min(this.#newer, ours - theirs);
  }

  get known() {
    return Number.isFinite(this.offset);
  }
  /** What to add to their time to get ours. */
  get offset() {
    return Math.min(this.#older, this.#newer);
  }
  toOurs(theirs) {
    return theirs + this.offset;
  }
}

// Whether the server keeps up with the call, from what its `stats` say once a second.

const SHARE = 0.2; // of frame times that passed with nothing to send, from which on it is seen
const SECONDS = 5; // so many in a row: a hiccup is no news

export class Pace {
  #last = null;
  #behind = 0;
  #told = false;

  newCall() {
    this.#last = null;
    this.#behind = 0;
    this.#told = false;
  }

  /** A `stats` message, whose counters are the session's: true when it is time to say so, once a call. */
  fellBehind(stats) {
    const last = this.#last;
    this.#last = stats;
    if (!last) return false;
    const late = stats.frames_late - last.frames_late;
    const sent = stats.frames - last.frames;
    this.#behind = late > 0 && late >= SHARE * (late + sent) ? this.#behind + 1 : 0;
    if (this.#told || this.#behind < SECONDS) return false;
    return (this.#told = true);
  }
}

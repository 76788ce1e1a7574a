// What the avatar perceives of the user, and the feeling it answers with.
//
// The signs are in the page already, one element with data-kind each; an event lights its sign. Speaking and being away
// last until the server says they ended; the others are moments and fade.

const MOMENT = 2500; // milliseconds that a moment stays lit
const LASTING = new Set(['user.speaking', 'user.away']);

const SENTENCE = {
  'user.speaking': ['You stopped speaking', 'You are speaking'],
  'user.away': ['You are back', 'Your picture is away'],
  'user.nod': ['', 'You nodded'],
  'user.shake': ['', 'You shook your head'],
  'user.smile': ['', 'You smiled'],
  'user.laugh': ['', 'You laughed'],
  'user.surprise': ['', 'You looked surprised'],
  'user.barge_in': ['', 'You spoke over the avatar'],
};

export class Perception {
  #root;
  #latest;
  #affect;
  #timers = new Map();

  constructor({ root, latest, affect }) {
    this.#root = root;
    this.#latest = latest;
    this.#affect = affect;
  }

  /** A context.event. */
  event({ kind, value }) {
    const sign = this.#root.querySelector(`[data-kind="${CSS.escape(kind)}"]`);
    if (!sign) return;
    const on = value > 0;
    sign.dataset.on = on;
    sign.style.setProperty('--value', value);
    clearTimeout(this.#timers.get(kind));
    if (on && !LASTING.has(kind))
      this.#timers.set(
        kind,
        setTimeout(() => {
          sign.dataset.on = false;
        }, MOMENT),
      );
    const sentence = SENTENCE[kind]?.[on ? 1 : 0];
    if (sentence) this.#latest.textContent = sentence;
  }

  /** A context.affect. */
  affect({ label, intensity, valence, arousal }) {
    this.#affect.hidden = false;
    this.#affect.querySelector('.label').textContent = label;
    this.#affect.querySelector('.strength').textContent = `${Math.round(intensity * 100)} %`;
    const plane = this.#affect.querySelector('.plane');
    plane.setAttribute('aria-label', `Valence ${valence.toFixed(2)}, arousal ${arousal.toFixed(2)}`);
    plane.style.setProperty('--x', (valence + 1) / 2);
    plane.style.setProperty('--y', (1 - arousal) / 2);
  }

  clear() {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const sign of this.#root.querySelectorAll('[data-kind]')) sign.dataset.on = false;
    this.#latest.textContent = 'Nothing yet';
    this.#affect.hidden = true;
  }
}

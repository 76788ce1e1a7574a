// The settings dialog, and what is remembered of it in this browser.

import { listDevices } from './devices.js';

const STORE = 'visavis.settings';
const DEFAULTS = {
  withMic: true,
  withCamera: true,
  microphone: '',
  camera: '',
  speaker: '',
  autoInterrupt: false,
  singleKeys: true,
};

export class Settings {
  #dialog;
  #node;
  values = { ...DEFAULTS };

  /** on: {device(what, id), character(name), style(name), autoInterrupt(on)}: called when the user chooses. */
  constructor(dialog, on) {
    this.#dialog = dialog;
    this.#node = (id) => document.getElementById(id);
    try {
      Object.assign(this.values, JSON.parse(localStorage.getItem(STORE)));
    } catch {
      /* nothing stored, or storing is not allowed: the defaults do */
    }

    for (const what of ['microphone', 'camera', 'speaker']) {
      this.#node(`${what}-device`).onchange = ({ target }) => {
        this.#keep({ [what]: target.value });
        on.device(what, target.value);
      };
    }
    this.#switch('with-mic', 'withMic');
    this.#switch('with-camera', 'withCamera');
    this.#switch('auto-interrupt', 'autoInterrupt', on.autoInterrupt);
    this.#switch('single-keys', 'singleKeys');
    for (const what of ['character', 'style']) {
      const select = this.#node(what);
      select.onchange = () => {
        select.dataset.before = select.dataset.now;
        select.dataset.now = select.value;
        on[what](select.value);
      };
    }
    // A click beside the dialog closes it.
    dialog.addEventListener('click', (event) => {
      if (event.target === dialog) dialog.close();
    });
    navigator.mediaDevices?.addEventListener?.('devicechange', () => this.refreshDevices());
  }

  open() {
    this.refreshDevices();
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  /** Fills the device lists anew: names are known only once permission was given. */
  async refreshDevices() {
    const found = await listDevices().catch(() => ({ microphone: [], camera: [], speaker: [] }));
    for (const [what, list] of Object.entries(found)) {
      const options = list.map(
        ({ id, label }, index) => new Option(label || `${what[0].toUpperCase()}${what.slice(1)} ${index + 1}`, id),
      );
      const chosen = this.values[what];
      if (!list.some(({ id }) => id === chosen))
        options.unshift(new Option(list.length ? 'Automatic' : 'None found', ''));
      const select = this.#node(`${what}-device`);
      select.replaceChildren(...options);
      select.value = list.some(({ id }) => id === chosen) ? chosen : '';
      select.disabled = list.length === 0;
    }
    this.#node('speaker-row').hidden = !('setSinkId' in AudioContext.prototype);
  }

  /** What the server offers and shows: the fields of session.ready. */
  offer({ character, characters, style, styles }) {
    this.#choices('character', characters, character);
    this.#choices('style', styles, style);
    this.#node('style').parentElement.hidden = this.#node('style').disabled; // one style is no choice
  }

  /** The server did not take the last choice of "character" or "style": shows the one before. */
  refused(what) {
    const select = this.#node(what);
    select.value = select.dataset.now = select.dataset.before;
  }

  #choices(id, names, chosen) {
    const select = this.#node(id);
    select.replaceChildren(
      ...names
        .split(',')
        .map((name) => name.trim())
        .filter(Boolean)
        .map((name) => new Option(name[0].toUpperCase() + name.slice(1), name)),
    );
    select.value = select.dataset.now = select.dataset.before = chosen;
    select.disabled = select.options.length < 2;
  }

  #switch(id, key, then = () => {}) {
    const box = this.#node(id);
    box.checked = this.values[key];
    box.onchange = () => {
      this.#keep({ [key]: box.checked });
      then(box.checked);
    };
  }

  #keep(change) {
    Object.assign(this.values, change);
    try {
      localStorage.setItem(STORE, JSON.stringify(this.values));
    } catch {
      /* storing is not allowed: it holds for this page only */
    }
  }
}

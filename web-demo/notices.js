// Notices over the call (something does not work, the call goes on), and the full-page refusal (it does not).

import { words } from './words.js';

const PASSING = 9000; // milliseconds that a passing notice stays

const icon = (name) => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.append(use);
  return svg;
};

const element = (tag, className, text) =>
  Object.assign(document.createElement(tag), { className, textContent: text });

export class Notices {
  #root;
  #shown = new Map();

  constructor(root) {
    this.#root = root;
  }

  /** Shows the words of `code`, once; a passing one goes by itself. */
  show(code, { detail = '', passing = false } = {}) {
    this.hide(code);
    const { title, text, fix } = words(code);
    const notice = element('div', 'notice', '');
    notice.dataset.code = code;
    notice.setAttribute('role', 'alert');
    const body = element('div', 'body', '');
    body.append(element('strong', '', title), element('p', '', [detail || text, ...fix.slice(0, 1)].join(' ')));
    const close = element('button', 'icon', '');
    close.type = 'button';
    close.setAttribute('aria-label', `Dismiss: ${title}`);
    close.append(icon('close'));
    close.onclick = () => this.hide(code);
    notice.append(icon('alert'), body, close);
    this.#root.append(notice);
    this.#shown.set(code, { notice, timer: passing ? setTimeout(() => this.hide(code), PASSING) : 0 });
  }

  hide(code) {
    const entry = this.#shown.get(code);
    if (!entry) return;
    clearTimeout(entry.timer);
    entry.notice.remove();
    this.#shown.delete(code);
  }

  clear() {
    for (const code of [...this.#shown.keys()]) this.hide(code);
  }
}

export class Refusal {
  #root;
  #part;

  /** actions: {retry, reload, lobby}, what the buttons do. */
  constructor(root, actions) {
    this.#root = root;
    this.#part = (name) => root.querySelector(`#refusal-${name}`);
    this.#part('action').onclick = () => actions[this.#part('action').dataset.action]();
    this.#part('lobby').onclick = actions.lobby;
  }

  show(code, detail = '') {
    const { title, text, fix, action } = words(code);
    this.#root.dataset.code = code;
    this.#root.querySelector('h1').textContent = title;
    this.#part('text').textContent = text;
    this.#part('fixes').replaceChildren(...fix.map((line) => element('li', '', line)));
    this.#part('fixes').hidden = fix.length === 0;
    this.#part('detail').textContent = detail;
    this.#part('detail').hidden = detail === '';
    this.#part('icon').setAttribute(
      'href',
      code === 'hung_up' || code === 'ended_by_server'
        ? '#i-hang-up'
        : code === 'unauthorized' || code === 'insecure_context'
          ? '#i-lock'
          : '#i-alert',
    );
    const button = this.#part('action');
    button.dataset.action = action === 'reload' ? 'reload' : 'retry';
    button.textContent =
      action === 'reload'
        ? 'Load again'
        : code === 'hung_up' || code === 'ended_by_server'
          ? 'Call again'
          : 'Try again';
    this.#part('lobby').hidden = action === 'reload';
    this.#root.hidden = false;
    button.focus();
  }

  hide() {
    this.#root.hidden = true;
    delete this.#root.dataset.code;
  }
}

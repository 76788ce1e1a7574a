// The conversation in words: what the user wrote, what the avatar says, and which of it is being said now.
//
// An entry is a list item with data-speaker ("user", "avatar") and data-state: "queued" (written, not yet begun),
// "speaking", "said", "cut" (cut short).

const REMEMBER = 400; // entries kept
const SAME_AS = 6; // entries back that a repeated text is looked for in

export class Transcript {
  #list;
  #caption;
  #empty;
  #entries = []; // {speaker, text, item, utterances: Set}
  #speaking = new Map(); // utterance -> entry

  constructor({ list, caption, empty }) {
    this.#list = list;
    this.#caption = caption;
    this.#empty = empty;
  }

  /** A turn of the dialogue, by "user" or "avatar". One that is there already is not repeated. */
  turn(speaker, text) {
    if (this.#recent((entry) => entry.speaker === speaker && entry.text === text)) return;
    this.#add(speaker, text, speaker === 'avatar' ? 'queued' : 'said');
  }

  /** What the user wrote here; the same may be written twice. */
  wrote(text) {
    this.#add('user', text, 'said');
  }

  started(utterance, text) {
    const entry =
      this.#recent(
        (e) => e.speaker === 'avatar' && text && e.item.dataset.state === 'queued' && e.text.includes(text),
      ) ?? this.#add('avatar', text || 'Speaking', 'speaking');
    this.#speaking.set(utterance, entry);
    entry.item.dataset.utterance = utterance;
    this.#mark(entry, 'speaking');
    this.#caption.textContent = text;
  }

  finished(utterance, interrupted, position) {
    // What was cleared before it was heard has no beginning. Lines are said in order, so it is the oldest that waits.
    const entry =
      this.#speaking.get(utterance) ?? (interrupted && position === 0 ? this.#oldestQueued() : undefined);
    if (!entry) return;
    this.#speaking.delete(utterance);
    this.#mark(entry, interrupted ? 'cut' : 'said');
    const cut = position === 0 ? 'Not said' : `Cut short after ${(position / 1000).toFixed(1)} s`;
    entry.item.querySelector('.note').textContent = interrupted ? cut : '';
    if (this.#speaking.size === 0) this.#caption.textContent = '';
  }

  /** The call ended: nothing is being said any more. */
  hush() {
    for (const entry of this.#speaking.values()) this.#mark(entry, 'said');
    this.#speaking.clear();
    this.#caption.textContent = '';
  }

  clear() {
    this.hush();
    for (const { item } of this.#entries) item.remove();
    this.#entries = [];
    this.#empty.hidden = false;
  }

  get speaking() {
    return this.#speaking.size > 0;
  }

  #oldestQueued() {
    return this.#entries.find(({ item }) => item.dataset.state === 'queued');
  }

  #recent(matches) {
    return this.#entries.slice(-SAME_AS).findLast(matches);
  }

  #mark(entry, state) {
    entry.item.dataset.state = state;
  }

  #add(speaker, text, state) {
    const item = document.createElement('li');
    item.dataset.speaker = speaker;
    item.dataset.state = state;
    for (const [kind, content] of [
      ['who', speaker === 'user' ? 'You' : 'Avatar'],
      ['text', text],
      ['note', ''],
    ]) {
      const part = document.createElement('span');
      part.className = kind;
      part.textContent = content;
      item.append(part);
    }
    // Who scrolled up to read is left there.
    const scroller = this.#list.parentElement;
    const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
    this.#list.append(item);
    this.#empty.hidden = true;
    const entry = { speaker, text, item };
    this.#entries.push(entry);
    if (this.#entries.length > REMEMBER) this.#entries.shift().item.remove();
    if (atEnd) scroller.scrollTop = scroller.scrollHeight;
    return entry;
  }
}

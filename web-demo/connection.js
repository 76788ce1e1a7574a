// The socket: joins the session, keeps it, and comes back when it was lost.
//
// A lost socket is replaced within 60 s by way of the resume token; sequence numbers go on. It reports its state as
// "connecting", "live", "reconnecting" (with what is left of the 60 s), and at the end "refused" or "ended" (with a
// code for words.js). Nothing else in the page knows that there is a socket.

import * as protocol from './protocol.js';
import { now } from './clocks.js';
import { known } from './words.js';

const RESUME_WINDOW = 60000; // milliseconds; the server forgets after it
const FIRST_WAIT = 250,
  LONGEST_WAIT = 5000;
const OPEN_LIMIT = 8000; // for the socket to open and the session to be ready
const SILENCE_LIMIT = 8000; // pongs come every second: after this much silence the line is dead
const PING_EVERY = 1000;
const VIDEO_BACKLOG = 128 * 1024,
  AUDIO_BACKLOG = 512 * 1024; // bytes unsent at which media is dropped

// Refusals that may pass while a lost call is being resumed: a restarting server, a dead socket not yet noticed.
const PASSING = new Set(['role_taken', 'server_full', 'draining', 'too_slow', 'internal']);

export class Connection {
  #url;
  #start;
  #on;
  #socket = null;
  #live = false;
  #over = false;
  #token = null;
  #fault = null;
  #lostAt = null;
  #attempt = 0;
  #sequence = new Map();
  #fresh = new Set(); // kinds whose next packet follows a gap
  #timers = { ping: 0, open: 0, retry: 0 };
  #heard = 0;
  #ticked = 0;
  #rtt = null;
  #nextId = 1;

  /**
   * @param url    ws(s)://host/v1/session, with its token
   * @param start  the fields of session.start
   * @param on     {state(name, detail), message(message), media(frame), rtt(us), fault(code, detail),
   *               dropped()}
   */
  constructor(url, start, on) {
    this.#url = url;
    this.#start = start;
    this.#on = on;
    this.retryNow = this.retryNow.bind(this);
    addEventListener('online', this.retryNow);
  }

  get live() {
    return this.#live;
  }

  open() {
    this.#on.state('connecting', {});
    try {
      protocol.message('session.start', this.#start);
    } catch (error) {
      // A session name from the page's address, say, that no server would take.
      this.#end('refused', error.code, error.message);
      return;
    }
    this.#dial();
  }

  /** Sends a control message while live; returns whether it went out. */
  send(type, fields = {}) {
    if (!this.#live) return false;
    this.#text(type, fields);
    return true;
  }

  /**
   * Sends one media packet while live: {kind, codec, key, pts} and its bytes. A line that does not take it costs the
   * packet, never delay; returns whether it went out.
   */
  sendMedia({ kind, codec, key = false, pts }, payload) {
    if (!this.#live) return false;
    const limit = kind === protocol.KIND.USER_VIDEO ? VIDEO_BACKLOG : AUDIO_BACKLOG;
    if (this.#socket.bufferedAmount > limit) {
      this.#fresh.add(kind);
      this.#on.dropped();
      return false;
    }
    const flags = (key ? protocol.FLAG.KEY : 0) | (this.#fresh.has(kind) ? protocol.FLAG.DISCONTINUITY : 0);
    const sequence = this.#sequence.get(kind) ?? 0;
    this.#sequence.set(kind, (sequence + 1) >>> 0);
    this.#fresh.delete(kind);
    this.#socket.send(protocol.encodeFrame({ kind, flags, codec, sequence, pts, utterance: 0 }, payload));
    return true;
  }

  /** Hangs up: ends the session for everyone in it. */
  close() {
    if (this.#over) return;
    this.send('session.end', { reason: 'hung up' });
    this.#end('ended', 'hung_up');
  }

  /** Does not wait for the next attempt to reconnect. */
  retryNow() {
    if (!this.#timers.retry || this.#over) return;
    clearTimeout(this.#timers.retry);
    this.#timers.retry = 0;
    this.#dial();
  }

  // ---- one socket ------------------------------------------------------------------------------------------------

  #dial() {
    const socket = new WebSocket(this.#url, protocol.PROTOCOL);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    this.#fault = null;
    let opened = false;
    const mine = (handler) => (event) => {
      if (this.#socket === socket) handler(event);
    };
    socket.onopen = mine(() => {
      opened = true;
      this.#heard = this.#ticked = performance.now();
      // A few pings first: the server then knows this clock before the first media comes.
      for (let i = 0; i < 4; i++) this.#ping();
      this.#text('session.start', { ...this.#start, ...(this.#token && { resume: this.#token }) });
      this.#timers.ping = setInterval(() => this.#tick(), PING_EVERY);
    });
    socket.onmessage = mine(({ data }) => {
      this.#heard = performance.now();
      if (typeof data === 'string') this.#control(data);
      else this.#media(data);
    });
    socket.onclose = mine((event) => this.#closed(event, opened));
    this.#timers.open = setTimeout(
      mine(() => this.#drop(opened)),
      OPEN_LIMIT,
    );
  }

  // Lets go of a socket without waiting for its close, which on a dead line takes minutes.
  #drop(opened) {
    this.#socket.close();
    this.#closed({ reason: '' }, opened);
  }

  #text(type, fields) {
    this.#socket.send(protocol.message(type, { id: String(this.#nextId++), ...fields }));
  }

  #ping() {
    this.#socket.send(protocol.message('ping', { t: now(), ...(this.#rtt !== null && { rtt: this.#rtt }) }));
  }

  #tick() {
    const at = performance.now();
    // A tick that comes late says that this page slept, not that the server is silent.
    const slept = at - this.#ticked > 3 * PING_EVERY;
    this.#ticked = at;
    if (slept) this.#heard = at;
    if (at - this.#heard > SILENCE_LIMIT) return this.#drop(true);
    this.#ping();
  }

  #control(text) {
    let message;
    try {
      message = protocol.parse(text);
    } catch (error) {
      // A later server may say more than this page knows; that is no fault.
      if (error.code !== 'unknown_type') this.#on.fault(error.code ?? 'bad_json', error.message);
      return;
    }
    if (message.type === 'pong') {
      this.#rtt = Math.max(0, now() - message.t);
      this.#on.rtt(this.#rtt);
    } else if (message.type === 'session.ready') {
      this.#ready(message);
    } else if (message.type === 'error' && message.fatal) {
      this.#fault = { code: message.code, detail: message.message };
    }
    this.#on.message(message);
    if (message.type === 'session.end') this.#end('ended', 'ended_by_server', message.reason);
  }

  #media(data) {
    try {
      this.#on.media(protocol.decodeFrame(data));
    } catch (error) {
      this.#on.fault(error.code ?? 'bad_media', error.message);
    }
  }

  #ready(message) {
    clearTimeout(this.#timers.open);
    const resumed = this.#token !== null;
    this.#token = message.resume_token;
    // Who joins without naming a session is given one, and comes back to that one.
    this.#start = { ...this.#start, session: message.session };
    this.#live = true;
    this.#lostAt = null;
    this.#attempt = 0;
    if (resumed) for (const kind of this.#sequence.keys()) this.#fresh.add(kind);
    this.#on.state('live', { resumed, ready: message });
  }

  // ---- losing it, and coming back --------------------------------------------------------------------------------

  #closed(event, opened) {
    this.#stopTimers();
    this.#socket = null;
    this.#live = false;
    const code = this.#fault?.code ?? (known(event.reason) ? event.reason : null);
    const detail = this.#fault?.detail ?? '';
    if (this.#token === null) {
      if (code) this.#end('refused', code, detail);
      else if (opened) this.#end('refused', 'unreachable', event.reason);
      else this.#explain();
    } else if (code && !PASSING.has(code)) {
      this.#end('refused', code, detail);
    } else {
      this.#retryLater();
    }
  }

  #retryLater() {
    const at = performance.now();
    this.#lostAt ??= at;
    const left = RESUME_WINDOW - (at - this.#lostAt);
    const backoff = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#attempt) * (0.8 + 0.4 * Math.random());
    if (left <= 0) {
      this.#end('refused', 'connection_lost');
      return;
    }
    this.#attempt++;
    this.#on.state('reconnecting', { attempt: this.#attempt, until: this.#lostAt + RESUME_WINDOW });
    this.#timers.retry = setTimeout(this.retryNow, Math.min(backoff, left));
  }

  // The browser does not say why a handshake failed; the same address asked over HTTP does.
  async #explain() {
    let code = 'unreachable';
    try {
      const { status } = await fetch(this.#url.replace(/^ws/, 'http'), { cache: 'no-store' });
      code =
        status === 401 || status === 403
          ? 'unauthorized'
          : status === 429
            ? 'rate_limited'
            : status === 503
              ? 'server_full'
              : 'handshake_refused';
    } catch {
      /* nobody there */
    }
    if (!this.#over) this.#end('refused', code);
  }

  #stopTimers() {
    clearInterval(this.#timers.ping);
    clearTimeout(this.#timers.open);
    clearTimeout(this.#timers.retry);
    this.#timers.retry = 0;
  }

  #end(state, code, detail = '') {
    if (this.#over) return;
    this.#over = true;
    this.#live = false;
    this.#stopTimers();
    removeEventListener('online', this.retryNow);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#on.state(state, { code, detail });
  }
}

// The line between page and daemon: a TCP proxy that a test can cut, and that notes every message that passes.
//
// What it notes is what really went over the socket, in order, whatever page and daemon make of it.

import { connect, createServer } from 'node:net';

const SERVER_KINDS = { 4: 'avatar_audio', 5: 'avatar_video' };
const USER_KINDS = { 1: 'user_audio', 2: 'user_video' };
const GUARD = 240000; // milliseconds: against hanging

export class Wire {
  /** All that has passed: {call, from: 'page'|'server', type, ...fields}; media has its header's fields. */
  messages = [];
  #server;
  #target;
  #pairs = new Set();
  #whole = true;
  #calls = 0;
  #waiting = new Set();

  static async open(target) {
    const wire = new Wire();
    wire.#target = target;
    wire.#server = createServer((page) => wire.#accept(page));
    await new Promise((resolve) => wire.#server.listen(0, '127.0.0.1', resolve));
    wire.port = wire.#server.address().port;
    wire.url = `http://localhost:${wire.port}/`;
    return wire;
  }

  /** Breaks every connection, and lets none be made until mend(). */
  cut() {
    this.#whole = false;
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy();
  }
  mend() {
    this.#whole = true;
  }

  close() {
    this.cut();
    this.#server.close();
  }

  /** Resolves to the first message after index `from` that `wanted` accepts, as soon as it has passed. */
  async until(wanted, what, from = 0) {
    const end = Date.now() + GUARD;
    for (;;) {
      const found = this.messages.slice(from).find(wanted);
      if (found) return found;
      if (Date.now() > end) throw new Error(`${what}: never came`);
      await new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#waiting.delete(done);
          resolve();
        };
        const timer = setTimeout(done, 1000);
        this.#waiting.add(done);
      });
    }
  }

  #accept(page) {
    const server = connect(this.#target, '127.0.0.1');
    const pair = [page, server];
    this.#pairs.add(pair);
    page.setNoDelay(true);
    server.setNoDelay(true);
    const call = { number: 0 };
    this.#join(page, server, new Reader((message) => this.#note(call, 'page', message)));
    this.#join(server, page, new Reader((message) => this.#note(call, 'server', message)));
    for (const socket of pair) socket.on('close', () => this.#pairs.delete(pair));
    if (!this.#whole) this.cut();
  }

  #join(source, sink, reader) {
    source.on('data', (data) => {
      reader.read(data);
      sink.write(data);
    });
    source.on('end', () => sink.end());
    source.on('error', () => sink.destroy());
    source.on('close', () => sink.destroy());
  }

  #note(call, from, { binary, payload }) {
    if (call.number === 0) call.number = ++this.#calls;
    const fields = binary ? mediaFields(payload) : JSON.parse(payload.toString('utf8'));
    this.messages.push({ call: call.number, from, ...fields });
    for (const done of [...this.#waiting]) done();
  }
}

// The header of docs/protocol.md, read here anew: the page's own reader is under test.
function mediaFields(bytes) {
  return {
    type: { ...USER_KINDS, ...SERVER_KINDS }[bytes[1]] ?? `kind ${bytes[1]}`,
    key: (bytes[2] & 1) !== 0,
    idle: (bytes[2] & 8) !== 0,
    sequence: bytes.readUInt32LE(4),
    pts: Number(bytes.readBigInt64LE(8)),
    utterance: bytes.readUInt32LE(16),
    bytes: bytes.readUInt32LE(20),
  };
}

// One direction of one connection. HTTP passes unread until a handshake for a WebSocket ends; then frames are put
// together to messages.
class Reader {
  #onMessage;
  #rest = Buffer.alloc(0);
  #mode = 'http';
  #parts = [];
  #binary = false;

  constructor(onMessage) {
    this.#onMessage = onMessage;
  }

  read(data) {
    if (this.#mode === 'ignored') return;
    this.#rest = Buffer.concat([this.#rest, data]);
    if (this.#mode === 'http') this.#readHttp();
    if (this.#mode === 'frames') while (this.#readFrame());
  }

  #readHttp() {
    const end = this.#rest.indexOf('\r\n\r\n');
    if (end < 0) return;
    const isHandshake = /^upgrade:\s*websocket/im.test(this.#rest.toString('latin1', 0, end));
    this.#mode = isHandshake ? 'frames' : 'ignored';
    this.#rest = this.#rest.subarray(end + 4);
  }

  #readFrame() {
    const rest = this.#rest;
    if (rest.length < 2) return false;
    const masked = rest[1] >= 128;
    let length = rest[1] & 127;
    let at = 2;
    if (length === 126 || length === 127) {
      at = length === 126 ? 4 : 10;
      if (rest.length < at) return false;
      length = at === 4 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
    }
    const mask = masked ? rest.subarray(at, (at += 4)) : null;
    if (rest.length < at + length) return false;
    const payload = Buffer.from(rest.subarray(at, at + length));
    if (mask) for (let i = 0; i < length; i++) payload[i] ^= mask[i & 3];
    this.#rest = rest.subarray(at + length);
    const opcode = rest[0] & 15;
    if (opcode > 7) return true; // close, ping, pong of the socket itself
    if (opcode !== 0) this.#binary = opcode === 2;
    this.#parts.push(payload);
    if (rest[0] & 128) this.#onMessage({ binary: this.#binary, payload: Buffer.concat(this.#parts.splice(0)) });
    return true;
  }
}

// The page's protocol module against the same cases as the C code, and the schema against the same examples.
// Run by node: node --test-reporter=tap test/unit/protocol/protocol_js_test.mjs

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import * as protocol from '../../../web-demo/protocol.js';

const read = (path) => readFileSync(new URL(path, import.meta.url), 'utf8');
const lines = (path) => read(path).split('\n').filter((line) => line !== '' && !line.startsWith('#'));

const schema = JSON.parse(read('../../../docs/protocol.schema.json'));
const definitions = Object.entries(schema.$defs);
const examples = definitions.flatMap(([type, definition]) => definition.examples.map((example) => [type, example]));

/** The code of the ProtocolError that `act` throws, or 'ok'. */
function outcome(act) {
  try {
    act();
    return 'ok';
  } catch (error) {
    if (!(error instanceof protocol.ProtocolError)) throw error;
    assert.ok(Object.hasOwn(protocol.ERRORS, error.code), error.code);
    assert.notEqual(error.message, '');
    return error.code;
  }
}

/** A value with `change` applied to the object that holds the last name of `path`. */
function changed(value, path, change) {
  const copy = structuredClone(value);
  const names = path.split('.');
  const last = names.pop();
  const owner = names.reduce((object, name) => (object[name] ??= {}), copy);
  change(owner, last);
  return copy;
}

// ---- the part of JSON Schema that the schema uses ------------------------------------------------------------------

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

const TYPES = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: Number.isInteger,
  boolean: (value) => typeof value === 'boolean',
};

const carries = (value, names) => !isObject(value) || names.every((name) => Object.hasOwn(value, name));

const KEYWORDS = {
  $ref: (value, reference) => valid(value, schema.$defs[reference.replace('#/$defs/', '')]),
  oneOf: (value, list) => list.filter((one) => valid(value, one)).length === 1,
  not: (value, one) => !valid(value, one),
  type: (value, type) => TYPES[type](value),
  const: (value, constant) => value === constant,
  enum: (value, list) => list.includes(value),
  required: carries,
  properties: (value, properties) =>
    !isObject(value) ||
    Object.entries(properties).every(([name, one]) => !Object.hasOwn(value, name) || valid(value[name], one)),
  dependentRequired: (value, rules) =>
    !isObject(value) || Object.entries(rules).every(([name, names]) => !Object.hasOwn(value, name) || carries(value, names)),
  items: (value, one) => !Array.isArray(value) || value.every((item) => valid(item, one)),
  maxItems: (value, max) => !Array.isArray(value) || value.length <= max,
  maxLength: (value, max) => typeof value !== 'string' || [...value].length <= max,
  pattern: (value, pattern) => typeof value !== 'string' || new RegExp(pattern, 'u').test(value),
  minimum: (value, min) => typeof value !== 'number' || value >= min,
  maximum: (value, max) => typeof value !== 'number' || value <= max,
  multipleOf: (value, step) => typeof value !== 'number' || value % step === 0,
};
const NOTES = ['$schema', '$comment', '$defs', 'title', 'description', 'examples'];

function valid(value, one) {
  return Object.entries(one).every(([keyword, argument]) => {
    if (NOTES.includes(keyword)) return true;
    assert.ok(Object.hasOwn(KEYWORDS, keyword), `the schema uses ${keyword}`);
    return KEYWORDS[keyword](value, argument);
  });
}

// ---- binary messages -----------------------------------------------------------------------------------------------

const frameCases = lines('frames.txt').map((line) => {
  const [, hex, expected] = line.match(/^((?:[0-9a-f]+ )+)(.*)$/);
  return { bytes: new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex')), expected };
});

test('frames decode to what the vectors say, and encode to the same bytes', () => {
  let good = 0;
  for (const { bytes, expected } of frameCases.filter((one) => one.expected.startsWith('ok '))) {
    const frame = protocol.decodeFrame(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
    const { kind, flags, codec, sequence, pts, utterance, payload } = frame;
    assert.equal(`ok ${[kind, flags, codec, sequence, pts, utterance, payload.length].join(' ')}`, expected);
    assert.deepEqual(payload, bytes.slice(protocol.FRAME_HEADER_SIZE));
    assert.deepEqual(new Uint8Array(protocol.encodeFrame(frame, payload)), bytes);
    good++;
  }
  assert.ok(good >= 10);
});

test('malformed frames get their named error', () => {
  const bad = frameCases.filter((one) => !one.expected.startsWith('ok '));
  assert.ok(bad.length >= 25);
  for (const { bytes, expected } of bad) assert.equal(outcome(() => protocol.decodeFrame(bytes)), expected);
});

test('every length short of a header is truncated, and one beyond the limit is too large', () => {
  const whole = new Uint8Array(protocol.encodeFrame({ kind: 1, codec: 0, sequence: 1, pts: 0 }, new Uint8Array(0)));
  assert.equal(whole.length, 24);
  for (let size = 0; size < whole.length; size++) {
    assert.equal(outcome(() => protocol.decodeFrame(whole.slice(0, size))), 'truncated');
  }
  const room = protocol.MESSAGE_BYTES_MAX - protocol.FRAME_HEADER_SIZE;
  const header = { kind: protocol.KIND.USER_VIDEO, codec: protocol.CODEC.VP8, sequence: 0, pts: 0 };
  const largest = protocol.encodeFrame(header, new Uint8Array(room));
  assert.equal(protocol.decodeFrame(largest).payload.length, room);
  assert.equal(outcome(() => protocol.encodeFrame(header, new Uint8Array(room + 1))), 'too_large');
  assert.equal(outcome(() => protocol.decodeFrame(new Uint8Array(protocol.MESSAGE_BYTES_MAX + 1))), 'too_large');
});

test('a frame is read from a view into a larger buffer', () => {
  const frame = new Uint8Array(protocol.encodeFrame({ kind: 1, codec: 0, sequence: 5, pts: 7 }, new Uint8Array([1, 2])));
  const large = new Uint8Array(100);
  large.set(frame, 13);
  const decoded = protocol.decodeFrame(large.subarray(13, 13 + frame.length));
  assert.deepEqual([decoded.sequence, decoded.pts, ...decoded.payload], [5, 7, 1, 2]);
});

test('encodeFrame refuses what decodeFrame would', () => {
  const good = { kind: 3, flags: 2, codec: 2, sequence: 1, pts: 0, utterance: 1 };
  const cases = [
    ['ok', {}],
    ['bad_kind', { kind: 0 }],
    ['bad_kind', { kind: 7 }],
    ['bad_kind', { kind: undefined }],
    ['bad_flags', { flags: 32 }],
    ['bad_codec', { codec: 1 }],
    ['bad_codec', { codec: undefined }],
    ['bad_field', { pts: -1 }],
    ['bad_field', { pts: 0.5 }],
    ['bad_field', { pts: 2 ** 53 }],
    ['bad_field', { pts: undefined }],
    ['bad_field', { sequence: 2 ** 32 }],
    ['bad_field', { sequence: -1 }],
    ['bad_field', { utterance: 2 ** 32 }],
  ];
  for (const [expected, change] of cases) {
    assert.equal(outcome(() => protocol.encodeFrame({ ...good, ...change }, new Uint8Array(2))), expected);
  }
});

test('a presentation time beyond what a Number holds exactly is refused', () => {
  const bytes = new Uint8Array(protocol.encodeFrame({ kind: 1, codec: 0, sequence: 0, pts: 0 }, new Uint8Array(0)));
  new DataView(bytes.buffer).setBigInt64(8, 2n ** 53n, true);
  assert.equal(outcome(() => protocol.decodeFrame(bytes)), 'bad_field');
});

// ---- text messages -------------------------------------------------------------------------------------------------

test('there is an example of every message, and the module knows each', () => {
  assert.ok(examples.length >= 18);
  assert.deepEqual(Object.keys(protocol.MESSAGES).sort(), definitions.map(([type]) => type).sort());
  assert.deepEqual(schema.oneOf.map((one) => one.$ref), Object.keys(protocol.MESSAGES).map((type) => `#/$defs/${type}`));
});

test('the example of every message is parsed, and written the same', () => {
  for (const [type, example] of examples) {
    const text = JSON.stringify(example);
    const { type: parsed, ...fields } = protocol.parse(text);
    assert.equal(parsed, type);
    assert.deepEqual({ type, ...fields }, example);
    assert.equal(protocol.message(type, fields), text);
  }
});

test('the written cases come out as in C', () => {
  const cases = lines('messages.txt');
  assert.ok(cases.length > 70);
  for (const line of cases) {
    const [, expected, text] = line.match(/^(\w+) (.*)$/);
    // What JSON.parse does not tell: nesting of any depth is all right here.
    if (text.includes('[[[[[[[[]')) continue;
    assert.equal(outcome(() => protocol.parse(text)), expected, text);
  }
});

test('every field: missing, of another type, out of range', () => {
  const values = [null, true, 7.5, '\u0001', [[]], {}];
  const fits = {
    string: (value) => typeof value === 'string',
    bool: (value) => typeof value === 'boolean',
    num: (value) => typeof value === 'number',
  };
  for (const [type, example] of examples) {
    for (const field of protocol.MESSAGES[type].fields) {
      const attempt = (change) => outcome(() => protocol.parse(JSON.stringify(changed(example, field.path, change))));
      if (field.required) assert.equal(attempt((owner, name) => delete owner[name]), 'missing_field', field.path);
      const broken = values.filter((value) => !fits[field.type]?.(value));
      if (field.type === 'string') broken.push('x'.repeat(field.max + 1), 'é'.repeat(field.max / 2 + 1), 'a\0b', '\ud800');
      if (field.type === 'int' && !field.choices) broken.push(field.min - 1, field.max + 1);
      if (field.type === 'num') broken.push(field.min - 0.001, field.max + 0.001);
      if (field.type === 'enum' || field.type === 'set') broken.push('nobody', ['nobody']);
      if (field.type === 'ints') broken.push(Array(field.max + 1).fill(1), [0.5]);
      for (const value of broken) {
        assert.equal(attempt((owner, name) => (owner[name] = value)), 'bad_field', `${type} ${field.path} ${value}`);
      }
      if (field.type === 'int' && !field.choices) {
        for (const value of [field.min, field.max]) {
          assert.equal(attempt((owner, name) => (owner[name] = value)), 'ok', `${type} ${field.path} ${value}`);
        }
      }
    }
  }
});

test('parse names the message id in its error, and leaves unknown fields out', () => {
  const text = '{"type":"ping","id":"9","t":-1}';
  assert.throws(() => protocol.parse(text), { code: 'bad_field', id: '9', message: /^ping: t must be/ });
  assert.deepEqual(protocol.parse('{"t":1,"type":"ping","later":[1]}'), { type: 'ping', t: 1 });
});

test('message leaves undefined out, puts type first, and refuses unknown fields and overlong text', () => {
  assert.equal(
    protocol.message('session.start', { video: { width: 64, height: undefined }, audio: undefined, role: 'both', id: '1' }),
    '{"type":"session.start","id":"1","role":"both","video":{"width":64}}',
  );
  assert.equal(protocol.message('speech.interrupt'), '{"type":"speech.interrupt"}');
  assert.equal(outcome(() => protocol.message('ping', { t: 1, time: 2 })), 'bad_field');
  assert.equal(outcome(() => protocol.message('session.start', { role: 'both', video: { size: 64 } })), 'bad_field');
  assert.equal(outcome(() => protocol.message('no.such')), 'unknown_type');
  const text = '\u0001'.repeat(4096);
  assert.equal(outcome(() => protocol.message('dialogue.turn', { speaker: 'user', text })), 'too_large');
});

test('parse refuses a text message beyond the limit', () => {
  const text = '{"type":"speech.interrupt"}';
  assert.equal(outcome(() => protocol.parse(text.padEnd(protocol.TEXT_BYTES_MAX))), 'ok');
  assert.equal(outcome(() => protocol.parse(text.padEnd(protocol.TEXT_BYTES_MAX + 1))), 'too_large');
});

// ---- the schema ----------------------------------------------------------------------------------------------------

test('the schema accepts every example', () => {
  for (const [type, example] of examples) assert.ok(valid(example, schema), type);
});

test('the schema and the written cases agree', () => {
  for (const line of lines('messages.txt')) {
    const [, expected, text] = line.match(/^(\w+) (.*)$/);
    if (expected === 'bad_json') continue;
    // Two limits that a schema cannot say: NUL, and whole numbers that a double does not hold.
    if (text.includes('\\u0000') || text.includes('9007199254740993')) continue;
    assert.equal(valid(JSON.parse(text), schema), expected === 'ok', text);
  }
});

test('the schema and the module agree on every field out of its range', () => {
  for (const [type, example] of examples) {
    for (const field of protocol.MESSAGES[type].fields) {
      const values = [null, true, 0, 7.5, -3, 1, 65, 2 ** 53, 'x', 'x'.repeat(5000), 'a b', [], ['x'], [1], {}];
      values.push(field.min, field.max, ...(field.names ?? []));
      for (const value of values.filter((one) => one !== undefined)) {
        const message = changed(example, field.path, (owner, name) => (owner[name] = value));
        const expected = outcome(() => protocol.parse(JSON.stringify(message))) === 'ok';
        assert.equal(valid(message, schema), expected, `${type} ${field.path} ${JSON.stringify(value).slice(0, 40)}`);
      }
      if (!field.required) continue;
      assert.equal(valid(changed(example, field.path, (owner, name) => delete owner[name]), schema), false);
    }
  }
});

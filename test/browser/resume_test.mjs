// A call whose line breaks: it comes back as the same call, what was being said is said to its end, and a daemon that
// shuts down says so.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { Wire } from './wire.mjs';

const SENTENCE = 'While this long sentence is being spoken the line breaks, and yet it is spoken to its very end';
const AFTERWARDS = 'And this comes after it';

let daemon, wire, browser, page;

before(async () => {
  daemon = await Daemon.start(['--demo', '--greeting', 'Hello.']);
  wire = await Wire.open(daemon.port);
  browser = await Browser.start();
  page = await browser.open(wire.url);
  await page.state('lobby');
});
after(async () => {
  Daemon.killAll();
  await browser?.stop();
  wire?.close();
});

const ofCall = (call, type) => wire.messages.filter((m) => m.call === call && m.type === type);

test('a cut line is noticed, and the page says so', async () => {
  await page.tab.click('#join');
  await page.state('live');
  await page.line('Hello', 'said');
  await page.say(`${SENTENCE}.`);
  await page.line(SENTENCE, 'speaking');
  const [{ pts }] = ofCall(1, 'playback.started').slice(-1);
  await page.drawn(pts + 600000);
  wire.cut();
  await page.state('reconnecting');
  assert.match(await page.tab.innerText('#veil'), /connection was lost.*\d+ s left/);
});

test('the same session is resumed', async () => {
  wire.mend();
  await page.state('live');
  const [first] = ofCall(1, 'session.ready'),
    [second] = ofCall(2, 'session.ready');
  const [start] = ofCall(2, 'session.start');
  assert.equal(start.resume, first.resume_token);
  assert.equal(second.resumed, true);
  assert.equal(second.session, first.session);
  assert.notEqual(second.resume_token, first.resume_token);
  const { connections, resumes } = await page.stats();
  assert.deepEqual({ connections, resumes }, { connections: 2, resumes: 1 });
});

test('the media clock and the sequence numbers go on', async () => {
  await wire.until((m) => m.call === 2 && m.type === 'avatar_video', 'a frame after resuming');
  for (const type of ['avatar_video', 'avatar_audio', 'user_audio', 'user_video']) {
    await wire.until((m) => m.call === 2 && m.type === type, type);
    const before = ofCall(1, type).at(-1),
      now = ofCall(2, type)[0];
    assert.ok(now.pts > before.pts, `${type}: from ${before.pts} to ${now.pts}`);
    assert.ok(now.sequence > before.sequence, `${type}: from ${before.sequence} to ${now.sequence}`);
  }
  assert.equal(ofCall(2, 'avatar_video')[0].key, true);
});

test('what was being said is finished', async () => {
  await page.line(SENTENCE, 'said');
  const { utterance } = ofCall(1, 'playback.started').at(-1);
  const told = wire.messages.filter((m) => m.utterance === utterance && m.type.startsWith('playback.'));
  assert.deepEqual(
    told.map((m) => [m.type, m.interrupted]),
    [
      ['playback.started', undefined],
      ['playback.finished', false],
    ],
  );
});

test('the call goes on as before', async () => {
  await page.say(`${AFTERWARDS}.`);
  await page.line(AFTERWARDS, 'said');
  await page.frames(25);
  const lines = await page.tab.$$eval('#transcript > li .text', (all) => all.map((e) => e.textContent));
  assert.deepEqual(lines, ['Hello.', `${SENTENCE}.`, `${SENTENCE}.`, `${AFTERWARDS}.`, `${AFTERWARDS}.`]);
});

test('a daemon that is stopped ends the call with words, and well', async () => {
  const stopped = daemon.stop();
  await page.refused('ended_by_server', /The call has ended/);
  await stopped;
});

test('no error but those that the cut line made', async () => {
  const others = page.faults.filter((fault) => !/WebSocket connection to .* failed/.test(fault));
  assert.deepEqual(others, []);
  assert.deepEqual((await page.stats()).errors, []);
});

test('a daemon that is gone is named', async () => {
  await page.tab.click('#refusal-action');
  await page.refused('unreachable', /The server does not answer/);
});

// A whole call: camera and microphone to the daemon, the avatar's picture and voice back, measured where they come out.
//
// The tests are one conversation and run in order. What they compare is order, counts and media time, never the clock
// on the wall: a slow machine makes them slow, not red.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './browser.mjs';
import { Daemon } from './daemon.mjs';
import { bestShift, installEars, readEars } from './ears.mjs';
import { cameraZones } from './material.mjs';
import { correlation, frameNumber, installProbe, loudness, quantile, readProbe } from './picture.mjs';
import { Wire } from './wire.mjs';

const GREETING = 'Hello there';
const SENTENCE = 'Peter Piper picked a peck of pickled peppers, and she sells sea shells by the sea shore';
const LONG =
  'This sentence goes on, and on, and on, and on, for as long as nobody stops it, which is what somebody does';
const FRAME = 40000; // microseconds
const WINDOW = 200000; // within it an interrupt is heard
const OPUS_DELAY = 6500; // by which voice is stamped before the picture of the same moment
const SILENCE = 0.003; // root mean square

let daemon, wire, browser, page;

before(async () => {
  daemon = await Daemon.start(['--demo', '--greeting', `${GREETING}.`]);
  wire = await Wire.open(daemon.port);
  browser = await Browser.start();
  page = await browser.open(wire.url);
  await page.state('lobby');
  await installProbe(page.tab);
  await installEars(page.tab);
});
after(async () => {
  Daemon.killAll();
  await browser?.stop();
  wire?.close();
});

const fromServer = (type, from = 0) =>
  wire.messages.slice(from).filter((m) => m.from === 'server' && m.type === type);
const playback = (what, text) => {
  const utterance = fromServer('playback.started').find((m) => m.text?.includes(text))?.utterance;
  return fromServer(`playback.${what}`).filter((m) => m.utterance === utterance);
};

test('the call is joined, and the greeting is heard', async () => {
  await page.tab.click('#join');
  await page.state('live');
  await page.line(GREETING, 'said');
  assert.equal(playback('finished', GREETING)[0].interrupted, false);
});

test('every frame drawn shows the number of its presentation time', async (t) => {
  await page.frames(50);
  const { frames } = await readProbe(page.tab);
  assert.ok(frames.length >= 50);
  // Where the machine was too slow for a frame, as it may be for the first, its moment has none, and what was made for
  // it is shown that much later.
  const sent = fromServer('avatar_video').map((m) => m.pts);
  const lateFrom = sent.filter((pts, i) => i === 0 || pts - sent[i - 1] > FRAME);
  t.diagnostic(`${lateFrom.length - 1} of ${sent.length} frames came after a gap`);
  for (const { pts, clock } of frames)
    if (!lateFrom.some((gap) => pts >= gap && pts < gap + 2 * WINDOW)) assert.equal(clock, frameNumber(pts));
  for (let i = 1; i < frames.length; i++) assert.ok(frames[i].pts > frames[i - 1].pts);
});

test('the camera reaches the server: its colours are in the returned picture', async (t) => {
  await wire.until((m) => m.type === 'user_video' && m.key, 'a camera frame');
  await page.frames(50);
  const frames = (await readProbe(page.tab)).frames.slice(-25);
  let worst = 0;
  for (const [row, columns] of cameraZones.entries())
    for (const [column, colour] of columns.entries())
      for (const [i, fed] of colour.entries()) {
        const seen = frames.reduce((sum, { zones }) => sum + zones[row][column][i], 0) / frames.length;
        worst = Math.max(worst, Math.abs(seen - fed));
        assert.ok(
          Math.abs(seen - fed) <= 6,
          `zone ${row},${column}, ${'RGB'[i]}: ${seen.toFixed(1)}, fed ${fed.toFixed(1)}`,
        );
      }
  assert.ok(new Set(frames.map(({ bar }) => bar)).size >= 4, 'the picture moves');
  t.diagnostic(`largest difference of a colour: ${worst.toFixed(1)} of 255`);
});

test('the microphone reaches the server: the user is perceived as speaking, and as pausing', async () => {
  for (const value of [1, 0, 1])
    await page.until(
      (wanted) => window.visavis.stats.events.some((m) => m.kind === 'user.speaking' && m.value === wanted),
      value,
      `user.speaking ${value}`,
    );
  await page.until(
    () => document.querySelector('#perception [data-kind="user.speaking"]').dataset.on === 'true',
    null,
    'the sign of speaking lit',
  );
  const voice = (await readProbe(page.tab)).frames.map((frame) => frame.voice);
  assert.ok(quantile(voice, 0.9) > quantile(voice, 0.1) + 0.1, 'its level moves in the picture');
});

test('what is typed is spoken, and the transcript follows it', async () => {
  const from = wire.messages.length;
  await page.say(`${SENTENCE}.`);
  await page.line(SENTENCE, 'speaking');
  assert.equal((await page.tab.textContent('#caption')).includes(SENTENCE), true);
  await page.line(SENTENCE, 'said');
  const written = await page.tab.$$eval('#transcript > li[data-speaker=user] .text', (all) =>
    all.map((e) => e.textContent),
  );
  assert.deepEqual(written, [`${SENTENCE}.`]);
  const turns = wire.messages.slice(from).filter((m) => m.type === 'dialogue.turn');
  assert.deepEqual(
    turns.map((m) => [m.from, m.speaker]),
    [
      ['page', 'user'],
      ['server', 'avatar'],
    ],
  );
  assert.equal(playback('finished', SENTENCE).length, 1);
  assert.equal(playback('finished', SENTENCE)[0].interrupted, false);
});

test('the lips follow the voice of their very frame', async (t) => {
  const [{ pts }] = playback('started', SENTENCE);
  const [{ position_ms }] = playback('finished', SENTENCE);
  await page.drawn(pts + position_ms * 1000 + 400000);
  const { frames, energy } = await readProbe(page.tab);
  const heard = loudness(energy);
  const first = frameNumber(pts) - 5,
    last = frameNumber(pts + position_ms * 1000) + 5;
  const at = (lag) =>
    frames
      .map((frame) => [frameNumber(frame.pts), frame.mouth])
      .filter(([number]) => number >= first && number <= last && heard.has(number + lag))
      .map(([number, mouth]) => [mouth, heard.get(number + lag)]);
  const byLag = [-3, -2, -1, 0, 1, 2, 3].map((lag) => [lag, correlation(at(lag))]);
  t.diagnostic(
    `mouth and voice: ${byLag.map(([lag, r]) => `${lag}: ${r.toFixed(3)}`).join(', ')} (lag in frames: r)`,
  );
  assert.ok(at(0).length >= 60, `${at(0).length} frames`);
  const r = byLag[3][1];
  assert.ok(r >= 0.95, `r = ${r}`);
  for (const [lag, other] of byLag) assert.ok(lag === 0 || other < r, `lag ${lag} fits better`);
});

test('picture and voice of one moment carry the same time, and are played together', async (t) => {
  const video = fromServer('avatar_video');
  const audio = new Map(fromServer('avatar_audio').map((m) => [m.pts, m]));
  for (const { pts, utterance } of video.slice(1)) {
    assert.equal((pts - video[0].pts) % FRAME, 0);
    for (const half of [0, FRAME / 2]) assert.equal(audio.get(pts - OPUS_DELAY + half)?.utterance, utterance);
  }
  const { skewMs } = await page.stats();
  assert.ok(skewMs.length >= 200);
  const sizes = skewMs.map(Math.abs);
  const median = quantile(sizes, 0.5);
  t.diagnostic(
    `skew of ${sizes.length} frames drawn: median ${median.toFixed(1)} ms, p99 ${quantile(sizes, 0.99).toFixed(1)} ms`,
  );
  assert.ok(median <= 20, `median ${median} ms`);
});

test('what comes out of the speaker fits what is on the screen', async (t) => {
  const [{ pts }] = playback('started', SENTENCE);
  const [{ position_ms }] = playback('finished', SENTENCE);
  const { frames } = await readProbe(page.tab);
  const spoken = frames.filter(
    (frame) => frame.pts >= pts - 200000 && frame.pts <= pts + position_ms * 1000 + 200000,
  );
  const mouths = new Map(spoken.map((frame) => [frame.pts, frame.mouth]));
  const { shift, r } = bestShift(await readEars(page.tab), mouths, correlation);
  t.diagnostic(`by ear, the sound comes ${shift} ms after the picture (r = ${r.toFixed(3)})`);
  // Frames drawn late on a busy machine blur the fit, but do not move it.
  assert.ok(r >= 0.5, `r = ${r}`);
  assert.ok(Math.abs(shift) <= FRAME / 1000, `${shift} ms`);
});

test('Interrupt silences the avatar within one window', async (t) => {
  await page.say(`${LONG}. And this is never said.`);
  await page.line(LONG, 'speaking');
  const [{ pts, utterance }] = playback('started', LONG);
  await page.drawn(pts + 600000);
  await page.tab.click('#interrupt');
  await page.line(LONG, 'cut');
  const finished = await wire.until((m) => m.type === 'playback.finished' && m.utterance === utterance, 'its end');
  assert.equal(finished.interrupted, true);

  const asked = wire.messages.findIndex((m) => m.type === 'speech.interrupt');
  const sent = Math.max(
    ...wire.messages
      .slice(0, asked)
      .filter((m) => m.type === 'avatar_video')
      .map((m) => m.pts + FRAME),
  );
  const last = Math.max(
    ...fromServer('avatar_audio')
      .filter((m) => m.utterance === utterance)
      .map((m) => m.pts + FRAME / 2),
  );
  t.diagnostic(
    `heard until ${((last - sent) / 1000).toFixed(1)} ms of media after what was sent when it was asked for`,
  );
  assert.ok(last <= sent + WINDOW);
  assert.ok(
    Math.abs(finished.position_ms - (last - pts) / 1000) <= 40,
    `${finished.position_ms} ms of ${(last - pts) / 1000}`,
  );

  // What was heard and seen after it.
  await page.drawn(sent + WINDOW + 1000000);
  const { frames, energy } = await readProbe(page.tab);
  const after = frameNumber(sent + WINDOW);
  for (const [number, level] of loudness(energy))
    assert.ok(number <= after || level < SILENCE, `${level} at ${(number - after) * 40} ms after the window`);
  const open = frames.filter((frame) => frameNumber(frame.pts) < frameNumber(pts)).at(-1).mouth;
  for (const frame of frames)
    assert.ok(frameNumber(frame.pts) <= after || frame.mouth < open + 0.05, 'the mouth is closed again');
});

test('what was waiting behind it is never heard, and nothing is left waiting in the transcript', async () => {
  assert.equal(playback('started', 'never said').length, 0);
  const states = await page.tab.$$eval('#transcript > li', (all) => all.map((item) => item.dataset.state));
  assert.ok(!states.includes('queued') && !states.includes('speaking'), states.join(' '));
  assert.equal(await page.tab.isDisabled('#interrupt'), true);
});

test('the latency panel has figures', async () => {
  for (const id of ['rtt', 'interval', 'skew', 'speech', 'buffer', 'drops'])
    await page.until((name) => /\d/.test(document.getElementById(`lat-${name}`).textContent), id, `figure ${id}`);
});

test('hanging up ends the call for good', async () => {
  await page.tab.click('#hang-up');
  await page.refused('hung_up', /You hung up/);
  await wire.until((m) => m.from === 'page' && m.type === 'session.end', 'session.end');
  await page.until(() => document.getElementById('self').srcObject === null, null, 'the camera let go');
});

test('no error in the console, none in the page, none from the server', async () => {
  page.assertQuiet();
  assert.deepEqual((await page.stats()).errors, []);
  assert.deepEqual(fromServer('error'), []);
});

test('the daemon ends well', () => daemon.stop());

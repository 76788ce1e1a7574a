// Whatever is refused is refused in words, and what need not end the call does not.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Browser } from './browser.mjs';
import { Daemon, token } from './daemon.mjs';

const HOST = 'visavis.test'; // a name that is not this machine's own, as browsers see it

let browser, daemon, closed, folder;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'visavis-refusal-'));
  writeFileSync(join(folder, 'secret'), 'correct horse battery staple, and then some');
  browser = await Browser.start([`--host-resolver-rules=MAP ${HOST} 127.0.0.1`]);
  daemon = await Daemon.start(['--demo', '--greeting', 'Hello.', '--capacity', '1', '--origins', '*']);
  closed = await Daemon.start(['--demo', '--token-secret-file', join(folder, 'secret')]);
});
after(async () => {
  Daemon.killAll();
  await browser?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A page at `url` that joins at once; `run` is given it. */
async function joined(url, run, options) {
  const page = await browser.open(`${url}${url.includes('?') ? '&' : '?'}autostart=1`, options);
  await run(page);
  await page.close();
}

test('without camera and microphone the call goes on in writing', () =>
  joined(
    daemon.url,
    async (page) => {
      await page.state('live');
      await page.tab.waitForSelector('.notice[data-code=devices_denied]');
      assert.match(await page.tab.innerText('.notice'), /not allowed.*You can still write/s);
      await page.line('Hello', 'said');
      await page.say('Can you read this?');
      await page.line('Can you read this?', 'said');
      const { cameraFrames, microphonePackets, errors } = await page.stats();
      assert.deepEqual([cameraFrames, microphonePackets], [0, 0]);
      assert.deepEqual(
        errors.map(({ code }) => code),
        ['devices_denied'],
      );
      await page.tab.click('#hang-up');
      await page.state('ended');
      page.assertQuiet();
    },
    { permissions: [] },
  ));

test('joining in writing asks for neither', async () => {
  const page = await browser.open(daemon.url, { permissions: [] });
  await page.state('lobby');
  await page.tab.click('#join-text');
  await page.line('Hello', 'said');
  assert.equal(await page.tab.locator('.notice').count(), 0);
  await page.tab.click('#hang-up');
  await page.state('ended');
  page.assertQuiet();
  assert.deepEqual((await page.stats()).errors, []);
  await page.close();
});

test('a full server says so, keeps the call that it has, and takes the next one after it', () =>
  joined(daemon.url, async (first) => {
    await first.state('live');
    await joined(daemon.url, async (second) => {
      await second.refused('server_full', /The server is full/);
      await first.frames(25);
      assert.equal((await first.stats()).connections, 1);
      await first.tab.click('#hang-up');
      await first.state('ended');
      await second.tab.click('#refusal-action');
      await second.state('live');
      await second.frames(25);
      await second.tab.click('#hang-up');
      await second.state('ended');
    });
  }));

test('a second window on the same session is told of the first', () =>
  joined(`${daemon.url}?session=ours`, async (first) => {
    await first.state('live');
    await joined(`${daemon.url}?session=ours`, (second) =>
      second.refused('role_taken', /Someone is already in this call/),
    );
    await first.frames(25);
    await first.tab.click('#hang-up');
    await first.state('ended');
  }));

test('a session name that no server takes is named', () =>
  joined(`${daemon.url}?session=${encodeURIComponent('not a name')}`, async (page) => {
    await page.until(() => window.visavis.state === 'refused', null, 'refusal');
    assert.notEqual((await page.tab.innerText('#refusal h1')).trim(), '');
  }));

test('no token, and a bad one, do not let in', async () => {
  for (const query of [
    '',
    '?token=nonsense',
    `?token=${token(['--secret-file', join(folder, 'secret'), '--role', 'backend'])}`,
  ])
    await joined(`${closed.url}${query}`, (page) => page.refused('unauthorized', /This link does not let you in/));
});

test('a token made by visavis token does', () =>
  joined(
    `${closed.url}?token=${token(['--secret-file', join(folder, 'secret'), '--role', 'viewer'])}`,
    async (page) => {
      await page.state('live');
      await page.line('Hello', 'said');
      await page.tab.click('#hang-up');
      await page.state('ended');
      page.assertQuiet();
    },
  ));

test('a page over plain HTTP from another host says what to do', async () => {
  const page = await browser.open(`http://${HOST}:${daemon.port}/`);
  await page.refused('insecure_context', /not secure.*https:\/\/.*localhost.*ssh -L/s);
  await page.close();
});

test('both daemons end well', async () => {
  await daemon.stop();
  await closed.stop();
});

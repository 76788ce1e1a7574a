// The page without a mouse, and on a phone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './browser.mjs';
import { Daemon } from './daemon.mjs';

const LONG =
  'This sentence goes on, and on, and on, and on, for as long as nobody stops it, which is what somebody does';

let daemon, browser, page;

before(async () => {
  daemon = await Daemon.start(['--demo', '--greeting', 'Hello.']);
  browser = await Browser.start();
  page = await browser.open(daemon.url);
  await page.state('lobby');
});
after(async () => {
  Daemon.killAll();
  await browser?.stop();
});

const press = (...keys) =>
  keys.reduce((last, key) => last.then(() => page.tab.keyboard.press(key)), Promise.resolve());
const focused = () => page.tab.evaluate(() => document.activeElement.id);
const pressed = (id) => page.tab.getAttribute(`#${id}`, 'aria-pressed');

/** Presses Tab until the element `id` has the focus. */
async function tabTo(id) {
  for (let i = 0; i < 40; i++) {
    if ((await focused()) === id) return;
    await press('Tab');
  }
  assert.fail(`Tab never reaches #${id}`);
}

test('joining: Tab and Enter', async () => {
  await tabTo('join');
  await press('Enter');
  await page.state('live');
  await page.line('Hello', 'said');
});

test('writing: T, the words, Enter', async () => {
  await page.tab.evaluate(() => document.activeElement.blur());
  await press('t');
  assert.equal(await focused(), 'say');
  await page.tab.keyboard.type(`${LONG}.`);
  await press('Enter');
  await page.line(LONG, 'speaking');
  assert.equal(await page.tab.inputValue('#say'), '');
});

test('interrupting: Escape, while writing', async () => {
  await page.tab.keyboard.type('im');
  assert.equal(await page.tab.inputValue('#say'), 'im', 'letters in the box are letters');
  await press('Escape');
  await page.line(LONG, 'cut');
});

test('interrupting: I, anywhere else', async () => {
  await page.tab.fill('#say', `Again, ${LONG}.`);
  await page.tab.focus('#say');
  await press('Enter');
  await page.line('Again', 'speaking');
  await page.tab.evaluate(() => document.activeElement.blur());
  await press('i');
  await page.line('Again', 'cut');
});

test('microphone and camera: M and V', async () => {
  for (const [key, id] of [
    ['m', 'toggle-mic'],
    ['v', 'toggle-camera'],
  ]) {
    for (const on of ['false', 'true']) {
      await press(key);
      await page.until(
        ([name, wanted]) => document.getElementById(name).ariaPressed === wanted,
        [id, on],
        `${id} ${on}`,
      );
    }
    assert.equal(await pressed(id), 'true');
  }
});

test('settings and the list of keys: S, ? and Escape', async () => {
  for (const [key, id] of [
    ['s', 'settings'],
    ['?', 'shortcuts'],
  ]) {
    await press(key);
    assert.equal(await page.tab.locator(`#${id}`).isVisible(), true);
    await press('Escape');
    assert.equal(await page.tab.locator(`#${id}`).isVisible(), false);
  }
  assert.equal(await page.tab.evaluate(() => window.visavis.state), 'live');
});

test('every control can be reached by Tab', async () => {
  await page.tab.evaluate(() => document.activeElement.blur());
  for (const id of ['say', 'toggle-mic', 'toggle-camera', 'open-settings', 'open-shortcuts', 'hang-up'])
    await tabTo(id);
});

test('hanging up: Shift+H, and Enter calls again', async () => {
  await page.tab.evaluate(() => document.activeElement.blur());
  await press('Shift+H');
  await page.refused('hung_up', /You hung up/);
  assert.equal(await focused(), 'refusal-action');
  await press('Enter');
  await page.state('live');
  await press('Shift+H');
  await page.state('ended');
});

test('at phone width nothing has to be scrolled sideways, in any state', async () => {
  const phone = await browser.open(daemon.url, { width: 360, height: 740, hasTouch: true, isMobile: true });
  const fits = async (state) => {
    await phone.state(state);
    const { scrollWidth, innerWidth } = await phone.tab.evaluate(() => ({
      scrollWidth: document.documentElement.scrollWidth,
      innerWidth,
    }));
    assert.equal(innerWidth, 360);
    assert.ok(scrollWidth <= innerWidth, `${state}: ${scrollWidth} px wide`);
  };
  await fits('lobby');
  await phone.tab.tap('#join');
  await fits('live');
  await phone.line('Hello', 'said');
  for (const panel of ['perception', 'latency', 'conversation']) {
    await phone.tab.tap(`[data-shows=${panel}]`);
    assert.equal(await phone.tab.locator(`#${panel}`).isVisible(), true);
    await fits('live');
  }
  await phone.say('A phone is enough.');
  await phone.line('A phone is enough', 'said');
  await phone.tab.tap('#hang-up');
  await fits('ended');
  phone.assertQuiet();
  assert.deepEqual((await phone.stats()).errors, []);
  await phone.close();
});

test('no error in the console, none in the page', async () => {
  page.assertQuiet();
  assert.deepEqual((await page.stats()).errors, []);
});

test('the daemon ends well', () => daemon.stop());

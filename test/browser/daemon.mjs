// The daemon under test: started on a port of its own choosing, and stopped the way an operator stops it.
//
// VISAVIS names the program. How it ends is part of every test: SIGTERM must be answered by exit status 0, and a
// sanitizer that complained on the way fails the test even if nothing else did.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PROGRAM = process.env.VISAVIS ?? 'build/visavis';
const PAGE = fileURLToPath(new URL('../../web-demo', import.meta.url));
/** The model's folder, with the characters' portraits in it. */
export const WEIGHTS = process.env.VISAVIS_WEIGHTS ?? fileURLToPath(new URL('../../weights', import.meta.url));
const SANITIZER = /(ERROR|WARNING|SUMMARY): \w*Sanitizer|runtime error:/;
const START_GUARD = 120000; // milliseconds; a daemon built for ThreadSanitizer starts slowly
const STOP_GUARD = 60000;

// Nothing that a test starts outlives it, however the test ends.
const running = new Set();
process.on('exit', () => Daemon.killAll());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

export class Daemon {
  #child;
  #exit;
  #log = '';

  /** Starts `visavis serve` with `options` and the test pattern, which says in its picture what the server did. */
  static start(options = []) {
    return Daemon.#serve(['--avatar', 'test-pattern', ...options]);
  }

  /** The same with the avatar that users get, the model in WEIGHTS. */
  static startModel(options = []) {
    return Daemon.#serve(options);
  }

  // Resolves when it serves.
  static async #serve(options) {
    const daemon = new Daemon();
    const place = ['--address', '127.0.0.1', '--port', '0', '--web-root', PAGE, '--drain-seconds', '2'];
    daemon.#child = spawn(PROGRAM, ['serve', ...place, ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, VISAVIS_WEIGHTS: WEIGHTS },
    });
    running.add(daemon.#child);
    daemon.#exit = new Promise((resolve) => {
      daemon.#child.once('error', (error) => resolve(`not started: ${error.message}`));
      daemon.#child.once('close', (status, signal) => resolve(signal ?? status));
    }).finally(() => running.delete(daemon.#child));
    daemon.#child.stderr.setEncoding('utf8').on('data', (text) => (daemon.#log += text));
    const served = new Promise((resolve) => {
      let said = '';
      daemon.#child.stdout.setEncoding('utf8').on('data', (text) => {
        said += text;
        const port = /serving http:\/\/localhost:(\d+)/.exec(said)?.[1];
        if (port) resolve(Number(port));
      });
    });
    const tooLong = new Promise((resolve) => setTimeout(resolve, START_GUARD, 'it does not serve').unref());
    const result = await Promise.race([served, daemon.#exit, tooLong]);
    if (typeof result !== 'number' || daemon.#child.exitCode !== null) {
      daemon.#child.kill('SIGKILL');
      throw new Error(`${PROGRAM} serve: ${result}\n${daemon.#log}`);
    }
    daemon.port = result;
    daemon.url = `http://localhost:${result}/`;
    return daemon;
  }

  /** Ends those that a failed test left running, which would keep the test program from ending. */
  static killAll() {
    for (const child of running) child.kill('SIGKILL');
  }

  /** Asks it to end; resolves when it has, and fails unless it ended well. */
  async stop() {
    this.#child.kill('SIGTERM');
    setTimeout(() => this.#child.kill('SIGKILL'), STOP_GUARD).unref();
    const status = await this.#exit;
    const well = status === 0 && !SANITIZER.test(this.#log);
    assert.ok(well, `SIGTERM was answered by exit status ${status}; its log:\n${this.#log}`);
  }
}

/** Why nothing can be shown but the test pattern: a file of the model is missing. False if all are there. */
export function modelMissing() {
  const missing = ['codec', 'speech', 'denoiser', 'head']
    .map((name) => `${WEIGHTS}/${name}.safetensors`)
    .find((path) => !existsSync(path));
  return missing ? `there is no ${missing}` : false;
}

/** What `visavis token` prints for `options`. */
export const token = (options) => execFileSync(PROGRAM, ['token', ...options], { encoding: 'utf8' }).trim();

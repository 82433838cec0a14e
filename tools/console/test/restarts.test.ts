import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Restarts } from '../src/restarts.js';

const NOON = Date.parse('2026-07-01T12:00:00');
const DAY = 86_400_000;

// What is heard `seconds` after noon.
const heard = (seconds: number, uptimeMs: number, version = '1.0.0') => ({
  uptimeMs,
  version,
  at: NOON + seconds * 1000,
  now: seconds * 1000,
});

test('a gateway that runs on was not started anew, however late it answers', () => {
  const restarts = new Restarts();
  for (const [seconds, uptime] of [[0, DAY], [1, DAY + 1000], [9, DAY + 4000], [10, DAY + 10_000]] as const) {
    assert.equal(restarts.seen(heard(seconds, uptime)), false);
  }
  assert.equal(restarts.words, '');
});

test('one that was gone for less than a poll is told, with what it had lasted', () => {
  const restarts = new Restarts();
  restarts.seen(heard(0, DAY));
  assert.equal(restarts.seen(heard(1, 200)), true);
  assert.match(restarts.words, /^The gateway was started anew at 12:00:00; it had been up for 1.d\. Its counters began at 0\.$/);
  assert.equal(restarts.seen(heard(2, 1200)), false);
});

test('nor is it missed by a page that did not look for an hour', () => {
  const restarts = new Restarts();
  restarts.seen(heard(0, 10_000));
  assert.equal(restarts.seen(heard(3600, 1_800_000)), true);
});

test('a computer that slept, or whose clock was set, sees no start', () => {
  const restarts = new Restarts();
  restarts.seen(heard(0, 1000));
  // The gateway ran on for an hour, of which performance.now() knows nothing.
  assert.equal(restarts.seen({ ...heard(1, 3_601_000), at: NOON - DAY }), false);
});

test('a loop of crashes is one line, and another version is a reason to load the page again', () => {
  const restarts = new Restarts();
  restarts.seen(heard(0, DAY));
  for (const seconds of [10, 20, 30]) {
    restarts.seen(heard(seconds, 1000));
  }
  assert.match(restarts.words, /started anew 3 times since 12:00:09, last at 12:00:29\./);
  restarts.seen(heard(40, 1000, '1.1.0'));
  assert.match(restarts.words, /4 times .* It is version 1\.1\.0 now, this page is of 1\.0\.0: load it again\.$/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Restarts } from '../src/restarts.js';

const NOON = Date.parse('2026-07-01T12:00:00');
const DAY = 86_400_000;

// What is heard `seconds` after noon.
const heard = (seconds: number, uptimeMs: number, version = '1.0.0') => ({
  startedMs: NOON + seconds * 1000 - uptimeMs,
  uptimeMs,
  version,
  at: NOON + seconds * 1000,
});

test('a gateway that runs on was not started anew, however late it answers, whatever clocks do', () => {
  const restarts = new Restarts();
  const startedMs = NOON - DAY;
  // Late; a machine that slept, the gateway's and the page's; clocks that went apart over a weekend.
  for (const [seconds, uptime] of [[0, DAY], [9, DAY + 4000], [3600, DAY + 5000], [3601, 9 * DAY]] as const) {
    assert.equal(restarts.seen({ ...heard(seconds, uptime), startedMs }), false);
  }
  assert.equal(restarts.seen({ ...heard(0, 9 * DAY), startedMs, at: NOON - DAY }), false);
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

test('one that hands over was not started anew; of another version the page says so, and of its own again nothing', () => {
  const restarts = new Restarts();
  const startedMs = NOON - DAY;
  restarts.seen({ ...heard(0, DAY), startedMs });
  assert.equal(restarts.seen({ ...heard(1, DAY + 1000), startedMs }), false);
  assert.equal(restarts.words, '');
  assert.equal(restarts.seen({ ...heard(2, DAY + 2000, '1.1.0'), startedMs }), false);
  restarts.seen({ ...heard(9, DAY + 9000, '1.1.0'), startedMs });
  assert.equal(
    restarts.words,
    'The gateway is version 1.1.0 since 12:00:02, and nobody was disconnected. This page is of 1.0.0: load it again.',
  );
  restarts.seen({ ...heard(12, DAY + 12000), startedMs });
  assert.equal(restarts.words, '');
});

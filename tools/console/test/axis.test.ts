import assert from 'node:assert/strict';
import { test } from 'node:test';
import { niceTop, timeTicks } from '../src/axis.js';

test('axes end at round numbers of their unit', () => {
  assert.deepEqual([0, 3, 4, 4.1, 11, 390, 401].map((value) => niceTop(value, 2, 1000)), [2, 4, 4, 10, 20, 400, 1000]);
  assert.deepEqual([0, 1025, 3 * 1024, 500 * 1024, 1010 * 1024, 5 << 20].map((value) => niceTop(value, 1024, 1024)), [
    1024, 2048, 4096, 1 << 20, 1 << 20, 10 << 20,
  ]);
  assert.deepEqual([0, 0.1, 0.11, 0.35, 0.9].map((value) => niceTop(value, 0.1, 1000)), [0.1, 0.1, 0.2, 0.4, 1]);
});

const at = (time: string): number => new Date(`2026-03-04T${time}`).getTime();
const labels = (time: string, minutes: number): string[] => timeTicks(at(time), minutes * 60_000).map(({ label }) => label);

test('round times of the day, and now', () => {
  assert.deepEqual(labels('12:34:40', 15), ['12:25', '12:30', 'now']);
  assert.deepEqual(labels('12:33:10', 15), ['12:20', '12:25', '12:30', 'now']);
  assert.deepEqual(labels('12:34:40', 5), ['12:30', '12:32', 'now']);
  assert.deepEqual(labels('12:34:40', 2), ['12:33', '12:34', 'now']);
  assert.equal(timeTicks(at('12:34:40'), 120_000).at(-1)?.v, at('12:34:40'));
});

test('nothing stands in the way of now', () => {
  for (let second = 0; second < 600; second++) {
    for (const minutes of [2, 5, 15]) {
      const now = at('08:00:00') + second * 1000;
      const ticks = timeTicks(now, minutes * 60_000);
      const before = ticks.at(-2)?.v ?? 0;
      assert.ok(ticks.length >= 2 && ticks.length <= 4);
      assert.ok(now - before > 0.2 * minutes * 60_000);
    }
  }
});

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { patience } from '../src/patience.js';

// What is left of it when the timers have gone on, each step as late as is said.
function waited(steps: readonly { ms: number; late: number }[]): boolean {
  let now = 0;
  mock.timers.enable({ apis: ['setTimeout'] });
  const signal = patience(5000, () => now);
  for (const { ms, late } of steps) {
    now += ms + late;
    mock.timers.tick(ms);
  }
  mock.timers.reset();
  return !signal.aborted;
}

test('an answer is waited for as long as is said', () => {
  assert.ok(waited([{ ms: 4999, late: 0 }]));
  assert.ok(
    !waited([
      { ms: 5000, late: 300 },
      { ms: 1, late: 0 },
    ]),
  );
});

test('a page that was held up looks first, once', () => {
  const heldUp = { ms: 5000, late: 20_000 };
  assert.ok(waited([heldUp, { ms: 999, late: 0 }]));
  assert.ok(!waited([heldUp, { ms: 1001, late: 20_000 }]));
});

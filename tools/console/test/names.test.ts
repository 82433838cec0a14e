import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pairOf, tailOf } from '../src/names.js';

test('names are short, alike for the two, and cannot be misread', () => {
  assert.deepEqual(pairOf(tailOf(() => 0)), ['alice-a2a', 'bob-a2a']);
  assert.deepEqual(pairOf(tailOf(() => 0.999999)), ['alice-z9z', 'bob-z9z']);
  for (let i = 0; i < 1000; i++) {
    assert.match(tailOf(Math.random), /^[a-hj-km-np-z][2-9][a-hj-km-np-z]$/);
  }
});

test('two pages hardly ever draw the same', () => {
  const drawn = new Set(Array.from({ length: 100 }, () => tailOf(Math.random)));
  assert.ok(drawn.size > 80, String(drawn.size));
});

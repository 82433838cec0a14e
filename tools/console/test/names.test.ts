import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesOf, tailOf } from '../src/names.js';

test('names are short, alike for the two and their room, and cannot be misread', () => {
  assert.deepEqual(namesOf(tailOf(() => 0)), { users: ['alice-a2a', 'bob-a2a'], room: 'try-a2a' });
  assert.deepEqual(namesOf(tailOf(() => 0.999999)).users, ['alice-z9z', 'bob-z9z']);
  for (let i = 0; i < 1000; i++) {
    assert.match(tailOf(Math.random), /^[a-hj-km-np-z][2-9][a-hj-km-np-z]$/);
  }
});

test('two pages hardly ever draw the same', () => {
  const drawn = new Set(Array.from({ length: 100 }, () => tailOf(Math.random)));
  assert.ok(drawn.size > 80, String(drawn.size));
});

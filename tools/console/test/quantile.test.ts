import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantile, since } from '../src/quantile.js';

const bounds = [10, 20, 40];

test('within a bucket values are taken as evenly spread', () => {
  assert.equal(quantile({ bounds, counts: [10, 0, 0, 0] }, 0.5), 5);
  assert.equal(quantile({ bounds, counts: [5, 5, 0, 0] }, 0.5), 10);
  assert.equal(quantile({ bounds, counts: [5, 5, 0, 0] }, 0.75), 15);
  assert.equal(quantile({ bounds, counts: [0, 0, 100, 0] }, 0.99), 39.8);
});

test('empty buckets before the one sought do not count', () => {
  assert.equal(quantile({ bounds, counts: [0, 0, 1, 0] }, 0), 20);
});

test('above the last bound only the bound is known', () => {
  assert.equal(quantile({ bounds, counts: [1, 0, 0, 99] }, 0.99), 40);
});

test('without an observation there is no quantile', () => {
  assert.equal(quantile({ bounds, counts: [0, 0, 0, 0] }, 0.5), null);
});

test('what was counted between two looks', () => {
  assert.deepEqual(since({ bounds, counts: [1, 2, 3, 4] }, { bounds, counts: [1, 5, 3, 5] })?.counts, [0, 3, 0, 1]);
});

test('two runs of the gateway are not compared', () => {
  assert.equal(since({ bounds, counts: [5, 0, 0, 0] }, { bounds, counts: [4, 9, 0, 0] }), null);
  assert.equal(since({ bounds: [1], counts: [5, 0] }, { bounds, counts: [6, 0, 0, 0] }), null);
});

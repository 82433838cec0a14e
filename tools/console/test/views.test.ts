import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewFor, viewsOf } from '../src/views.js';

test('without --demo there is one view, whatever the address says', () => {
  const there = viewsOf(false);
  for (const hash of ['', '#try', '#watch', '#main']) {
    assert.equal(viewFor(hash, there, null), 'watch');
    assert.equal(viewFor(hash, there, 'try'), 'watch');
  }
});

test('with --demo the newcomer lands where there is something to try', () => {
  const there = viewsOf(true);
  assert.equal(viewFor('', there, null), 'try');
  assert.equal(viewFor('#watch', there, null), 'watch');
  assert.equal(viewFor('#try', there, 'watch'), 'try');
});

test('an address that names no view leaves the one that is shown', () => {
  assert.equal(viewFor('#main', viewsOf(true), 'watch'), 'watch');
  assert.equal(viewFor('#main', viewsOf(true), null), 'try');
});

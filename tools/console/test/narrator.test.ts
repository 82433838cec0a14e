import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tell, titleOf, why } from '../src/narrator.js';
import type { Turn } from '../src/narrator.js';

const turn = (given: Partial<Turn>): Turn => ({
  from: 'CONNECTED',
  to: 'RECONNECTING',
  reason: 'network',
  code: null,
  lostMs: null,
  ...given,
});

test('a line that breaks, a deadline that runs dry, a gateway that goes down', () => {
  assert.match(tell(turn({ code: 1006 }))?.text ?? '', /1006, no Close frame/);
  assert.match(tell(turn({ reason: 'timeout' }))?.text ?? '', /deadline ran dry/);
  assert.match(tell(turn({ code: 1012 }))?.text ?? '', /^Close 1012: the gateway restarts/);
  assert.equal(titleOf(turn({ code: 1012 })), 'The gateway goes down');
});

test('coming back says how long it took, and ends the story', () => {
  const told = tell(turn({ from: 'RECONNECTING', to: 'CONNECTED', reason: 'ready', lostMs: 3240 }));
  assert.match(told?.text ?? '', /3\.2.s after/);
  assert.equal(told?.ends, true);
  assert.match(why(turn({ from: 'RECONNECTING', to: 'CONNECTED', reason: 'ready' })), /on a new line/);
});

test('a kick and a logout end for good', () => {
  assert.match(tell(turn({ to: 'CLOSED', reason: 'kicked', code: 4001 }))?.text ?? '', /stays closed/);
  assert.match(tell(turn({ from: 'CLOSING', to: 'CLOSED', reason: 'logout', code: 1000 }))?.text ?? '', /does not come back/);
});

test('a login that fails has a story of its own', () => {
  const failed = turn({ from: 'CONNECTING', to: 'CLOSED', reason: 'timeout' });
  assert.equal(titleOf(failed), 'The login failed');
  assert.match(tell(failed)?.text ?? '', /^Closed: the gateway stayed silent too long/);
});

test('a reason that is new to this page is passed on', () => {
  assert.equal(why(turn({ reason: 'moonquake' })), 'moonquake');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeRow, NodesAnswer } from '../src/api_types.js';
import { clockWords, linkWords, lostOf, otherPlace, stateWords } from '../src/nodes.js';

const row = (id: string, more: Partial<NodeRow> = {}): NodeRow => ({
  id,
  state: 'up',
  address: 'http://127.0.0.1:8011/',
  ws_port: 8010,
  sessions: 0,
  rooms: 0,
  draining: false,
  clock_ms: 0,
  rtt_us: null,
  lost: 0,
  ...more,
});

const answer = (...nodes: NodeRow[]): NodesAnswer => ({
  node: 'gw-1',
  link: { up: true, reconnects: 0 },
  lost: {},
  nodes: [row('gw-1', { ws_port: 8000 }), ...nodes],
});

test('a node is told by its state', () => {
  assert.equal(stateWords(row('a'), true), 'serves');
  assert.equal(stateWords(row('a'), false), 'up');
  assert.equal(stateWords(row('a', { draining: true }), false), 'drains');
  assert.match(stateWords(row('a', { state: 'suspect' }), false), /silent/);
  assert.equal(stateWords(row('a', { state: 'of a later version' }), false), 'of a later version');
});

test('a clock is told when it is off', () => {
  assert.equal(clockWords(-999), '');
  assert.match(clockWords(61_000), /^its clock is 1.min 1.s ahead$/);
  assert.match(clockWords(-10_000), /^its clock is 10.s behind$/);
});

test('the line to NATS is told with what became of it', () => {
  assert.equal(linkWords({ up: true, reconnects: 0 }), 'The line to NATS is up.');
  assert.equal(linkWords({ up: true, reconnects: 1 }), 'The line to NATS is up, after 1 interruption.');
  assert.match(linkWords({ up: false, reconnects: 2 }), /^There is no line to NATS, after 2 interruptions: .* alone\.$/);
});

test('what was lost is told by its reasons', () => {
  assert.equal(lostOf({ gap: 0, egress: 0 }), 'Nothing was lost between nodes.');
  assert.equal(lostOf({ gap: 1, egress: 0 }), '1 batch was lost between nodes (gap 1).');
  assert.equal(lostOf({ gap: 1200, egress: 3 }), '1,203 batches were lost between nodes (gap 1,200, egress 3).');
});

test('the second one goes to another node that the page can reach', () => {
  assert.deepEqual(otherPlace(answer(row('gw-2'), row('gw-3')), 'localhost'), { node: 'gw-2', port: 8010, isTls: false });
  const unfit = [
    row('down', { state: 'down' }),
    row('without a port', { ws_port: null }),
    row('without a console', { address: '' }),
    row('far', { address: 'http://10.0.0.6:8001/' }),
  ];
  assert.equal(otherPlace(answer(...unfit), '127.0.0.1'), null);
  assert.deepEqual(otherPlace(answer(...unfit, row('near')), '127.0.0.1'), { node: 'near', port: 8010, isTls: false });
  assert.deepEqual(otherPlace(answer(row('gw-2', { address: 'http://chat.example:8001/' })), 'chat.example'), { node: 'gw-2', port: 8010, isTls: false });
  assert.equal(otherPlace(answer(), 'localhost'), null);
  // As that one speaks, whatever this one does.
  assert.equal(otherPlace(answer(row('gw-2', { ws_tls: true })), 'localhost')?.isTls, true);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pulse, share } from '../src/pulse.js';
import { endWords } from '../src/reasons.js';
import { nextOrder, sorted } from '../src/sorting.js';

const row = (user: string, idle: number, device = '') => ({ user, device, idle_ms: idle });

test('parts that were sorted each become one order', () => {
  const rows = [row('ben', 9), row('zoe', 10), row('ann', 9)];
  const names = (key: 'user' | 'idle_ms', descending: boolean): string[] =>
    sorted(rows, { key, descending }, ['user', 'device']).map(({ user }) => user);
  assert.deepEqual(names('user', false), ['ann', 'ben', 'zoe']);
  assert.deepEqual(names('idle_ms', true), ['zoe', 'ann', 'ben']);
  assert.deepEqual(names('idle_ms', false), ['ann', 'ben', 'zoe']);
});

test('equals stand by their names, a device of a user by its own', () => {
  const rows = [row('ben', 9, 'phone'), row('ann', 9), row('ben', 9, 'desk'), row('ben', 9)];
  const order = sorted(rows, { key: 'idle_ms', descending: true }, ['user', 'device']);
  assert.deepEqual(order.map(({ user, device }) => user + device), ['ann', 'ben', 'bendesk', 'benphone']);
  assert.deepEqual(sorted(rows.slice(1, 3), { key: 'user', descending: true }, []).map(({ user }) => user), ['ben', 'ann']);
});

test('a second click turns the order round', () => {
  const first = nextOrder<'user' | 'idle_ms'>({ key: 'user', descending: false }, 'idle_ms', true);
  assert.deepEqual(first, { key: 'idle_ms', descending: true });
  assert.deepEqual(nextOrder(first, 'idle_ms', true), { key: 'idle_ms', descending: false });
  assert.deepEqual(nextOrder(first, 'user', false), { key: 'user', descending: false });
});

test('the strip forgets what has left it, but not the state that lasts into it', () => {
  const pulse = new Pulse(1000);
  pulse.enter('INIT', 0);
  pulse.enter('CONNECTED', 10);
  pulse.enter('RECONNECTING', 1500);
  pulse.mark({ at: 20, direction: 'out', kind: 'ping' });
  pulse.mark({ at: 1600, direction: 'out', kind: 'ping' });
  pulse.prune(2000);
  assert.deepEqual(pulse.spans.map(({ state }) => state), ['CONNECTED', 'RECONNECTING']);
  assert.equal(pulse.marks.length, 1);
});

test('what is left of a time', () => {
  assert.deepEqual([900, 1000, 1500, 2000, 9000].map((now) => share(1000, 1000, now)), [1, 1, 0.5, 0, 0]);
});

test('an end of a kind that is new to this page keeps its name', () => {
  assert.equal(endWords('kicked'), 'kicked by a newer login');
  assert.equal(endWords('solar_flare'), 'solar flare');
});

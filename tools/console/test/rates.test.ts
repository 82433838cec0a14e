import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status } from '../src/api_types.js';
import { History, niceTop, point, rate, reasonsIn } from '../src/rates.js';

function status(uptime: number, logins: number, ends: Record<string, number> = {}, connections = 4): Status {
  return {
    node: 'demo',
    version: '0',
    uptime_ms: uptime,
    draining: false,
    demo: true,
    echo: false,
    listen: [],
    ws_port: 8000,
    limits: { max_connections: 10, read_deadline_ms: 1, write_deadline_ms: 1, ping_interval_ms: 0 },
    totals: {
      connections,
      users: connections,
      logins,
      kicks: 0,
      messages_in: logins * 2,
      messages_out: 0,
      fanout_messages: 0,
      deliveries: 0,
      memory_heads: 1,
      memory_messages: 2,
      memory_queues: 4,
      memory_batches: 0,
      memory_bodies: 0,
      memory_pools: 8,
      memory_limit: 100,
      queue_bytes: 7,
    },
    ends,
    turn_us: { bounds: [10, 20], counts: [logins, 0, 0] },
    fanout_receivers: { bounds: [1], counts: [0, 0] },
    memory: { allocated: 800, resident: 900, rss: 1000 },
    fds: { open: 1, limit: 2 },
    workers: [],
  };
}

test('a rate is the growth per second', () => {
  assert.equal(rate(10, 30, 2000), 10);
  assert.equal(rate(30, 10, 2000), null);
  assert.equal(rate(undefined, 10, 2000), null);
  assert.equal(rate(1, 2, 0), null);
});

test('the first look knows levels but no rates', () => {
  const first = point(null, { at: 0, status: status(1000, 5) });
  assert.equal(first.connections, 4);
  assert.deepEqual(first.held, { heads: 1, messages: 2, queues: 4, batches: 0, bodies: 0, pools: 8 });
  assert.equal(first.rssPerConnection, 250);
  assert.equal(first.logins, null);
  assert.equal(first.turnP50, null);
});

test('the second knows rates, quantiles and ends', () => {
  const next = point(
    { at: 0, status: status(1000, 5, { kicked: 1, drain: 3 }) },
    { at: 500, status: status(1500, 15, { kicked: 3, drain: 3 }) },
  );
  assert.equal(next.logins, 20);
  assert.equal(next.messagesIn, 40);
  assert.equal(next.turnP50, 5);
  assert.deepEqual(next.ends, { kicked: 4 });
});

test('a gateway that was started anew gives a gap, not a negative rate', () => {
  const next = point({ at: 0, status: status(9000, 5) }, { at: 1000, status: status(100, 500) });
  assert.equal(next.logins, null);
  assert.equal(next.turnP99, null);
  assert.deepEqual(next.ends, {});
});

test('nobody connected is no division by zero', () => {
  assert.equal(point(null, { at: 0, status: status(1, 0, {}, 0) }).rssPerConnection, null);
});

test('the history keeps its span and gaps', () => {
  const history = new History(2000);
  for (let second = 0; second < 6; second++) {
    history.add({ at: second * 1000, status: second === 4 ? null : status(second * 1000, second) });
  }
  assert.deepEqual(history.points.map(({ at }) => at), [3000, 4000, 5000]);
  assert.deepEqual(history.points.map(({ logins }) => logins), [1, null, null]);
});

test('reasons, the most frequent first', () => {
  const points = [{ a: 1 }, { b: 5 }, { a: 1, c: 2 }].map((ends) => ({ ...point(null, { at: 0, status: null }), ends }));
  assert.deepEqual(reasonsIn(points), ['b', 'a', 'c']);
});

test('axes end at round numbers of their unit', () => {
  assert.deepEqual([0, 3, 4, 4.1, 11, 390, 401].map((value) => niceTop(value, 2, 1000)), [2, 4, 4, 10, 20, 400, 1000]);
  assert.deepEqual([0, 1025, 3 * 1024, 500 * 1024, 1010 * 1024, 5 << 20].map((value) => niceTop(value, 1024, 1024)), [
    1024, 2048, 4096, 1000 * 1024, 1 << 20, 10 << 20,
  ]);
});

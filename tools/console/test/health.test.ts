import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status } from '../src/api_types.js';
import { healthOf } from '../src/health.js';

const status = (draining: boolean, connections: number, queueBytes: number): Status =>
  ({
    draining,
    started_ms: 1_782_900_000_000,
    uptime_ms: 65_000,
    limits: { max_connections: 1000 },
    totals: { connections, queue_bytes: queueBytes, memory_limit: 100 },
  }) as Status;

test('who serves is told from who refuses and who cuts off', () => {
  assert.match(healthOf(status(false, 999, 99)).text, /^serving, up 1.min 5.s$/);
  assert.equal(healthOf(status(false, 999, 99)).mood, 'good');
  for (const [full, word] of [[status(false, 1000, 0), 'full'], [status(false, 10, 100), 'out of memory']] as const) {
    assert.equal(healthOf(full).mood, 'bad');
    assert.ok(healthOf(full).text.startsWith(word));
  }
});

test('a drain says how many are left, full or not', () => {
  assert.match(healthOf(status(true, 1234, 0)).text, /^draining, 1,234 left, /);
  assert.equal(healthOf(status(true, 1000, 100)).mood, 'wait');
});

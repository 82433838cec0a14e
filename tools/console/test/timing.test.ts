import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settingsOf } from '../../web-sdk/src/options.js';
import * as timing from '../src/timing.js';

test('times in words are those of the clients here, of the SDK and of this gateway', () => {
  const rows = new Map(timing.explained(90_000, true).map((row) => [row.name, row]));
  const sdk = settingsOf({ url: '', user: '' });
  const numbers = (text = ''): number[] => Array.from(text.matchAll(/\d+/g), ([number]) => Number(number) * 1000);
  const backoff = rows.get('Back-off before coming back');
  assert.deepEqual(numbers(backoff?.here), [timing.BACKOFF_BASE_MS, timing.BACKOFF_CAP_MS]);
  assert.deepEqual(numbers(backoff?.usual), [sdk.reconnect.baseMs, sdk.reconnect.capMs]);
  const deadline = rows.get('Read deadline of the client');
  assert.deepEqual(numbers(deadline?.here), [timing.READ_TIMEOUT_MS]);
  assert.deepEqual(numbers(deadline?.usual), [sdk.readTimeoutMs]);
  assert.match(rows.get('Read deadline of the gateway')?.here ?? '', /^1.min 30.s of silence$/);
  assert.equal(timing.READ_TIMEOUT_MS, 3 * timing.HEARTBEAT_MS, '“Three heartbeats.”');
});

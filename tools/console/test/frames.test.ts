import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { describeBinary, describeClose, describeText } from '../src/frames.js';
import { codeWords } from '../src/reasons.js';

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

test('the parts of an empty ping', () => {
  const { kind, pieces } = describeBinary(bytesOf('006400000000'));
  assert.equal(kind, 'ping');
  assert.deepEqual(pieces, [
    { role: 'command', text: '00 64' },
    { role: 'length', text: '00 00 00 00' },
  ]);
});

test('a text packet shows payload and words', () => {
  const { kind, pieces, meaning } = describeBinary(bytesOf('006600000002' + '6869'));
  assert.equal(kind, 'text');
  assert.deepEqual(pieces[2], { role: 'payload', text: '68 69' });
  assert.equal(meaning, 'text “hi”');
});

test('a view into a larger buffer is read where it lies', () => {
  const whole = bytesOf('ffff006500000000ff');
  assert.equal(describeBinary(whole.subarray(2, 8)).kind, 'pong');
});

test('long payloads are cut short', () => {
  const { pieces, meaning } = describeBinary(bytesOf('006600000100' + '41'.repeat(256)));
  assert.match(pieces[2]?.text ?? '', / … 244 more$/);
  assert.ok(meaning.length < 140);
  assert.ok(describeText('😀'.repeat(500)).pieces[0]?.text.includes('…'));
});

test('what is no packet is said to be none', () => {
  assert.match(describeBinary(bytesOf('0064')).meaning, /under 6 bytes/);
  assert.match(describeBinary(bytesOf('006400000001')).meaning, /length is wrong/);
  assert.match(describeBinary(bytesOf('00c800000000')).meaning, /command 200/);
});

test('closes, with a frame and without', () => {
  assert.deepEqual(describeClose(4001, 'kicked', 'w').pieces, [{ role: 'plain', text: 'Close 4001 kicked' }]);
  assert.deepEqual(describeClose(1006, '', 'w').pieces, [{ role: 'plain', text: 'no Close frame' }]);
});

test('every close code that the gateway sends, or that keeps a client away, has words', () => {
  interface Vectors {
    gateway_closes: { code: number }[];
    close_codes: { code: number; action: string }[];
  }
  const vectors = JSON.parse(readFileSync(process.env.TIDEGATE_VECTORS ?? '', 'utf8')) as Vectors;
  const final = vectors.close_codes.filter(({ action }) => action === 'stay');
  assert.ok(vectors.gateway_closes.length > 0 && final.length > 0);
  for (const { code } of [...vectors.gateway_closes, ...final]) {
    assert.doesNotMatch(codeWords(code), /^close code/, String(code));
  }
});

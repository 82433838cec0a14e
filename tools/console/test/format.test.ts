import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytes, compact, count, digits, duration, hex, microseconds, milliseconds, perSecond, seconds } from '../src/format.js';

const plain = (text: string): string => text.replaceAll('\u202f', ' ');

test('digits are three at most', () => {
  assert.deepEqual([0, 0.123, 1.5, 2, 9.999, 12.34, 99.96, 128.4, -3.14].map(digits), [
    '0', '0.12', '1.5', '2', '10', '12.3', '100', '128', '-3.14',
  ]);
});

test('large numbers are shortened, and never round up to a thousand of a unit', () => {
  assert.deepEqual([0, 950, 9999, 10_000, 12_345, 999_499, 999_500, 3.4e6, 999.6e6].map(compact), [
    '0', '950', '9999', '10k', '12.3k', '999k', '1M', '3.4M', '1G',
  ]);
  assert.equal(count(1234567.4), '1,234,567');
  assert.equal(perSecond(12_000), '12k/s');
});

test('bytes', () => {
  assert.deepEqual([0, 1, 1023, 1024, 1536, 1048576, 5e12].map(bytes).map(plain), [
    '0 B', '1 B', '1023 B', '1 KiB', '1.5 KiB', '1 MiB', '4.55 TiB',
  ]);
});

test('times', () => {
  assert.deepEqual([0.4, 12, 999.6, 1500, 2.5e6].map(microseconds).map(plain), [
    '0.4 µs', '12 µs', '1 ms', '1.5 ms', '2.5 s',
  ]);
  assert.equal(plain(milliseconds(2.4)), '2.4 ms');
  assert.equal(plain(seconds(3249)), '3.2 s');
  assert.deepEqual([-5, 0, 999, 1000, 61_000, 3_600_000, 12_000_000, 90_000_000].map(duration).map(plain), [
    '0 s', '0 s', '0 s', '1 s', '1 min 1 s', '1 h', '3 h 20 min', '1 d 1 h',
  ]);
});

test('hex', () => {
  assert.equal(hex(Uint8Array.of(0, 100, 255)), '00 64 ff');
});

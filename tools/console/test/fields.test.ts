import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fieldsOf } from '../src/fields.js';
import { PACKETS } from '../src/packets.js';

const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));

// What the vectors call a field otherwise than the row does; of `n` they only have the users.
const NAMES: Readonly<Record<string, string>> = { 'seconds left': 'seconds', user: 'users', bytes: 'payload' };

interface Vector {
  readonly name: string;
  readonly command?: number;
  readonly payload?: string;
  readonly v1?: Readonly<Record<string, unknown>> | null;
}

function specsOf(command: number): readonly string[] | undefined {
  const rows: Readonly<Record<number, { readonly name: string; readonly fields?: readonly string[] }>> = PACKETS;
  return rows[command]?.fields;
}

test('every packet of the vectors is taken apart as they say', () => {
  const { packets } = JSON.parse(readFileSync(process.env.TIDEGATE_VECTORS ?? '', 'utf8')) as { packets: Vector[] };
  // A token is all of its packet.
  const told = packets.filter(({ v1 }) => v1 !== undefined && !(v1 !== null && 'token' in v1));
  assert.ok(told.length >= 20);
  for (const { name, command, payload, v1 } of told) {
    const specs = specsOf(command ?? 0);
    assert.ok(specs, name);
    const taken = fieldsOf(specs, bytesOf(payload ?? ''));
    if (v1 === null || v1 === undefined) {
      assert.ok(taken === null || taken.rest.length > 0, name);
      continue;
    }
    assert.ok(taken, name);
    for (const field of taken.fields) {
      const called: string = field.name in v1 ? field.name : (NAMES[field.name] ?? field.name);
      const value = field.kind === 'bytes' ? String(field.value).replaceAll(' ', '') : field.value;
      assert.deepEqual(value, called === 'n' ? (v1.users as unknown[]).length : v1[called], `${name}: ${field.name}`);
    }
  }
});

test('fields lie one behind the other, and all that is left is the rest', () => {
  const taken = fieldsOf(['u8 flags', 'str room'], bytesOf('01' + '026869' + 'ffff'));
  assert.deepEqual(taken?.fields.map(({ bytes }) => Buffer.from(bytes).toString('hex')), ['01', '026869']);
  assert.deepEqual(taken.rest, bytesOf('ffff'));
});

test('every length that is too short is said to be', () => {
  const whole = bytesOf('00000004' + '00' + '01' + '0002' + '05616c696365' + '03626f62');
  const specs = specsOf(124) ?? [];
  assert.deepEqual(fieldsOf(specs, whole)?.fields.at(-1)?.value, ['alice', 'bob']);
  for (let length = 0; length < whole.length; length++) {
    assert.equal(fieldsOf(specs, whole.subarray(0, length)), null, String(length));
  }
});

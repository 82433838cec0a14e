import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { describeBinary, describeClose, describeOpen, describeText } from '../src/frames.js';
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

test('the fields of a packet of tidegate.v1 are told apart', () => {
  const { kind, pieces, meaning, id } = describeBinary(bytesOf('006e00000014' + '00000007' + '00' + '05' + Buffer.from('#roomhow are').toString('hex') + '2120'));
  assert.equal(kind, 'say');
  assert.equal(id, 7);
  assert.equal(meaning, 'say to #room: “how are! ”');
  assert.deepEqual(pieces.slice(2), [
    { role: 'id', text: '00 00 00 07', field: 'id' },
    { role: 'number', text: '00', field: 'flags' },
    { role: 'name', text: '05 23 72 6f 6f 6d', field: 'audience' },
    { role: 'payload', text: '68 6f 77 20 61 72 65 21 20', field: 'text' },
  ]);
});

test('an answer says what it answers, where that was seen', () => {
  const answer = bytesOf('006f00000009' + '00000007' + '00' + '00000001');
  assert.equal(describeBinary(answer).meaning, 'answer to request 7: done, 1');
  assert.equal(describeBinary(answer, new Map([[7, 'say']])).meaning, 'answer to say 7: handed to 1 session');
  assert.equal(describeBinary(answer, new Map([[7, 'join']])).meaning, 'answer to join 7: done, 1 member there now');
  const refused = bytesOf('006f00000009' + '00000007' + '04' + '00000000');
  assert.equal(describeBinary(refused, new Map([[7, 'say']])).meaning, 'answer to say 7: not a member of the room');
});

const said = (hex: string): string => describeBinary(bytesOf(hex)).meaning;

test('each packet of tidegate.v1 has words', () => {
  assert.equal(said('00680000000c00ffffffff05616c69636500'), 'session: you are alice, without an end');
  assert.match(said('006800000014000000003c03e4b8ad0570686f6e656c61746572'), /^session: you are 中 on phone, 1.min left$/);
  assert.match(said('00680000000c020000003c05616c69636500'), /^session: not allowed, or not valid; you are alice, 1.min left$/);
  assert.equal(said('00700000001a000000018bcfe5687b05616c6963650523726f6f6d68656c6c6f'), 'alice says to #room: “hello”');
  assert.equal(said('007000000012000000018bcfe5687b000440626f6268656c'), 'a backend says to bob alone: “hel”');
  assert.equal(said('00780000000a000000020104726f6f6d'), 'join #room, and hear who comes and goes');
  assert.equal(said('0079000000090000000304726f6f6d'), 'leave #room');
  assert.equal(said('007a0000000e04726f6f6d000000020103626f62'), 'bob came to #room: 2 members there now');
  assert.equal(said('007a0000000e04726f6f6d000000010203626f62'), 'bob left #room: 1 member there now');
  assert.equal(said('007a0000000b04726f6f6d000000010300'), 'you were taken out of #room');
  assert.equal(said('007a0000000b04726f6f6d000111700000'), '#room: 70000 members there now');
  assert.equal(said('007b0000000f0000000404726f6f6d05616c696365'), 'who is in #room, behind alice?');
  assert.equal(said('007c00000012000000040001000205616c69636503626f62'), 'page of members: alice, bob');
  assert.equal(said('008200000006000000057b7d'), 'request 5 to the backend');
  assert.equal(said('0083000000050000000507'), 'reply to request 5: the node cannot be asked');
  assert.equal(said('007c000000080000000404010000'), 'page of members: not a member of the room');
});

test('of a token its head is shown, which is no secret', () => {
  const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl';
  const { pieces, meaning } = describeBinary(bytesOf('0067000000' + token.length.toString(16) + Buffer.from(token).toString('hex')));
  assert.equal(meaning, 'token: a fresh token of mine');
  assert.match(pieces[2]?.text ?? '', /^65 79 4a 68 62 47 63 69 4f 69 4a 49 … \d+ more$/);
});

test('a packet that does not fit its fields is shown as it is', () => {
  const { pieces, meaning } = describeBinary(bytesOf('00790000000400000003'));
  assert.equal(meaning, 'leave, broken: its fields do not fit');
  assert.deepEqual(pieces[2], { role: 'payload', text: '00 00 00 03' });
});

test('what a later version adds is set apart', () => {
  const { pieces } = describeBinary(bytesOf('006f0000000c000000010300000000776879'));
  assert.deepEqual(pieces.at(-1), { role: 'plain', text: '77 68 79', field: 'of a later version' });
});

test('an open line names what is spoken on it', () => {
  assert.equal(describeOpen('tidegate.v1').pieces[0]?.text, '101 Switching Protocols tidegate.v1');
  assert.equal(describeOpen('').pieces[0]?.text, '101 Switching Protocols');
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

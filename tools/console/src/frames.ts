// WebSocket messages and packets as the inspector shows them. Everything here is pure.

import { fieldsOf } from './fields.js';
import type { Field, Taken } from './fields.js';
import { hex } from './format.js';
import { idOf, packetWords } from './packet_words.js';
import { PACKETS } from './packets.js';

export type Direction = 'out' | 'in';
export type Kind = (typeof PACKETS)[keyof typeof PACKETS]['name'] | 'open' | 'close' | 'failed' | 'other';
// Of a payload of tidegate.v1 the fields are told apart: ids, other numbers, names, and what is said.
export type Role = 'command' | 'length' | 'id' | 'number' | 'name' | 'payload' | 'plain';

export interface Piece {
  readonly role: Role;
  readonly text: string;
  readonly field?: string; // what PROTOCOL calls it
}

export interface Described {
  readonly kind: Kind;
  readonly pieces: readonly Piece[];
  readonly meaning: string;
  readonly code?: number; // of a Close
  readonly reason?: string; // and what it says
  readonly id?: number; // of a request or an answer
}

// Which packet asked under an id: an answer does not say that.
export type Asked = ReadonlyMap<number, string>;

const SHOWN_BYTES = 12;
const SHOWN_CHARACTERS = 120;

const HEADER = 6;

function shorten(text: string): string {
  const characters = Array.from(text);
  return characters.length > SHOWN_CHARACTERS ? characters.slice(0, SHOWN_CHARACTERS).join('') + '…' : text;
}

function shownBytes(bytes: Uint8Array): string {
  const rest = bytes.length - SHOWN_BYTES;
  const more = rest > 0 ? ` … ${String(rest)} more` : '';
  return hex(bytes.subarray(0, SHOWN_BYTES)) + more;
}

function roleOf({ name, kind }: Field): Role {
  return name === 'id' ? 'id' : kind.startsWith('u') ? 'number' : kind.endsWith('str') ? 'name' : 'payload';
}

function payloadPieces(payload: Uint8Array, taken: Taken | null): Piece[] {
  if (payload.length === 0) {
    return [];
  }
  if (taken === null) {
    return [{ role: 'payload', text: shownBytes(payload) }];
  }
  const pieces: Piece[] = taken.fields
    .filter(({ bytes }) => bytes.length > 0)
    .map((field) => ({ role: roleOf(field), text: shownBytes(field.bytes), field: field.name }));
  if (taken.rest.length > 0) {
    pieces.push({ role: 'plain', text: shownBytes(taken.rest), field: 'of a later version' });
  }
  return pieces;
}

function isKnown(command: number): command is keyof typeof PACKETS {
  return command in PACKETS;
}

// A row of PACKETS, with what not every one has.
interface Row {
  readonly name: Kind;
  readonly meaning: string;
  readonly fields?: readonly string[];
}

function meaningOf({ name, meaning }: Row, payload: Uint8Array): string {
  if (name === 'text') {
    return `text “${shorten(new TextDecoder().decode(payload))}”`;
  }
  const echo = name === 'ping' && payload.length > 0 ? `, ${String(payload.length)} bytes to echo` : '';
  return `${name}: ${meaning}${echo}`;
}

function describePacket(row: Row, payload: Uint8Array, asked: Asked): Omit<Described, 'kind'> {
  if (row.fields === undefined) {
    return { pieces: payloadPieces(payload, null), meaning: meaningOf(row, payload) };
  }
  const taken = fieldsOf(row.fields, payload);
  if (taken === null) {
    return { pieces: payloadPieces(payload, null), meaning: `${row.name}, broken: its fields do not fit` };
  }
  const id = idOf(taken);
  const words = packetWords(row.name, taken, id === null ? undefined : asked.get(id));
  return {
    pieces: payloadPieces(payload, taken),
    meaning: shorten(words ?? meaningOf(row, payload)),
    ...(id === null ? {} : { id }),
  };
}

export function describeBinary(data: Uint8Array, asked: Asked = new Map()): Described {
  if (data.length < HEADER) {
    return { kind: 'other', pieces: [{ role: 'plain', text: hex(data) }], meaning: 'no packet: under 6 bytes' };
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const payload = data.subarray(HEADER);
  const head: readonly Piece[] = [
    { role: 'command', text: hex(data.subarray(0, 2)) },
    { role: 'length', text: hex(data.subarray(2, HEADER)) },
  ];
  const unknown = (meaning: string): Described => ({
    kind: 'other',
    pieces: [...head, ...payloadPieces(payload, null)],
    meaning,
  });
  if (view.getUint32(2) !== payload.length) {
    return unknown('no packet: the length is wrong');
  }
  const command = view.getUint16(0);
  if (!isKnown(command)) {
    return unknown(`command ${String(command)}, ignored`);
  }
  const row: Row = PACKETS[command];
  const { pieces, ...said } = describePacket(row, payload, asked);
  return { kind: row.name, ...said, pieces: [...head, ...pieces] };
}

export function describeText(text: string): Described {
  return { kind: 'text', pieces: [{ role: 'payload', text: `“${shorten(text)}”` }], meaning: 'text message' };
}

// `protocol` is the one that was chosen of those that were offered, or empty.
export function describeOpen(protocol: string): Described {
  return {
    kind: 'open',
    pieces: [{ role: 'plain', text: `101 Switching Protocols ${protocol}`.trim() }],
    meaning: 'the line is open, the user is logged in',
  };
}

// A WebSocket that was never open: there was no line that could have ended.
export function describeFailedDial(isGivenUp: boolean): Described {
  return {
    kind: 'failed',
    pieces: [{ role: 'plain', text: 'no 101' }],
    meaning: isGivenUp ? 'this client gives the dial up' : 'the dial failed: the gateway was not reached, or it refused',
  };
}

export function describeClose(code: number, reason: string, words: string): Described {
  const text = code === 1006 ? 'no Close frame' : `Close ${String(code)} ${reason}`.trim();
  return { kind: 'close', pieces: [{ role: 'plain', text }], meaning: words, code, reason };
}

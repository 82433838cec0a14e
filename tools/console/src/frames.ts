// WebSocket messages and packets as the inspector shows them. Everything here is pure.

import { hex } from './format.js';
import { PACKETS } from './packets.js';

export type Direction = 'out' | 'in';
export type Kind = (typeof PACKETS)[keyof typeof PACKETS]['name'] | 'open' | 'close' | 'failed' | 'other';
export type Role = 'command' | 'length' | 'payload' | 'plain';

export interface Piece {
  readonly role: Role;
  readonly text: string;
}

export interface Described {
  readonly kind: Kind;
  readonly pieces: readonly Piece[];
  readonly meaning: string;
  readonly code?: number; // of a Close
}

const SHOWN_BYTES = 12;
const SHOWN_CHARACTERS = 120;

const HEADER = 6;

function shorten(text: string): string {
  const characters = Array.from(text);
  return characters.length > SHOWN_CHARACTERS ? characters.slice(0, SHOWN_CHARACTERS).join('') + '…' : text;
}

function payloadPiece(payload: Uint8Array): Piece {
  const rest = payload.length - SHOWN_BYTES;
  const more = rest > 0 ? ` … ${String(rest)} more` : '';
  return { role: 'payload', text: hex(payload.subarray(0, SHOWN_BYTES)) + more };
}

function isKnown(command: number): command is keyof typeof PACKETS {
  return command in PACKETS;
}

function meaningOf(command: number, payload: Uint8Array): { kind: Kind; meaning: string } {
  if (!isKnown(command)) {
    return { kind: 'other', meaning: `command ${String(command)}, ignored` };
  }
  const { name, meaning } = PACKETS[command];
  if (name === 'text') {
    return { kind: name, meaning: `text “${shorten(new TextDecoder().decode(payload))}”` };
  }
  const echo = name === 'ping' && payload.length > 0 ? `, ${String(payload.length)} bytes to echo` : '';
  return { kind: name, meaning: `${name}: ${meaning}${echo}` };
}

export function describeBinary(data: Uint8Array): Described {
  if (data.length < HEADER) {
    return { kind: 'other', pieces: [{ role: 'plain', text: hex(data) }], meaning: 'no packet: under 6 bytes' };
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const payload = data.subarray(HEADER);
  const pieces: Piece[] = [
    { role: 'command', text: hex(data.subarray(0, 2)) },
    { role: 'length', text: hex(data.subarray(2, HEADER)) },
  ];
  if (payload.length > 0) {
    pieces.push(payloadPiece(payload));
  }
  if (view.getUint32(2) !== payload.length) {
    return { kind: 'other', pieces, meaning: 'no packet: the length is wrong' };
  }
  return { ...meaningOf(view.getUint16(0), payload), pieces };
}

export function describeText(text: string): Described {
  return { kind: 'text', pieces: [{ role: 'payload', text: `“${shorten(text)}”` }], meaning: 'text message' };
}

export function describeOpen(): Described {
  return {
    kind: 'open',
    pieces: [{ role: 'plain', text: '101 Switching Protocols' }],
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
  return { kind: 'close', pieces: [{ role: 'plain', text }], meaning: words, code };
}

// A packet's payload, field by field, as its row in proto/packet.def names them. Pure.

import { hex } from './format.js';

export type Value = number | string | readonly string[];

export interface Field {
  readonly name: string; // id, flags, audience ...
  readonly kind: string; // u8, u16, u32, u64; str; text or bytes, which are all that is left
  readonly bytes: Uint8Array;
  readonly value: Value; // of bytes in hexadecimal
}

export interface Taken {
  readonly fields: readonly Field[];
  readonly rest: Uint8Array; // what trails: a later version's
}

const WIDTHS: Readonly<Record<string, number>> = { u8: 1, u16: 2, u32: 4, u64: 8 };

const UTF8 = new TextDecoder();

class Payload {
  at = 0;
  private readonly data: Uint8Array;

  constructor(data: Uint8Array) {
    this.data = data;
  }

  // Throws a RangeError where there is less.
  bytes(length: number): Uint8Array {
    if (this.at + length > this.data.length) {
      throw new RangeError();
    }
    this.at += length;
    return this.data.subarray(this.at - length, this.at);
  }

  // Times since 1970 in ms are far below what a double holds exactly.
  number(width: number): number {
    return this.bytes(width).reduce((value, byte) => value * 256 + byte, 0);
  }

  str(): string {
    return UTF8.decode(this.bytes(this.number(1)));
  }

  rest(): Uint8Array {
    return this.bytes(this.data.length - this.at);
  }

  from(start: number): Uint8Array {
    return this.data.subarray(start, this.at);
  }
}

function take(kind: string, payload: Payload, before: readonly Field[]): Value {
  const width = WIDTHS[kind];
  if (width !== undefined) {
    return payload.number(width);
  }
  const [many] = kind.split(' x ');
  if (kind === 'str') {
    return payload.str();
  }
  if (kind.endsWith(' x str')) {
    const count = before.find(({ name }) => name === many)?.value;
    return Array.from({ length: typeof count === 'number' ? count : 0 }, () => payload.str());
  }
  const rest = payload.rest();
  return kind === 'bytes' ? hex(rest) : UTF8.decode(rest);
}

// Null where it does not fit.
export function fieldsOf(specs: readonly string[], data: Uint8Array): Taken | null {
  const payload = new Payload(data);
  const fields: Field[] = [];
  try {
    for (const spec of specs) {
      const [, kind = spec, name = spec] = /^(u\d+|str|\w+ x str) (.*)$/.exec(spec) ?? [];
      const start = payload.at;
      const value = take(kind, payload, fields);
      fields.push({ name, kind, bytes: payload.from(start), value });
    }
  } catch (error) {
    if (error instanceof RangeError) {
      return null;
    }
    throw error;
  }
  return { fields, rest: payload.rest() };
}

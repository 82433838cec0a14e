/* The payloads of tidegate.v1. */
import { IMError } from './errors.js'
import { decodeText, encodeText } from './packet.js'

const STRING_MAX = 255

/** Reads by a layout, of which each character is a field: `1` to `8` a number of so many bytes, big-endian, `s` a
 * string behind a byte of length, `l` a list of strings behind two bytes of length, `t` text up to the end, `b` a copy
 * of the bytes up to there. Throws where the payload ends too soon, or has what is no UTF-8; ignores what trails. */
export function readFields(layout: string, payload: Uint8Array): never[] {
  let at = 0
  const take = (size: number) => {
    const part = payload.subarray(at, (at += size))
    if (part.length < size) {
      throw 0
    }
    return part
  }
  const uint = (size: number) => take(size).reduce((sum, byte) => sum * 256 + byte, 0)
  const text = (size: number) => decodeText(take(size)) ?? take(Infinity)
  const string = () => text(uint(1))
  const kinds: { [kind: string]: () => unknown } = {
    s: string,
    l: () => Array.from({ length: uint(2) }, string),
    t: () => text(payload.length - at),
    b: () => payload.slice(at),
  }
  return [...layout].map((kind) => kinds[kind]?.() ?? uint(+kind)) as never[]
}

/** Throws an IMError for one that is too long to be written. */
export function stringField(text: string): number[] {
  const bytes = encodeText(text)
  if (bytes.length > STRING_MAX) {
    throw new IMError('bad-name', `over ${STRING_MAX} bytes`)
  }
  return [bytes.length, ...bytes]
}

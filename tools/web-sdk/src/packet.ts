/* The binary packet of the wire protocol: command (2 bytes), length (4 bytes), both big-endian, payload. */

export { PING, PONG, TEXT } from './commands.js'

const HEADER_LEN = 6

export interface Packet {
  command: number
  /** Where it lies in the message: copy it to keep it beyond the buffer's life. */
  payload: Uint8Array
}

export function encodePacket(command: number, payload: ArrayLike<number> = []): Uint8Array {
  const message = new Uint8Array(HEADER_LEN + payload.length)
  const header = new DataView(message.buffer)
  header.setUint16(0, command)
  header.setUint32(2, payload.length)
  message.set(payload, HEADER_LEN)
  return message
}

/** Reads one packet from one whole binary message; undefined where it is none. Never throws. */
export function decodePacket(message: unknown): Packet | undefined {
  try {
    // By shape, not by instanceof: a buffer of another realm (a frame, a test's sandbox) is as good.
    const { buffer = message as ArrayBuffer, byteOffset, byteLength } = message as ArrayBufferView
    const view = new DataView(buffer, byteOffset, byteLength)
    const payload = new Uint8Array(buffer, view.byteOffset + HEADER_LEN, view.byteLength - HEADER_LEN)
    return view.getUint32(2) === payload.length ? { command: view.getUint16(0), payload } : undefined
  } catch {
    return undefined // what is no bytes, and what is too short for a header
  }
}

/** The payload of a 102 as text; undefined where it is no UTF-8. */
export function decodeText(payload: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload)
  } catch {
    return undefined
  }
}

export function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function utf8Length(text: string): number {
  return encodeText(text).length
}

import { describe, expect, it, test } from 'vitest'
import { decodePacket, decodeText, encodePacket, TEXT } from '../../src/index.js'
import { parseMessage } from '../../src/message.js'
import { utf8Length } from '../../src/packet.js'
import { seeded } from './random.js'
import { bytes, vectors } from './vectors.js'

const hex = (data: Uint8Array) => Buffer.from(data).toString('hex')

describe('packets of the vectors', () => {
  test.each(vectors.packets)('$name', ({ hex: whole, valid, command, payload, text }) => {
    const packet = decodePacket(bytes(whole).buffer)
    if (!valid) {
      expect(packet).toBeUndefined()
      return
    }
    expect(packet && { command: packet.command, payload: hex(packet.payload) }).toEqual({ command, payload })
    expect(hex(encodePacket(command!, bytes(payload!)))).toBe(whole)
    if (text !== undefined) {
      expect(decodeText(packet!.payload)).toBe(text)
    }
  })

  test.each(vectors.packets.filter((row) => row.valid && row.command === TEXT))(
    'the text of `$name`',
    ({ payload, client }) => {
      expect(decodeText(bytes(payload!)) === undefined).toBe(client === 'close 4002')
    },
  )
})

describe('the codec', () => {
  it('reads a view that lies inside a larger buffer', () => {
    const buffer = Uint8Array.from([9, 9, 0, 102, 0, 0, 0, 1, 65, 9])
    for (const view of [buffer.subarray(2, 9), new DataView(buffer.buffer, 2, 7), Buffer.from(buffer.buffer, 2, 7)]) {
      const packet = decodePacket(view)
      expect(packet?.command).toBe(102)
      expect([...packet!.payload]).toEqual([65])
    }
  })

  it('takes what is no bytes for no packet', () => {
    for (const data of [undefined, null, '', 'text', 7, {}, [], [0, 100, 0, 0, 0, 0], new Blob(['x']), { byteLength: 6 }]) {
      expect(decodePacket(data)).toBeUndefined()
    }
  })

  it('keeps a byte order mark, as the gateway does', () => {
    expect(decodeText(Uint8Array.from([0xef, 0xbb, 0xbf, 0x41]))).toBe('\ufeffA')
  })

  it('counts bytes, not characters', () => {
    expect(utf8Length('é中😀')).toBe(2 + 3 + 4)
  })

  it('survives 20,000 random messages, and takes exactly the well-formed', () => {
    const random = seeded(102)
    const below = (n: number) => Math.floor(random() * n)
    let taken = 0
    for (let i = 0; i < 20_000; i++) {
      const message = Uint8Array.from({ length: below(24) }, () => below(256))
      if (random() < 0.5 && message.length >= 6) {
        new DataView(message.buffer).setUint32(2, message.length - 6 + (random() < 0.3 ? below(3) - 1 : 0))
      }
      const wellFormed = message.length >= 6 && new DataView(message.buffer).getUint32(2) === message.length - 6
      const packet = decodePacket(message.buffer)
      const back = packet && hex(encodePacket(packet.command, packet.payload))
      if (back !== (wellFormed ? hex(message) : undefined)) {
        expect.fail(`${hex(message)} became ${back}`)
      }
      taken += Number(wellFormed)
    }
    expect(taken).toBeGreaterThan(3_000)
  })

  it('takes back what it wrote, and nothing shorter or longer', () => {
    const random = seeded(7)
    for (let i = 0; i < 50; i++) {
      const payload = Uint8Array.from({ length: Math.floor(random() * 200) }, () => Math.floor(random() * 256))
      const message = encodePacket(Math.floor(random() * 65_536), payload)
      expect(hex(decodePacket(message)!.payload)).toBe(hex(payload))
      expect(decodePacket(Uint8Array.from([...message, 0]))).toBeUndefined()
      for (let len = 0; len < message.length; len++) {
        expect(decodePacket(message.subarray(0, len))).toBeUndefined()
      }
    }
  })
})

describe('who said it', () => {
  test.each(vectors.from)('$raw', ({ raw, text, from }) => {
    expect(parseMessage('text', raw)).toEqual({ kind: 'text', raw, text, from: from ?? undefined })
  })
})

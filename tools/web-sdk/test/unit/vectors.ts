/* tests/vectors.json, which the C tests are held against as well. */
import { readFileSync } from 'node:fs'
import type { IMErrorCode } from '../../src/index.js'

export type StateName = 'INIT' | 'CONNECTING' | 'CONNECTED' | 'RECONNECTING' | 'CLOSING' | 'CLOSED'

export type EventName =
  | 'login'
  | 'logout'
  | 'abort'
  | 'ready'
  | 'failed'
  | 'told'
  | 'timeout'
  | 'lost'
  | 'silent'
  | 'refused'
  | 'expired'
  | 'exhausted'
  | 'closed'

interface Vectors {
  packets: {
    name: string
    hex: string
    valid: boolean
    command?: number
    payload?: string
    text?: string
    client: string
    /** What a packet of tidegate.v1 says; null: its payload does not fit. */
    v1?: Record<string, unknown> | null
  }[]
  from: { raw: string; text: string; from: string | null }[]
  close_codes: {
    code: number
    action: 'stay' | 'refresh' | 'retry'
    retry_ms: boolean
    error: IMErrorCode
    reason: string
  }[]
  retry_ms: { reason: string; ms: number | null }[]
  backoff: {
    base_ms: number
    cap_ms: number
    uniform: number
    attempt: number
    retry_ms: number | null
    delay_ms: number
  }[]
  states: Record<StateName, number>
  events: Record<EventName, string>
  transitions: { state: StateName; event: EventName; path: [StateName, string][] }[]
}

const file = new URL('../../../../tests/vectors.json', import.meta.url)

export const vectors = JSON.parse(readFileSync(file, 'utf8')) as Vectors

export function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}

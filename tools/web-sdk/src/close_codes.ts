/* What a client does when its line ends with a close code: PROTOCOL section 5. */
import type { IMErrorCode } from './errors.js'

/** `stay`: closed for good. `refresh`: ask for a token once more. `retry`: back off and dial. */
export type CloseAction = 'stay' | 'refresh' | 'retry'

export interface AfterClose {
  action: CloseAction
  error: IMErrorCode
  /** How long the gateway asks to wait before the next dial, in milliseconds. */
  retryMs: number | undefined
}

export const NORMAL = 1000
const UNAUTHENTICATED = 3000
export const READ_TIMEOUT = 3008
export const KICKED = 4001
export const BAD_PACKET = 4002

const STAY: Record<number, IMErrorCode> = {
  [NORMAL]: 'network',
  1002: 'protocol',
  1007: 'protocol',
  1008: 'auth',
  1009: 'protocol',
  4000: 'auth',
  [KICKED]: 'kicked',
  [BAD_PACKET]: 'protocol',
}

export function afterClose(code: number, reason: string): AfterClose {
  const final = STAY[code]
  const refused = code === UNAUTHENTICATED
  return {
    action: final ? 'stay' : refused ? 'refresh' : 'retry',
    error: final ?? (refused ? 'auth' : code === READ_TIMEOUT ? 'timeout' : 'network'),
    retryMs: code === 1012 || code === 1013 ? parseRetryMs(reason) : undefined,
  }
}

/** N of exactly `retry_ms=N`; undefined for all else, and for more than a timer can hold. */
export function parseRetryMs(reason: string): number | undefined {
  const ms = Number(/^retry_ms=([0-9]{1,10})$/.exec(reason)?.[1])
  return ms <= LONGEST_TIMER ? ms : undefined
}

/** A longer setTimeout fires at once. */
export const LONGEST_TIMER = 0x7fffffff

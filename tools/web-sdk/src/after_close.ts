/* What a client does when its line ends with a close code. */
import { RANGES, RULES } from './close_codes.js'
import type { IMErrorCode } from './errors.js'

/** `stay`: closed for good. `refresh`: ask for a token once more. `retry`: back off and dial. */
export type CloseAction = 'stay' | 'refresh' | 'retry'

export interface AfterClose {
  action: CloseAction
  error: IMErrorCode
  /** How long the gateway asks to wait before the next dial, in milliseconds. */
  retryMs: number | undefined
}

export function afterClose(code: number, reason: string): AfterClose {
  const range = RANGES.find(([first, last]) => first <= code && code <= last)
  const [rule, error] = RULES[code] ?? range?.[2] ?? ['retry', 'network']
  return rule === 'retry after'
    ? { action: 'retry', error, retryMs: parseRetryMs(reason) }
    : { action: rule, error, retryMs: undefined }
}

/* Whoever asks for more does not mean it, or not us. */
const RETRY_MAX_MS = 600_000

/** N of exactly `retry_ms=N`, at most ten minutes; undefined for all else. */
export function parseRetryMs(reason: string): number | undefined {
  const ms = /^retry_ms=(\d+)$/.exec(reason)?.[1]
  return ms ? Math.min(+ms, RETRY_MAX_MS) : undefined
}

/** A longer setTimeout fires at once. */
export const LONGEST_TIMER = 0x7fffffff

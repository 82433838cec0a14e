/* What a client does when its line ends with a close code. */
import { RULES, type Rule } from './close_codes.js'
import type { IMErrorCode } from './errors.js'

/** `stay`: closed for good. `refresh`: ask for a token once more. `retry`: back off and dial. `retry after`: as the
 * gateway asks for it, the first login too. */
export type CloseAction = Rule[1]

/** The third: how long the gateway asks to wait before the next dial, in milliseconds. */
export function afterClose(code: number, reason: string): [CloseAction, IMErrorCode, number | undefined] {
  const rule = RULES.find(([first, , , last = first]) => first <= code && code <= last)
  const [, action, error] = rule ?? ([0, 'retry', 'network'] as const)
  return [action, error, action === 'retry after' ? parseRetryMs(reason) : undefined]
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

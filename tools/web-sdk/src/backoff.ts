import { LONGEST_TIMER } from './after_close.js'

/** Full jitter for each attempt alike, on top of the least that is to be waited: a herd that comes back together is
 * spread over the whole span from the first attempt on. The least is the gateway's own `retry_ms`, in front of later
 * attempts no less than base, so that a `retry_ms=0` cannot make a client hammer. */
export function backoffMs(
  { baseMs, capMs }: { baseMs: number; capMs: number },
  attempt: number,
  uniform: number,
  retryMs: number | undefined,
): number {
  const leastMs = attempt === 1 ? (retryMs ?? baseMs) : Math.max(retryMs ?? 0, baseMs)
  return Math.min(leastMs + Math.floor(uniform * Math.max(0, capMs - baseMs)), LONGEST_TIMER)
}

import { LONGEST_TIMER } from './after_close.js'

/* How much wider the span of the waits is from attempt to attempt, and how wide it begins: 8 s for the first. */
const STEP_MS = 2_000
const FIRST_STEPS = 4

/** Full jitter on top of the least that is to be waited. A herd that comes back together is spread over 8 s by the
 * first attempt, and with each further one over 2 s more, until the span ends at capMs: who finds nobody for long
 * knocks less often. The least is the gateway's own `retry_ms`, in front of later attempts no less than base, so that a
 * `retry_ms=0` cannot make a client hammer. */
export function backoffMs(
  { baseMs, capMs }: { baseMs: number; capMs: number },
  attempt: number,
  uniform: number,
  retryMs?: number | undefined,
): number {
  const leastMs = attempt === 1 ? (retryMs ?? baseMs) : Math.max(retryMs ?? 0, baseMs)
  const spanMs = Math.min(capMs - baseMs, STEP_MS * (FIRST_STEPS - 1 + attempt))
  return Math.min(leastMs + Math.floor(uniform * Math.max(0, spanMs)), LONGEST_TIMER)
}

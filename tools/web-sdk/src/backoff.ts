/** Full jitter between base and cap for each attempt alike: a herd that comes back together is spread over the
 * whole span from the first attempt on. The first attempt goes by the gateway's own `retry_ms`, later ones by
 * the longer of the two, so that a `retry_ms=0` cannot make a client hammer. */
export function backoffMs(
  { baseMs, capMs }: { baseMs: number; capMs: number },
  attempt: number,
  uniform: number,
  retryMs: number | undefined,
): number {
  if (retryMs !== undefined && attempt === 1) {
    return retryMs
  }
  return Math.max(retryMs ?? 0, Math.floor(baseMs + uniform * Math.max(0, capMs - baseMs)))
}

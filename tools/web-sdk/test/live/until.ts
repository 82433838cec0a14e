// Waiting for a condition instead of for a time.

export const TIMEOUT_MS = 20_000
const LOOK_EVERY_MS = 5

/** Resolves once `condition` holds; rejects, naming `what`, when it does not within `timeoutMs`. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = TIMEOUT_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`not within ${timeoutMs} ms: ${what}`)
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

/** For "nothing more happens": there is no condition to wait for, only a stretch of time to watch. */
export function watchFor(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

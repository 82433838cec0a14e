/* What a page tells of itself and of the network. In Node there is no page: then nothing is told. */

export interface PageOwner {
  /** The page is seen or runs again: look whether the line is still there. */
  woke(): void
  /** The network is back, or the page is back from the back/forward cache. */
  returned(): void
  /** The network is gone. */
  offline(): void
  /** The page goes into the back/forward cache, where no line may stay open. */
  left(): void
}

interface Target {
  addEventListener?(type: string, listener: (event: Event) => void): void
  removeEventListener?(type: string, listener: (event: Event) => void): void
}

/** Listens until the function it returns is called. */
export function watchPage(owner: PageOwner): () => void {
  const page: (Target & { visibilityState?: string }) | undefined = globalThis.document
  const rows: [Target | undefined, string, (event: Event) => void][] = [
    [page, 'visibilitychange', () => page?.visibilityState === 'visible' && owner.woke()],
    [page, 'resume', () => owner.woke()],
    [globalThis, 'pageshow', () => owner.returned()],
    [globalThis, 'online', () => owner.returned()],
    [globalThis, 'offline', () => owner.offline()],
    [globalThis, 'pagehide', (event) => (event as PageTransitionEvent).persisted && owner.left()],
  ]
  for (const [target, type, listener] of rows) {
    target?.addEventListener?.(type, listener)
  }
  return () => {
    for (const [target, type, listener] of rows) {
      target?.removeEventListener?.(type, listener)
    }
  }
}

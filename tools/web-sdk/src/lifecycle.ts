/* What a page tells of itself and of the network. In Node there is no page: then nothing is told. */

export type PageNews =
  /** The page is seen or runs again: look whether the line is still there. */
  | 'woke'
  /** The network is back, or the page is back from the back/forward cache. */
  | 'returned'
  /** The network is gone. */
  | 'offline'
  /** The page goes into the back/forward cache, where no line may stay open. */
  | 'left'

interface Target {
  addEventListener?(type: string, listener: (event: Event) => void): void
  removeEventListener?(type: string, listener: (event: Event) => void): void
}

/** Listens until the function it returns is called. */
export function watchPage(tell: (news: PageNews) => void): () => void {
  const page: (Target & { visibilityState?: string }) | undefined = globalThis.document
  const rows: [Target | undefined, string, (event: Event) => void][] = [
    [page, 'visibilitychange', () => page?.visibilityState === 'visible' && tell('woke')],
    [page, 'resume', () => tell('woke')],
    [globalThis, 'pageshow', () => tell('returned')],
    [globalThis, 'online', () => tell('returned')],
    [globalThis, 'offline', () => tell('offline')],
    [globalThis, 'pagehide', (event) => (event as PageTransitionEvent).persisted && tell('left')],
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

/* What a page tells of itself and of the network. In Node there is no page: then nothing is told. */

/* By the name of the event that says it best. */
export type PageNews =
  /** The page is seen or runs again: look whether the line is still there. */
  | 'resume'
  /** The network is back, or the page is back from the back/forward cache. */
  | 'online'
  /** The network is gone. */
  | 'offline'
  /** The page goes into the back/forward cache, where no line may stay open. */
  | 'pagehide'

interface Target {
  addEventListener?(type: string, listener: (event: Event) => void, options: { signal: AbortSignal }): void
}

/** Listens until the function it returns is called. */
export function watchPage(tell: (news: PageNews) => void): () => void {
  const page: (Target & { hidden?: boolean }) | undefined = globalThis.document
  const watch = new AbortController()
  const rows: [Target | undefined, string, (event: Event) => void][] = [
    [page, 'visibilitychange', () => page!.hidden || tell('resume')],
    [page, 'resume', () => tell('resume')],
    [globalThis, 'pageshow', () => tell('online')],
    [globalThis, 'online', () => tell('online')],
    [globalThis, 'offline', () => tell('offline')],
    [globalThis, 'pagehide', (event) => (event as PageTransitionEvent).persisted && tell('pagehide')],
  ]
  for (const [target, type, listener] of rows) {
    target?.addEventListener?.(type, listener, watch)
  }
  return () => watch.abort()
}

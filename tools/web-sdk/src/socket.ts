/* What the client uses of a WebSocket. `terminate` is of `ws`, and of what dial_node.ts makes: it ends a line whose
 * peer does not answer. */
export interface Socket {
  binaryType: string
  readonly readyState: number
  onopen: ((event: unknown) => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onerror: ((event: unknown) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
  send(data: string | Uint8Array): void
  close(code?: number, reason?: string): void
  terminate?(): void
}

/** An error below the WebSocket, where the host tells of it: `ws` and Node do, no browser does. */
export interface HostError {
  readonly message?: string
  readonly code?: string
}

/* What the client uses of a WebSocket. `terminate` is of `ws`, and of what dial_node.ts makes: it ends a line whose
 * peer does not answer. `failure` is of the latter alone. */
export interface Socket {
  binaryType: string
  readonly readyState: number
  onopen: ((event: unknown) => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onerror: ((event: { error?: HostError }) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
  send(data: string | Uint8Array): void
  close(code?: number, reason?: string): void
  terminate?(): void
  failure?: HostError | undefined
}

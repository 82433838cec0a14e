/* One attempt's WebSocket. It speaks to its owner until it is dropped, and never after. */
import { dial } from '#dial'
import { nothing } from './defer.js'
import type { WebSocketConstructor } from './options.js'
import type { HostError, Socket } from './socket.js'

const OPEN = 1

export interface LineOwner {
  opened(readyState: number): void
  received(data: unknown): void
  /** For the log only: what it means is told by `ended`, which follows. */
  troubled(event: unknown): void
  /** `cause`: the host's own error, where it tells one. Then `reason` has its words, unless the peer gave some. */
  ended(code: number, reason: string, cause?: unknown): void
}

export interface Line {
  readonly socket: Socket
  /** False where the socket does not take it, as it is not open (any more). */
  send(data: string | Uint8Array): boolean
  /** Begins the closing handshake; `ended` tells of its end. */
  close(code: number, reason: string): void
  /** Lets go of the socket, in whatever state it is. Its close event is not waited for: a browser may take minutes
   * to give it. */
  drop(code?: number, reason?: string): void
}

/** Dials. Throws what the constructor throws. */
export function openLine(
  WebSocket: WebSocketConstructor | undefined,
  url: string,
  protocols: string[],
  owner: LineOwner,
): Line {
  const socket = dial(WebSocket, url, protocols)
  let dropped = false
  let opened = false
  let cause: HostError | undefined
  // An event may be on its way already when the socket is dropped.
  const heard =
    <E>(tell: (event: E) => void) =>
    (event: E) =>
      dropped || tell(event)
  const end = (code: number, reason: string) => owner.ended(code, reason || cause?.message || cause?.code || '', cause)
  socket.binaryType = 'arraybuffer'
  socket.onopen = heard(() => {
    opened = true
    owner.opened(socket.readyState)
  })
  socket.onmessage = heard(({ data }) => owner.received(data))
  socket.onerror = heard((event) => {
    TUTORIAL: owner.troubled(event)
    cause = socket.failure ?? event.error
    // Node's own WebSocket gives no close event then, and the others' is always this one.
    if (!opened) {
      end(1006, '')
    }
  })
  socket.onclose = heard(({ code, reason }) => end(code, reason))

  return {
    socket,

    send(data) {
      if (socket.readyState !== OPEN) {
        return false
      }
      socket.send(data)
      return true
    },

    close(code, reason) {
      socket.onmessage = nothing
      socket.close(code, reason)
    },

    drop(code, reason) {
      dropped = true
      // Not null: `ws` throws an error that nobody listens to.
      socket.onopen = socket.onmessage = socket.onerror = socket.onclose = nothing
      socket.close(code, code ? reason : undefined) // browsers refuse a reason without a code
      socket.terminate?.()
    },
  }
}

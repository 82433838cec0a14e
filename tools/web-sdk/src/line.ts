/* One attempt's WebSocket. It speaks to its owner until it is dropped, and never after. */
import { dial } from '#dial'
import type { WebSocketConstructor } from './options.js'
import type { Socket } from './socket.js'

const OPEN = 1

export interface LineOwner {
  opened(readyState: number): void
  received(data: unknown): void
  /** For the log only: what it means is told by `ended`, which follows. */
  troubled(event: unknown): void
  ended(code: number, reason: string): void
}

const nothing = () => {}

export class Line {
  socket: Socket | undefined

  /** Dials. Throws what the constructor throws. */
  open(WebSocket: WebSocketConstructor | undefined, url: string, owner: LineOwner): void {
    const socket = dial(WebSocket, url)
    this.socket = socket
    // An event may be on its way already when the socket is dropped.
    const heard =
      <E>(tell: (event: E) => void) =>
      (event: E) =>
        this.socket === socket && tell(event)
    let opened = false
    socket.binaryType = 'arraybuffer'
    socket.onopen = heard(() => {
      opened = true
      owner.opened(socket.readyState)
    })
    socket.onmessage = heard(({ data }) => owner.received(data))
    socket.onerror = heard((event) => {
      owner.troubled(event)
      // Node's own WebSocket gives no close event then, and the others' is always this one.
      if (!opened) {
        owner.ended(1006, '')
      }
    })
    socket.onclose = heard(({ code, reason }) => owner.ended(code, reason))
  }

  /** False where the socket does not take it, as it is not open (any more). */
  send(data: string | Uint8Array): boolean {
    if (this.socket?.readyState !== OPEN) {
      return false
    }
    this.socket.send(data)
    return true
  }

  /** Begins the closing handshake; `ended` tells of its end. */
  close(code: number, reason: string): void {
    if (this.socket) {
      this.socket.onmessage = nothing
      this.socket.close(code, reason)
    }
  }

  /** Lets go of the socket, in whatever state it is. Its close event is not waited for: a browser may take minutes
   * to give it. */
  drop(code?: number, reason?: string): void {
    const socket = this.socket
    this.socket = undefined
    if (!socket) {
      return
    }
    // Not null: `ws` throws an error that nobody listens to.
    socket.onopen = socket.onmessage = socket.onerror = socket.onclose = nothing
    if (code === undefined) {
      socket.close() // browsers refuse a reason without a code
    } else {
      socket.close(code, reason)
    }
    socket.terminate?.()
  }
}

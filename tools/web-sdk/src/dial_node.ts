/* Makes a WebSocket, in Node. Node's own cannot be ended but by its peer: once the network has swallowed its line,
 * the TCP socket below holds the process until TCP gives up, a quarter of an hour later. That socket passes through
 * the dispatcher of undici, the client inside Node, which is therefore stood in for while the WebSocket is made.
 * A Node whose undici keeps its dispatcher elsewhere notices nothing, and its WebSocket is as it was. */
import { dial as dialPlain } from './dial.js'
import type { WebSocketConstructor } from './options.js'
import type { Socket } from './socket.js'

interface Handler {
  onUpgrade?(status: number, headers: unknown, socket: { destroy(): void }): unknown
}

interface Dispatcher {
  dispatch(options: unknown, handler: Handler): boolean
}

const DISPATCHER = Symbol.for('undici.globalDispatcher.1')

export function dial(given: WebSocketConstructor | undefined, url: string): Socket {
  void (given ?? globalThis.WebSocket) // Node loads undici when it is asked for it first
  const node = globalThis as { [DISPATCHER]?: Dispatcher }
  const dispatcher = node[DISPATCHER]
  if (!dispatcher) {
    return dialPlain(given, url)
  }
  let raw: { destroy(): void } | undefined
  node[DISPATCHER] = {
    dispatch(options, handler) {
      const upgrade = handler.onUpgrade
      if (upgrade) {
        handler.onUpgrade = (...args) => {
          raw = args[2]
          return upgrade.apply(handler, args)
        }
      }
      return dispatcher.dispatch(options, handler)
    },
  }
  try {
    const socket = dialPlain(given, url)
    socket.terminate ??= () => raw?.destroy()
    return socket
  } finally {
    node[DISPATCHER] = dispatcher
  }
}

/* Makes a WebSocket. Node has a module of its own for that: dial_node.ts, which package.json puts in the place of
 * this one. */
import type { WebSocketConstructor } from './options.js'
import type { Socket } from './socket.js'

/** Throws what the constructor throws, and where there is none. */
export function dial(given: WebSocketConstructor | undefined, url: string, protocols: string[]): Socket {
  return new (given ?? globalThis.WebSocket)(url, protocols) as unknown as Socket
}

/* Makes a WebSocket, in Node. Node's own cannot be ended but by its peer: once the network has swallowed its line, the
 * TCP socket below holds the process until TCP gives up, a quarter of an hour later; and it keeps to itself why a dial
 * failed. Both pass through the dispatcher of undici, the client inside Node, which is therefore stood in for while the
 * WebSocket is made. A Node whose undici keeps its dispatcher elsewhere notices nothing, and its WebSocket is as it was. */
import { Socket as TcpSocket } from 'node:net'
import { dial as dialPlain } from './dial.js'
import type { WebSocketConstructor } from './options.js'
import type { HostError, Socket } from './socket.js'

/* What a request's handler is told: up to undici 7 by the first name of each pair, from 8 on by the second, with a
 * controller in front. Undici 7 has both and uses one. */
type Told = 'onUpgrade' | 'onRequestUpgrade' | 'onError' | 'onResponseError'
type Handler = { [K in Told]?: (...args: unknown[]) => unknown }

interface Dispatcher {
  dispatch(options: unknown, handler: Handler): boolean
}

/* Up to undici 7, and from 8 on: each knows only its own handlers, so both are stood in for. */
const DISPATCHERS = [Symbol.for('undici.globalDispatcher.1'), Symbol.for('undici.globalDispatcher.2')] as const

export function dial(given: WebSocketConstructor | undefined, url: string, protocols: string[]): Socket {
  void (given ?? globalThis.WebSocket) // Node loads undici when it is asked for it first
  const node = globalThis as { [key: symbol]: Dispatcher | undefined }
  const own = DISPATCHERS.map((key) => [key, node[key]] as const)
  const below = new Below()
  try {
    for (const [key, dispatcher] of own) {
      if (dispatcher) {
        node[key] = { dispatch: (options, handler) => below.dispatch(dispatcher, options, handler) }
      }
    }
    const socket = dialPlain(given, url, protocols)
    socket.terminate ??= () => below.end()
    below.failed = (error) => (socket.failure = error)
    return socket
  } finally {
    for (const [key, dispatcher] of own) {
      if (dispatcher) {
        node[key] = dispatcher
      }
    }
  }
}

/* What lies below one WebSocket. */
class Below {
  failed: (error: HostError) => void = () => {}
  end = () => {}

  dispatch(dispatcher: Dispatcher, options: unknown, handler: Handler): boolean {
    // Behind the upgrade nobody would hear an error.
    const upgraded = (tcp: TcpSocket) => (this.end = () => tcp.destroy())
    listen(handler, 'onUpgrade', (_status, _headers, tcp) => upgraded(tcp as TcpSocket))
    listen(handler, 'onRequestUpgrade', (_controller, _status, _headers, tcp) => upgraded(tcp as TcpSocket))
    listen(handler, 'onError', (error) => this.failed(error as HostError))
    listen(handler, 'onResponseError', (_controller, error) => this.failed(error as HostError))
    return this.#watchConnect(() => dispatcher.dispatch(options, handler))
  }

  /* A dial without an answer has no upgrade yet: its TCP socket is seen where it connects, which is at once. Only by
   * an error undici learns that it is gone. */
  #watchConnect<T>(dispatch: () => T): T {
    const below = this
    const { connect } = TcpSocket.prototype
    TcpSocket.prototype.connect = function (this: TcpSocket, ...args: unknown[]) {
      below.end = () => this.destroy(new Error('given up'))
      return connect.apply(this, args as never)
    } as typeof connect
    try {
      return dispatch()
    } finally {
      TcpSocket.prototype.connect = connect
    }
  }
}

function listen(handler: Handler, name: Told, hear: (...args: unknown[]) => void): void {
  const original = handler[name]
  if (original) {
    handler[name] = (...args) => {
      hear(...args)
      return original.apply(handler, args)
    }
  }
}

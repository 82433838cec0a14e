/* How Node's own WebSocket is made one that can be ended, and tells why a dial failed; with the real one of each Node
 * see test/package. */
import { Socket as TcpSocket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { dial } from '../../src/dial_node.js'

type Handler = Record<string, (...args: unknown[]) => unknown>
interface Dispatcher {
  dispatch(options: unknown, handler: Handler): unknown
}

const KEYS = [1, 2].map((version) => Symbol.for(`undici.globalDispatcher.${version}`))
const node = globalThis as { [key: symbol]: Dispatcher | undefined }
const before = KEYS.map((key) => node[key])
const { connect } = TcpSocket.prototype

const raw = { destroy: vi.fn() }
const cause = new Error('refused')
/* What a dispatcher tells its handler of. */
let tells: (handler: Handler) => void
const owns = KEYS.map(() => ({ dispatch: vi.fn((_options: unknown, handler: Handler) => tells(handler)) }))

beforeEach(() => {
  KEYS.forEach((key, i) => (node[key] = owns[i]))
})

afterEach(() => {
  // Whatever the dial has done meanwhile.
  expect(KEYS.map((key) => node[key])).toEqual(owns)
  expect(TcpSocket.prototype.connect).toBe(connect)
  KEYS.forEach((key, i) => (node[key] = before[i]))
  vi.clearAllMocks()
})

/* A WebSocket that takes the dispatcher of that moment, as Node's does, and asks it then or later. */
function asking(key: symbol, handler: Handler, properties: object = {}, when: (ask: () => void) => void = (ask) => ask()) {
  return class {
    readyState = 0
    constructor(readonly url: string) {
      Object.assign(this, properties)
      const dispatcher = node[key]!
      when(() => dispatcher.dispatch({ url }, handler))
    }
    send(): void {}
    close(): void {}
  }
}

const LATER: [string, (ask: () => void) => void][] = [
  ['at once', (ask) => ask()],
  ['later', (ask) => void Promise.resolve().then(ask)],
]

describe.each([
  ['up to undici 7', 0, 'onUpgrade', [101, [], raw], 'onError', [cause]],
  ['from undici 8 on', 1, 'onRequestUpgrade', [{}, 101, {}, raw], 'onResponseError', [{}, cause]],
] as const)('%s', (_name, which, onUpgrade, upgrade, onError, error) => {
  it.each(LATER)('takes the TCP socket as it passes, and ends it: asked %s', async (_when, when) => {
    const hook = vi.fn()
    tells = (handler) => handler[onUpgrade]!(...upgrade)
    const socket = dial(asking(KEYS[which]!, { [onUpgrade]: hook }, {}, when), 'ws://h/', [])
    await Promise.resolve()
    expect(owns[which]!.dispatch.mock.calls[0]![0]).toEqual({ url: 'ws://h/' })
    expect(hook).toHaveBeenCalledExactlyOnceWith(...upgrade)
    expect(raw.destroy).not.toHaveBeenCalled()
    socket.terminate!()
    expect(raw.destroy).toHaveBeenCalledExactlyOnceWith()
  })

  it('takes the TCP socket that still connects, and ends it by an error, which undici hears', async () => {
    const tcp = new TcpSocket()
    tells = () => void tcp.connect({ port: 9, host: 'gateway', lookup: () => {} })
    const socket = dial(asking(KEYS[which]!, {}), 'ws://h/', [])
    const failed = new Promise((resolve) => tcp.once('error', resolve))
    socket.terminate!()
    expect(await failed).toMatchObject({ message: 'given up' })
    expect(tcp.destroyed).toBe(true)
  })

  it.each(LATER)('keeps why it failed: asked %s', async (_when, when) => {
    const hook = vi.fn()
    tells = (handler) => handler[onError]!(...error)
    const socket = dial(asking(KEYS[which]!, { [onError]: hook }, {}, (ask) => when(() => queueMicrotask(ask))), 'ws://h/', [])
    await Promise.resolve()
    await Promise.resolve()
    expect(hook).toHaveBeenCalledExactlyOnceWith(...error)
    expect(socket.failure).toBe(cause)
  })
})

it('has nothing to end where none has passed', () => {
  tells = () => {}
  expect(() => dial(asking(KEYS[0]!, {}), 'ws://h/', []).terminate!()).not.toThrow()
  expect(owns[0]!.dispatch).toHaveBeenCalledOnce()
})

it('leaves a WebSocket its own way to end', () => {
  const terminate = vi.fn()
  tells = (handler) => handler.onUpgrade!(101, [], raw)
  dial(asking(KEYS[0]!, { onUpgrade() {} }, { terminate }), 'ws://h/', []).terminate!()
  expect(terminate).toHaveBeenCalledOnce()
  expect(raw.destroy).not.toHaveBeenCalled()
})

it('adds no dispatcher where there is none', () => {
  const key = KEYS[1]!
  node[key] = undefined
  let seen: unknown
  const WebSocket = class {
    constructor() {
      seen = node[key]
    }
  }
  dial(WebSocket as never, 'ws://h/', [])
  expect(seen).toBeUndefined()
  node[key] = owns[1]
})

it('passes on what the constructor throws', () => {
  const WebSocket = class {
    constructor() {
      throw new SyntaxError('no address')
    }
  }
  expect(() => dial(WebSocket as never, 'ws://h/', [])).toThrow('no address')
})

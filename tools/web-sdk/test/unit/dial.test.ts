/* How Node's own WebSocket is made one that can be ended; with the real one see test/package. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { dial } from '../../src/dial_node.js'

const DISPATCHER = Symbol.for('undici.globalDispatcher.1')
const node = globalThis as { [DISPATCHER]?: { dispatch: (options: unknown, handler: object) => unknown } | undefined }

const raw = { destroy: vi.fn() }
const own = { dispatch: vi.fn((_options, handler) => handler.onUpgrade?.(101, [], raw)) }
let before: typeof own | undefined

beforeEach(() => {
  before = node[DISPATCHER] as typeof before
  node[DISPATCHER] = own
})

afterEach(() => {
  expect(node[DISPATCHER]).toBe(own) // whatever the dial has done meanwhile
  node[DISPATCHER] = before
  vi.clearAllMocks()
})

/* A WebSocket that asks the dispatcher of that moment, as Node's does. */
function asking(handler: object, properties: object = {}) {
  return class {
    readyState = 0
    constructor(readonly url: string) {
      Object.assign(this, properties)
      node[DISPATCHER]!.dispatch({ url }, handler)
    }
    send(): void {}
    close(): void {}
  }
}

it('takes the TCP socket as it passes, and ends it', () => {
  const onUpgrade = vi.fn()
  const socket = dial(asking({ onUpgrade }), 'ws://h/')
  expect(own.dispatch.mock.calls[0]![0]).toEqual({ url: 'ws://h/' })
  expect(onUpgrade).toHaveBeenCalledExactlyOnceWith(101, [], raw)
  expect(raw.destroy).not.toHaveBeenCalled()
  socket.terminate!()
  expect(raw.destroy).toHaveBeenCalledOnce()
})

it('has nothing to end where none has passed', () => {
  expect(() => dial(asking({}), 'ws://h/').terminate!()).not.toThrow()
  expect(own.dispatch).toHaveBeenCalledOnce()
})

it('leaves a WebSocket its own way to end', () => {
  const terminate = vi.fn()
  dial(asking({ onUpgrade() {} }, { terminate }), 'ws://h/').terminate!()
  expect(terminate).toHaveBeenCalledOnce()
  expect(raw.destroy).not.toHaveBeenCalled()
})

it('passes on what the constructor throws', () => {
  const WebSocket = class {
    constructor() {
      throw new SyntaxError('no address')
    }
  }
  expect(() => dial(WebSocket as never, 'ws://h/')).toThrow('no address')
})

/* What fails at once: mistakes of who calls, and a host that lacks what the client needs. */
import { describe, expect, it, test, vi } from 'vitest'
import { IMClient, IMError, type ClientOptions } from '../../src/index.js'
import { ScriptedGateway, useScript } from './scripted.js'

useScript()

const { WebSocket } = new ScriptedGateway()

describe('a mistake', () => {
  const URL_WANTED = 'url must be ws:, wss:, http: or https:'
  const make = (options: Partial<ClientOptions>) => () =>
    new IMClient({ url: 'ws://h', user: 'u', WebSocket, ...options } as ClientOptions)

  test.each([undefined, null, '', 'gateway', 'localhost:8000', 'ftp://h/', '/relative', 'ws:', 'http://'])(
    'of the URL: %s',
    (url) => {
      expect(make({ url: url as string })).toThrow(new TypeError(URL_WANTED))
      expect(() => new IMClient(url as string, 'u', { WebSocket })).toThrow(TypeError)
    },
  )

  it('of the URL shows nothing of it, as it may hold a secret', () => {
    const { message, stack } = failure(make({ url: 'gateway?token=secret' }))
    expect(message + stack).not.toContain('secret')
  })

  test.each([undefined, null, '', ' ', 7, {}])('of the user: %s', (user) => {
    expect(make({ user: user as string })).toThrow(new TypeError(`user must be a name: ${user}`))
    expect(() => new IMClient('ws://h', user as string, { WebSocket })).toThrow(TypeError)
  })

  it('is none where a page has an address to be relative to', () => {
    vi.stubGlobal('location', { href: 'https://example.org/app/page' })
    expect(make({ url: '/chat' })).not.toThrow()
    expect(make({ url: '' })).not.toThrow()
    expect(make({ url: undefined as never })).toThrow(TypeError)
    vi.stubGlobal('location', { href: 'file:///home/page.html' })
    expect(make({ url: 'chat' })).toThrow(TypeError)
  })
})

describe('a host without', () => {
  test.each(['WebSocket', 'TextEncoder', 'TextDecoder'])('%s', (name) => {
    const options = { url: 'ws://h', user: 'u', ...(name !== 'WebSocket' && { WebSocket }) }
    vi.stubGlobal(name, undefined)
    const error = failure(() => new IMClient(options))
    expect(error).toBeInstanceOf(IMError)
    expect(error).toMatchObject({ code: 'unsupported' })
    expect(error.message).toBe(`no ${name}: set globalThis.${name}`)
  })

  it('a WebSocket takes the one that is given', () => {
    vi.stubGlobal('WebSocket', undefined)
    expect(() => new IMClient({ url: 'ws://h', user: 'u', WebSocket })).not.toThrow()
  })
})

function failure(make: () => unknown): Error {
  try {
    make()
  } catch (error) {
    return error as Error
  }
  throw new Error('it did not fail')
}

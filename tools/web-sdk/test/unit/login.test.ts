import { describe, expect, it, test, vi } from 'vitest'
import { IMError, State } from '../../src/index.js'
import { client, connected, pass, ScriptedGateway, useScript, watch } from './scripted.js'

useScript()

describe('login', () => {
  it('succeeds with the first frame, whatever it is', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    const seen = watch(c)
    const login = c.login()
    await pass(0)
    gateway.newest.open()
    gateway.newest.message('early -- FROM bob')
    expect(await login).toEqual({ status: 'Success' })
    expect(seen.events.message.map(({ text }) => text)).toEqual(['early'])
  })

  it('asks for that frame by a ping', async () => {
    const gateway = new ScriptedGateway()
    void client(gateway).login()
    await pass(0)
    gateway.newest.open()
    expect(gateway.newest.sent).toEqual([Uint8Array.of(0, 100, 0, 0, 0, 0)])
  })

  it('fails by the first cut, without another dial', async () => {
    const gateway = new ScriptedGateway().refuse()
    const c = client(gateway)
    const seen = watch(c)
    expect(await c.login()).toMatchObject({ status: 'LoginFailed', error: { code: 'network' } })
    await pass(60_000)
    expect(gateway.sockets.length).toBe(1)
    expect(seen.events.closed).toMatchObject([{ reason: 'network', code: 1006 }])
  })

  it.each([
    ['a malformed packet', new ArrayBuffer(3)],
    ['a text that is no UTF-8', Uint8Array.of(0, 102, 0, 0, 0, 1, 0xff).buffer],
  ])('fails by a first frame that is %s', async (_what, data) => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    const seen = watch(c)
    const login = c.login()
    await pass(0)
    gateway.newest.open()
    gateway.newest.message(data)
    expect(await login).toMatchObject({ status: 'LoginFailed', error: { code: 'protocol' } })
    expect(gateway.newest.closed).toEqual({ code: 4002, reason: 'bad packet' })
    expect(seen.states.map(([state]) => state)).toEqual(['CONNECTING', 'CLOSED'])
  })

  it('fails by an error before the opening, which Node tells without a close', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    const seen = watch(c)
    const login = c.login()
    await pass(0)
    gateway.newest.onerror?.({})
    expect(await login).toMatchObject({ status: 'LoginFailed', error: { code: 'network' } })
    gateway.newest.end(1006)
    await pass(0)
    expect(seen.events.closed).toMatchObject([{ reason: 'network', code: 1006 }])
  })

  it('goes on after an error behind the opening: its close says why', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    const login = c.login()
    await pass(0)
    gateway.newest.open()
    gateway.newest.onerror?.({})
    expect(c.state).toBe(State.CONNECTING)
    gateway.newest.end(4000)
    expect(await login).toMatchObject({ error: { code: 'auth' } })
  })

  it('fails where the constructor throws', async () => {
    const refusal = new SyntaxError('mixed content')
    const WebSocket = class {
      constructor() {
        throw refusal
      }
    }
    const { status, error } = await client(new ScriptedGateway(), { WebSocket: WebSocket as never }).login()
    expect(status).toBe('LoginFailed')
    expect(error).toBeInstanceOf(IMError)
    expect(error).toMatchObject({ code: 'network', cause: refusal })
  })

  it.each([
    ['its words', { message: 'connect ECONNREFUSED 127.0.0.1:9', code: 'ECONNREFUSED' }, 'connect ECONNREFUSED 127.0.0.1:9'],
    ['its code, where it has no words', { message: '', code: 'ECONNREFUSED' }, 'ECONNREFUSED'],
  ])('tells why the dial failed where the host does: by %s', async (_what, cause, words) => {
    const gateway = new ScriptedGateway()
    const login = client(gateway).login()
    await pass(0)
    gateway.newest.onerror?.({ error: cause })
    const { error } = await login
    expect(error).toMatchObject({ code: 'network', message: `close 1006: ${words}` })
    expect(error!.cause).toBe(cause)
  })

  it('tells what the constructor throws', async () => {
    const WebSocket = class extends new ScriptedGateway().WebSocket {
      constructor(url: string) {
        super(url)
        throw new SyntaxError('insecure')
      }
    }
    const { error } = await client(new ScriptedGateway(), { WebSocket }).login()
    expect(error).toMatchObject({ code: 'network', message: 'SyntaxError: insecure', cause: { name: 'SyntaxError' } })
  })

  it('waits where the gateway asks for it, and is then a line like any other', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    const seen = watch(c)
    const login = c.login()
    await pass(0)
    gateway.newest.end(1013, 'retry_ms=1500')
    await pass(0)
    expect(seen.events.reconnecting).toMatchObject([{ attempt: 1, error: { code: 'network' } }])
    gateway.refuse()
    await pass(60_000)
    expect(seen.events.reconnecting.length).toBeGreaterThan(3) // what fails then is backed off from
    gateway.serve()
    await pass(30_000)
    expect(await login).toEqual({ status: 'Success' })
    expect(seen.states.map(([state]) => state)).toEqual(['CONNECTING', 'RECONNECTING', 'CONNECTED'])
  })

  it('waits no longer when it is logged out', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    const login = c.login()
    await pass(0)
    gateway.newest.end(1012, 'retry_ms=1500')
    await c.logout()
    expect(await login).toMatchObject({ status: 'LoginFailed', error: { code: 'aborted' } })
    await pass(60_000)
    expect(gateway.sockets.length).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('takes the WebSocket of the platform', async () => {
    const gateway = new ScriptedGateway().serve()
    vi.stubGlobal('WebSocket', gateway.WebSocket)
    expect(await client(gateway, { WebSocket: undefined }).login()).toEqual({ status: 'Success' })
  })

  it('works again after each end', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c } = await connected(gateway)
    gateway.newest.end(4001)
    expect(await c.login()).toEqual({ status: 'Success' })
    await c.logout()
    expect(await c.login()).toEqual({ status: 'Success' })
  })

  it('starts with a clean slate', async () => {
    const gateway = new ScriptedGateway().serve()
    const getToken = vi.fn(() => 't')
    const { c, socket, seen } = await connected(gateway, { getToken, reconnect: { maxAttempts: 1 } })
    socket.end(1006)
    await pass(10_000)
    gateway.newest.end(1006)
    await pass(0)
    expect(c.state).toBe(State.CLOSED) // its one attempt is used up
    await c.login()
    gateway.newest.end(3000)
    await pass(0)
    gateway.newest.end(3000)
    await pass(0)
    expect(c.state).toBe(State.CLOSED) // so is its second token
    await c.login()
    gateway.newest.end(3000)
    await pass(0)
    expect(c.state).toBe(State.CONNECTED)
    gateway.newest.end(1006)
    await pass(0)
    expect(seen.events.reconnecting.map(({ attempt }) => attempt)).toEqual([1, 1])
  })

  it('while closing lets go of the old line, and logout resolves', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket } = await connected(gateway)
    gateway.hungUp = undefined
    const logout = c.logout()
    const login = c.login()
    await logout
    expect(await login).toEqual({ status: 'Success' })
    socket.haunt()
    expect(c.state).toBe(State.CONNECTED)
  })

  it('while reconnecting waits for the outcome, and does not dial sooner', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket, seen } = await connected(gateway)
    socket.end(1006)
    await pass(0)
    const login = c.login()
    await pass(seen.events.reconnecting[0]!.delayMs - 1)
    expect(gateway.sockets.length).toBe(1)
    await pass(1)
    expect(await login).toEqual({ status: 'Success' })
  })
})

describe('the signal of a login', () => {
  it('that has fired already prevents it', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    expect(await c.login({ signal: AbortSignal.abort() })).toMatchObject({
      status: 'LoginFailed',
      error: { code: 'aborted' },
    })
    expect(c.state).toBe(State.INIT)
    expect(gateway.sockets.length).toBe(0)
  })

  it('ends it', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    const seen = watch(c)
    const abort = new AbortController()
    const logins = [c.login(), c.login({ signal: abort.signal })]
    await pass(0)
    gateway.newest.open()
    abort.abort()
    for (const login of logins) {
      expect(await login).toMatchObject({ status: 'LoginFailed', error: { code: 'aborted' } })
    }
    expect(gateway.live).toBe(0)
    expect(seen.events.closed).toMatchObject([{ reason: 'aborted' }])
    expect(vi.getTimerCount()).toBe(0)
  })

  it('means nothing after it, and is let go', async () => {
    const gateway = new ScriptedGateway().serve()
    const c = client(gateway)
    const abort = new AbortController()
    const added = vi.spyOn(abort.signal, 'addEventListener')
    const removed = vi.spyOn(abort.signal, 'removeEventListener')
    await c.login({ signal: abort.signal })
    await pass(0)
    expect(removed.mock.calls).toEqual(added.mock.calls)
    abort.abort()
    await pass(0)
    expect(c.state).toBe(State.CONNECTED)
  })
})

describe('a token', () => {
  it('is asked for before each dial', async () => {
    const gateway = new ScriptedGateway().serve()
    let asked = 0
    const { socket } = await connected(gateway, { getToken: async () => `t${++asked}` })
    socket.end(1006)
    await pass(10_000)
    expect(gateway.sockets.map(({ protocols }) => protocols)).toEqual([
      ['tidegate.v0', 'tidegate.token.t1'],
      ['tidegate.v0', 'tidegate.token.t2'],
    ])
    expect(gateway.newest.url).toBe('ws://gateway/?user=ccc')
  })

  it('is no subprotocol of its own where there is none', async () => {
    const gateway = new ScriptedGateway().serve()
    await connected(gateway)
    expect(gateway.newest.protocols).toEqual([])
    await connected(gateway, { getToken: () => '' })
    expect(gateway.newest.protocols).toEqual([])
  })

  it('that a subprotocol cannot hold reaches no error of the WebSocket', async () => {
    const gateway = new ScriptedGateway().serve()
    await connected(gateway, { getToken: () => 'a b,"=' })
    expect(gateway.newest.protocols[1]).toBe('tidegate.token.a%20b%2C%22%3D')
  })

  it('refused at login is asked for once more, dialed at once, then it stays closed', async () => {
    const gateway = new ScriptedGateway()
    const getToken = vi.fn(async (_again: boolean) => 't')
    const c = client(gateway, { getToken })
    const seen = watch(c)
    const login = c.login()
    await pass(0)
    for (let dial = 1; dial <= 2; dial++) {
      await pass(0)
      expect(gateway.sockets.length).toBe(dial)
      gateway.newest.open()
      gateway.newest.end(3000)
    }
    expect(await login).toMatchObject({ status: 'LoginFailed', error: { code: 'auth' } })
    await pass(60_000)
    expect(getToken.mock.calls).toEqual([[false], [true]])
    expect(gateway.sockets.length).toBe(2)
    expect(seen.events.closed).toMatchObject([{ reason: 'auth', code: 3000 }])
    expect(seen.events.error).toMatchObject([{ code: 'auth' }, { code: 'auth' }])
  })

  it('that expires on a live line is asked for once more, each time', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, seen } = await connected(gateway, { getToken: () => 't', reconnect: { maxAttempts: 0 } })
    for (let hour = 1; hour <= 3; hour++) {
      await pass(3_600_000)
      gateway.newest.end(3000)
      await pass(0)
      expect(c.state).toBe(State.CONNECTED)
      expect(gateway.sockets.length).toBe(1 + hour)
    }
    expect(seen.events.reconnected.length).toBe(3)
    gateway.newest.end(3000)
    await pass(0)
    gateway.newest.end(3000)
    await pass(0)
    expect(c.state).toBe(State.CLOSED)
  })

  it('that nobody can give leaves it closed', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket } = await connected(gateway)
    socket.end(3000)
    await pass(60_000)
    expect(c.state).toBe(State.CLOSED)
    expect(gateway.sockets.length).toBe(1)
  })

  test.each([
    ['throws', () => { throw new Error('no token') }],
    ['rejects', () => Promise.reject(new Error('no token'))],
  ])('whose source %s fails the login', async (_how, getToken) => {
    const { status, error } = await client(new ScriptedGateway(), { getToken }).login()
    expect(status).toBe('LoginFailed')
    expect(error).toMatchObject({ code: 'auth', cause: new Error('no token') })
  })

  it('whose source fails for a while costs attempts, not the session', async () => {
    const gateway = new ScriptedGateway().serve()
    const getToken = vi.fn().mockResolvedValue('t')
    const { c, socket, seen } = await connected(gateway, { getToken })
    getToken.mockRejectedValueOnce(new Error('offline'))
    socket.end(1006)
    await pass(20_000)
    expect(c.state).toBe(State.CONNECTED)
    expect(seen.events.reconnecting.map(({ attempt, error }) => [attempt, error.code])).toEqual([
      [1, 'network'],
      [2, 'auth'],
    ])
  })

  it('whose source fails after the logout changes nothing', async () => {
    let fail!: (error: Error) => void
    const c = client(new ScriptedGateway(), { getToken: () => new Promise((_, reject) => (fail = reject)) })
    const seen = watch(c)
    void c.login()
    await pass(0)
    await c.logout()
    fail(new Error('late'))
    await pass(0)
    expect(seen.events.closed.length).toBe(1)
    expect(seen.events.error).toEqual([])
  })

  it('that takes too long is a login time-out', async () => {
    const gateway = new ScriptedGateway()
    let give!: (token: string) => void
    const c = client(gateway, { getToken: () => new Promise((resolve) => (give = resolve)) })
    const login = c.login()
    await pass(5_000)
    expect(await login).toMatchObject({ status: 'Timeout' })
    give('late')
    await pass(0)
    expect(gateway.sockets.length).toBe(0)
  })
})

describe('logout', () => {
  it('closes with 1000 and waits for the answer', async () => {
    const gateway = new ScriptedGateway().serve(20)
    const { c } = await connected(gateway)
    const logouts = [c.logout(), c.logout()]
    expect(gateway.newest.closed).toEqual({ code: 1000, reason: 'logout' })
    expect(c.state).toBe(State.CLOSING)
    await pass(40)
    await Promise.all(logouts)
    expect(c.state).toBe(State.CLOSED)
    await c.logout()
  })

  it('waits 1.5 s at most, and ends a socket that can be ended', async () => {
    const gateway = new ScriptedGateway()
    const { c, socket } = await connected(gateway)
    const terminate = vi.fn()
    Object.assign(socket, { terminate })
    const done = vi.fn()
    void c.logout().then(done)
    await pass(1_499)
    expect(done).not.toHaveBeenCalled()
    await pass(1)
    expect(done).toHaveBeenCalled()
    expect(terminate).toHaveBeenCalled()
    expect(c.state).toBe(State.CLOSED)
  })

  it('hears no messages any more', async () => {
    const { c, socket, seen } = await connected(new ScriptedGateway())
    void c.logout()
    socket.message('late')
    socket.message(new ArrayBuffer(3))
    await pass(0)
    expect(seen.events.message).toEqual([])
    expect(seen.events.error).toEqual([])
  })

  it('of one who never logged in is no line and no error', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    await c.logout()
    expect(gateway.sockets.length).toBe(0)
  })
})

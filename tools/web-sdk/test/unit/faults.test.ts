/* The faults of the tutorial's SDK, by their numbers in FAULTS.md: each test shows that this one is free of it.
 * 15 and 17 are about processes and bundles: see test/package. */
import { describe, expect, test, vi } from 'vitest'
import { encodePacket, State, TEXT } from '../../src/index.js'
import { seeded } from './random.js'
import { client, connected, pass, ScriptedGateway, useScript } from './scripted.js'

useScript()

const MINUTE = 60_000

describe('free of fault', () => {
  test.each([
    ['before it speaks', (socket: { open(): void; end(code: number): void }) => (socket.open(), socket.end(1006))],
    ['after it has spoken', (socket: { ready(): void; end(code: number): void }) => (socket.ready(), socket.end(1006))],
    ['with retry_ms=0', (socket: { ready(): void; end(c: number, r: string): void }) => (socket.ready(), socket.end(1013, 'retry_ms=0'))],
  ])('1: a server that accepts and closes %s is dialed at most 3 times in 3 s', async (_name, meet) => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket } = await connected(gateway, { reconnect: { maxAttempts: Infinity } })
    gateway.dialed = (socket) => queueMicrotask(() => meet(socket))
    const before = gateway.sockets.length
    socket.end(1006)
    await pass(3_000)
    expect(gateway.sockets.length - before).toBeLessThanOrEqual(3)
    await pass(60_000)
    expect(gateway.sockets.length - before).toBeGreaterThanOrEqual(6)
    expect(gateway.sockets.length - before).toBeLessThanOrEqual(31)
    await c.logout()
  })

  test('1: an open socket is no login', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    const login = c.login()
    await pass(0)
    gateway.newest.open()
    expect(c.state).toBe(State.CONNECTING)
    gateway.newest.end(4000, 'bad login')
    expect(await login).toMatchObject({ status: 'LoginFailed', error: { code: 'auth' } })
    expect(c.state).toBe(State.CLOSED)
  })

  test('1: attempts are counted on over short lines, and anew after 5 s of uptime', async () => {
    const gateway = new ScriptedGateway().serve()
    const { seen } = await connected(gateway)
    for (const [uptime, attempt] of [[5_000, 1], [4_999, 2], [100, 3], [5_000, 1]] as const) {
      await pass(uptime)
      gateway.newest.end(1006)
      await pass(0)
      expect(seen.events.reconnecting.at(-1)!.attempt).toBe(attempt)
      await vi.advanceTimersByTimeAsync(seen.events.reconnecting.at(-1)!.delayMs)
      await pass(0)
      expect(gateway.live).toBe(1)
    }
  })

  test('1: a herd that loses its lines together comes back over the whole span', async () => {
    const gateway = new ScriptedGateway().serve()
    const herd = 800
    for (let i = 0; i < herd; i++) {
      await connected(gateway, { reconnect: { maxAttempts: 1 } })
    }
    const dialedIn = new Array<number>(11).fill(0) // by the second
    const lostAt = Date.now()
    gateway.refuse()
    const refuse = gateway.dialed!
    gateway.dialed = (socket) => {
      dialedIn[Math.floor((Date.now() - lostAt) / 1_000)]!++
      refuse(socket)
    }
    gateway.sockets.slice().forEach((socket) => socket.end(1006))
    await pass(10_999)
    expect(dialedIn.filter((count) => count < 70 || count > 130)).toEqual([0, 0, 0]) // the first two and the last
    expect(dialedIn.reduce((sum, count) => sum + count)).toBe(herd)
  })

  test('2: a kicked client stays closed', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket, seen } = await connected(gateway)
    socket.end(4001, 'kicked')
    await pass(10 * MINUTE)
    expect(c.state).toBe(State.CLOSED)
    expect(gateway.sockets.length).toBe(1)
    expect(seen.events.kicked).toEqual([{ code: 4001 }])
    expect(seen.events.closed).toMatchObject([{ reason: 'kicked', code: 4001, error: { code: 'kicked' } }])
  })

  test('2: two tabs of one user do not kick each other', async () => {
    const gateway = new ScriptedGateway().serve()
    const logIn = gateway.spoken!
    gateway.spoken = (socket, data) => {
      for (const other of gateway.sockets) {
        if (other !== socket && other.readyState === 1) {
          other.end(4001, 'kicked')
        }
      }
      logIn(socket, data)
    }
    const a = await connected(gateway)
    const b = await connected(gateway)
    await pass(MINUTE)
    expect(gateway.sockets.length).toBe(2)
    expect(a.c.state).toBe(State.CLOSED)
    expect(b.c.state).toBe(State.CONNECTED)
  })

  test('3: a login long after the client was made takes one connection', async () => {
    const gateway = new ScriptedGateway().serve()
    const c = client(gateway)
    await pass(60 * MINUTE)
    void c.login()
    await pass(MINUTE)
    await c.logout()
    await pass(60 * MINUTE)
    void c.login()
    await pass(MINUTE)
    expect(gateway.sockets.length).toBe(2)
    expect(c.state).toBe(State.CONNECTED)
  })

  test('4: a line that is given up is closed', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket, seen } = await connected(gateway)
    gateway.fallSilent()
    await pass(29_999)
    expect(socket.closed).toBeUndefined()
    await pass(1)
    expect(socket.closed).toEqual({ code: 3008, reason: 'read timeout' })
    expect(c.state).toBe(State.RECONNECTING)
    expect(seen.events.reconnecting).toMatchObject([{ attempt: 1, error: { code: 'timeout' } }])
    gateway.serve()
    await pass(10_000)
    expect(gateway.live).toBe(1)
    expect(c.state).toBe(State.CONNECTED)
  })

  test('5: timers of an old line do not ping the next', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c } = await connected(gateway, { reconnect: { baseMs: 0, capMs: 0 } })
    for (let drop = 0; drop < 4; drop++) {
      gateway.newest.end(1006)
      await pass(0)
      await pass(0)
    }
    expect(gateway.sockets.length).toBe(5)
    const before = gateway.pings
    await pass(100_000)
    expect(gateway.pings - before).toBe(10)
    expect(c.stats.pings).toBe(gateway.pings)
    expect(vi.getTimerCount()).toBe(2)
  })

  test('6: late events of A leave B untouched', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket: a, seen } = await connected(gateway)
    gateway.fallSilent()
    await pass(30_000)
    gateway.serve()
    await pass(10_000)
    expect(c.state).toBe(State.CONNECTED)
    const before = structuredClone(c.stats)
    const told = JSON.stringify(seen)
    expect(new Set([a.onopen, a.onmessage, a.onerror, a.onclose]).size).toBe(1) // bound to nothing of B
    a.haunt()
    await pass(0)
    expect(c.state).toBe(State.CONNECTED)
    expect(c.stats).toEqual(before)
    expect(JSON.stringify(seen)).toBe(told)
    expect(gateway.newest.readyState).toBe(1)
  })

  test('7: error and close are one attempt', async () => {
    const gateway = new ScriptedGateway().serve()
    const { socket, seen } = await connected(gateway)
    socket.onerror?.({})
    socket.onerror?.({})
    socket.end(1006)
    socket.onclose?.({ code: 1006, reason: '' })
    await pass(10_000)
    expect(gateway.sockets.length).toBe(2)
    expect(seen.events.reconnecting.length).toBe(1)
  })

  test('8: a logout during back-off stays', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket, seen } = await connected(gateway)
    socket.end(1006)
    await pass(1_000)
    expect(c.state).toBe(State.RECONNECTING)
    await c.logout()
    await pass(10 * MINUTE)
    expect(gateway.sockets.length).toBe(1)
    expect(c.state).toBe(State.CLOSED)
    expect(seen.events.closed).toMatchObject([{ reason: 'logout' }])
    expect(vi.getTimerCount()).toBe(0)
  })

  test.each(['before the socket opens', 'before the gateway speaks', 'while a token is asked for'])(
    '9: a logout during login %s ends it',
    async (when) => {
      const gateway = new ScriptedGateway()
      const asks = when === 'while a token is asked for'
      const c = client(gateway, asks ? { getToken: () => new Promise((resolve) => setTimeout(resolve, 100, 't')) } : {})
      const login = c.login()
      await pass(0)
      if (when === 'before the gateway speaks') {
        gateway.newest.open()
      }
      const logout = c.logout()
      expect(await login).toMatchObject({ status: 'LoginFailed', error: { code: 'aborted' } })
      await logout
      expect(c.state).toBe(State.CLOSED)
      gateway.sockets[0]?.haunt()
      await pass(MINUTE)
      expect(c.state).toBe(State.CLOSED)
      expect(gateway.live).toBe(0)
      expect(gateway.sockets.length).toBe(asks ? 0 : 1)
    },
  )

  test('10: three logins at once are one', async () => {
    const gateway = new ScriptedGateway().serve()
    const c = client(gateway)
    const logins = [c.login(), c.login(), c.login()]
    expect(new Set(logins).size).toBe(1)
    await pass(0)
    expect(await Promise.all(logins)).toEqual([{ status: 'Success' }, { status: 'Success' }, { status: 'Success' }])
    expect(await c.login()).toEqual({ status: 'Logined' })
    expect(gateway.sockets.length).toBe(1)
  })

  test.each(['never opens', 'opens and never speaks'])('11: a login time-out leaves no dial: one that %s', async (how) => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    const login = c.login()
    await pass(0)
    if (how !== 'never opens') {
      gateway.newest.open()
    }
    await pass(4_999)
    expect(gateway.live).toBe(1)
    await pass(1)
    expect(await login).toMatchObject({ status: 'Timeout', error: { code: 'timeout' } })
    expect(gateway.live).toBe(0)
    gateway.newest.haunt()
    await pass(MINUTE)
    expect(c.state).toBe(State.CLOSED)
    expect(gateway.sockets.length).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('12: the user arrives whole', async () => {
    const gateway = new ScriptedGateway()
    void client(gateway, { user: 'a&b=1#x 中' }).login()
    await pass(0)
    const query = new URL(gateway.newest.url).search
    // As the gateway decodes: percent-escapes only, a plus is a plus.
    expect(query.slice(1).split('&').map(decodeURIComponent)).toEqual(['user=a&b=1#x 中'])
  })

  test.each([0, 5_000, 29_000, 59_000])(
    '13: one connection in 10 hidden minutes, timers once a minute, first after %d ms',
    async (phase) => {
      const gateway = new ScriptedGateway().serve(20)
      const { c } = await connected(gateway)
      const unthrottled = setTimeout
      await pass(phase)
      const origin = Date.now() - phase
      vi.stubGlobal('setTimeout', (action: () => void, ms: number) => {
        const due = Date.now() + ms - origin
        return unthrottled(action, Math.ceil(due / MINUTE) * MINUTE + origin - Date.now())
      })
      // What runs already is throttled too.
      gateway.newest.pong()
      await pass(10 * MINUTE)
      expect(gateway.sockets.length).toBe(1)
      expect(c.state).toBe(State.CONNECTED)
      expect(gateway.newest.pings).toBeGreaterThanOrEqual(10)
    },
  )

  test('13: a hidden page gives a dead line up within three ticks', async () => {
    const gateway = new ScriptedGateway().serve(20)
    const { c, socket } = await connected(gateway, { reconnect: { maxAttempts: Infinity } })
    const unthrottled = setTimeout
    vi.stubGlobal('setTimeout', (action: () => void, ms: number) =>
      unthrottled(action, Math.ceil((Date.now() + ms) / MINUTE) * MINUTE - Date.now()),
    )
    socket.pong()
    await pass(5 * MINUTE)
    gateway.fallSilent()
    await pass(4 * MINUTE)
    expect(socket.readyState).toBe(2)
    expect(c.state).toBe(State.RECONNECTING)
  })

  test('14: text frames are messages, whatever they look like', async () => {
    const { c, socket, seen } = await connected(new ScriptedGateway().serve())
    const texts = ['', 'hello -- FROM bob', '\0d\0\0\0\0', '{"command":100}', 'x'.repeat(65_536 + 128)]
    texts.forEach((text) => socket.message(text))
    await pass(0)
    expect(seen.events.message.map(({ kind, raw }) => [kind, raw])).toEqual(texts.map((text) => ['text', text]))
    expect(c.state).toBe(State.CONNECTED)
    await c.sendText('hi')
    expect(socket.sent.at(-1)).toBe('hi')
  })

  test('14: packets 102 are messages', async () => {
    const { socket, seen } = await connected(new ScriptedGateway().serve())
    socket.packet(TEXT, new TextEncoder().encode('hé -- FROM bob'))
    await pass(0)
    expect(seen.events.message).toEqual([{ kind: 'packet', text: 'hé', from: 'bob', raw: 'hé -- FROM bob' }])
  })

  test('14: no bytes of a server throw, each malformed message closes with 4002', async () => {
    const random = seeded(14)
    const below = (n: number) => Math.floor(random() * n)
    const outcomes = { closed: 0, kept: 0 }
    for (let i = 0; i < 400; i++) {
      const gateway = new ScriptedGateway().serve()
      const { c, socket, seen } = await connected(gateway)
      const whole = encodePacket(99 + below(5), Uint8Array.from({ length: below(8) }, () => below(random() < 0.5 ? 128 : 256)))
      const cut = [whole, whole.subarray(0, below(whole.length)), Uint8Array.from([...whole, below(256)])][below(3)]!
      expect(() => socket.message(Uint8Array.from(cut).buffer)).not.toThrow()
      await pass(0)
      const text = whole[1] === TEXT && cut === whole ? Buffer.from(whole.subarray(6)) : Buffer.of()
      if (cut.length === whole.length && Buffer.from(text.toString()).equals(text)) {
        outcomes.kept++
        expect(c.state).toBe(State.CONNECTED)
        await c.logout()
      } else {
        outcomes.closed++
        expect(socket.closed).toEqual({ code: 4002, reason: 'bad packet' })
        expect(c.state).toBe(State.CLOSED)
        expect(seen.events.error).toMatchObject([{ code: 'protocol' }])
        expect(seen.events.closed).toMatchObject([{ reason: 'protocol', code: 4002 }])
      }
    }
    expect(outcomes.closed).toBeGreaterThan(150)
    expect(outcomes.kept).toBeGreaterThan(80)
  })

  test('15: nothing runs on after a logout', async () => {
    for (const answers of [true, false]) {
      const gateway = new ScriptedGateway().serve()
      const { c } = await connected(gateway, { queue: {} })
      if (!answers) {
        gateway.fallSilent()
      }
      const logout = c.logout()
      await pass(answers ? 0 : 1_500)
      await logout
      expect(vi.getTimerCount()).toBe(0)
    }
  })

  test('16: the end is told', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket, seen } = await connected(gateway, { reconnect: { maxAttempts: 2 } })
    gateway.refuse()
    socket.end(1006)
    await pass(MINUTE)
    // The table in transitions.test.ts is whole; this is the row that the tutorial has wrong.
    expect(seen.states.slice(-2)).toEqual([
      ['RECONNECTING', 'network'],
      ['CLOSED', 'reconnect timeout'],
    ])
    expect(seen.events.reconnecting.map(({ attempt }) => attempt)).toEqual([1, 2])
    expect(seen.events.closed).toMatchObject([{ reason: 'reconnect timeout', code: 1006, error: { code: 'network' } }])
    expect(gateway.sockets.length).toBe(3)
    expect(await c.logout()).toBeUndefined()
    expect(seen.events.closed.length).toBe(1)
  })
})

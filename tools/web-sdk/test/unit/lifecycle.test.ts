/* What a page tells: seen again, back from the cache, online, offline. */
import { getEventListeners } from 'node:events'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { State, type ClientOptions } from '../../src/index.js'
import { client, connected, pass, ScriptedGateway, useScript } from './scripted.js'

useScript()

const SLOW: Partial<ClientOptions> = { reconnect: { maxAttempts: 3, baseMs: 60_000, capMs: 60_000 } }
const WAKING = ['visibilitychange', 'resume', 'pageshow', 'online']

let page: EventTarget & { hidden: boolean }
let frame: EventTarget

beforeEach(() => {
  page = Object.assign(new EventTarget(), { hidden: false })
  frame = new EventTarget()
  vi.stubGlobal('document', page)
  vi.stubGlobal('addEventListener', frame.addEventListener.bind(frame))
})

function tell(what: string, persisted = true): void {
  const target = what === 'resume' || what === 'visibilitychange' ? page : frame
  target.dispatchEvent(Object.assign(new Event(what), { persisted }))
}

async function reconnecting(reason = '') {
  const gateway = new ScriptedGateway().serve()
  const line = await connected(gateway, SLOW)
  await pass(5_000)
  line.socket.end(reason ? 1012 : 1006, reason)
  await pass(0)
  return { gateway, ...line }
}

describe('a page that wakes', () => {
  it.each(WAKING)('%s: a live line is probed, once', async (event) => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket } = await connected(gateway)
    gateway.fallSilent()
    await pass(3_000)
    tell(event)
    tell(event)
    expect(socket.pings).toBe(2)
    await pass(4_999)
    expect(c.state).toBe(State.CONNECTED)
    await pass(1)
    expect(c.state).toBe(State.RECONNECTING)
  })

  it.each(WAKING)('%s: a line that answers the probe stays', async (event) => {
    const gateway = new ScriptedGateway().serve()
    const { c } = await connected(gateway)
    tell(event)
    await pass(60_000)
    expect(gateway.sockets.length).toBe(1)
    expect(c.state).toBe(State.CONNECTED)
  })

  it.each(WAKING)('%s: who is reconnecting dials within a second, once', async (event) => {
    const { gateway, c } = await reconnecting()
    gateway.fallSilent()
    await pass(10_000)
    expect(gateway.sockets.length).toBe(1)
    for (let i = 0; i < 10; i++) {
      tell(event)
    }
    await pass(1_000)
    expect(gateway.sockets.length).toBe(2)
    tell(event)
    await pass(1_000)
    expect(gateway.sockets.length).toBe(2)
    gateway.newest.ready()
    expect(c.state).toBe(State.CONNECTED)
  })

  it.each(WAKING)('%s: whose line is found cut dials within a second', async (event) => {
    const gateway = new ScriptedGateway().serve()
    const { socket, seen } = await connected(gateway, SLOW)
    gateway.fallSilent()
    await pass(20_000)
    tell(event)
    socket.end(1006)
    await pass(1_000)
    expect(gateway.sockets.length).toBe(2)
    expect(seen.events.reconnecting[0]?.delayMs).toBeLessThan(1_000)
  })

  it.each(WAKING)('%s: whose line is cut after the answer backs off', async (event) => {
    const gateway = new ScriptedGateway().serve()
    const { socket } = await connected(gateway, SLOW)
    tell(event)
    await pass(1_000)
    socket.end(1006)
    await pass(59_999)
    expect(gateway.sockets.length).toBe(1)
    await pass(1)
    expect(gateway.sockets.length).toBe(2)
  })

  it('news that keep coming do not put the dial off', async () => {
    const { gateway } = await reconnecting()
    vi.spyOn(Math, 'random').mockReturnValue(0.99)
    for (let ms = 0; ms < 1_000; ms += 50) {
      tell('visibilitychange')
      await pass(50)
    }
    expect(gateway.sockets.length).toBe(2)
  })

  it('a new login owes nothing to an old slot', async () => {
    const { gateway, c } = await reconnecting('retry_ms=600000')
    await c.logout()
    await c.login()
    tell('pagehide')
    tell('pageshow')
    await pass(1_000)
    expect(gateway.sockets.length).toBe(3)
  })

  it('spreads that second', async () => {
    const delays = new Set<number>()
    for (let i = 0; i < 10; i++) {
      const { c } = await reconnecting()
      const set = vi.spyOn(globalThis, 'setTimeout')
      tell('online')
      delays.add(set.mock.calls[0]![1]!)
      set.mockRestore()
      await c.logout()
    }
    expect(delays.size).toBe(10)
    expect(Math.max(...delays)).toBeLessThanOrEqual(1_000)
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(300)
  })

  it.each(WAKING)('%s: the time that the gateway gave is kept, and a second of jitter behind it', async (event) => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { gateway } = await reconnecting('retry_ms=20000')
    await pass(5_000)
    tell(event)
    await pass(15_499)
    expect(gateway.sockets.length).toBe(1)
    await pass(1)
    expect(gateway.sockets.length).toBe(2)
  })

  it.each(WAKING)('%s: one who never logged in, or has logged out, does nothing', async (event) => {
    const gateway = new ScriptedGateway().serve()
    const c = client(gateway)
    tell(event)
    await c.login()
    await c.logout()
    tell(event)
    await pass(60_000)
    expect(gateway.sockets.length).toBe(1)
    expect(c.state).toBe(State.CLOSED)
    expect(vi.getTimerCount()).toBe(0)
  })

  it.each([...WAKING, 'offline', 'pagehide'])('%s: a first dial goes on', async (event) => {
    const gateway = new ScriptedGateway()
    const c = client(gateway)
    const login = c.login()
    await pass(0)
    tell(event)
    gateway.newest.ready()
    expect(await login).toEqual({ status: 'Success' })
    expect(gateway.sockets.length).toBe(1)
  })

  it('hidden is not awake', async () => {
    const { socket } = await connected(new ScriptedGateway().serve())
    page.hidden = true
    tell('visibilitychange')
    expect(socket.pings).toBe(1)
  })

  it('counts the attempts anew', async () => {
    const { gateway, c, seen } = await reconnecting()
    gateway.refuse()
    for (let i = 0; i < 10; i++) {
      tell('visibilitychange')
      await pass(1_000)
    }
    expect(gateway.sockets.length).toBe(11)
    expect(c.state).toBe(State.RECONNECTING)
    expect(Math.max(...seen.events.reconnecting.map(({ attempt }) => attempt))).toBe(2)
  })
})

describe('offline', () => {
  it('probes a live line: it may be another network that went', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket } = await connected(gateway)
    tell('offline')
    expect(socket.pings).toBe(2)
    await pass(60_000)
    expect(c.state).toBe(State.CONNECTED)
    expect(gateway.sockets.length).toBe(1)
  })

  it('pauses the back-off until the network is back', async () => {
    const { gateway, c } = await reconnecting()
    tell('offline')
    await pass(3_600_000)
    expect(gateway.sockets.length).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
    tell('online')
    await pass(1_000)
    expect(c.state).toBe(State.CONNECTED)
  })

  it('does not keep a dial from its time-out', async () => {
    const { gateway, c } = await reconnecting()
    gateway.fallSilent()
    tell('online')
    await pass(1_000)
    expect(gateway.live).toBe(1)
    tell('offline')
    await pass(5_000)
    expect(gateway.live).toBe(0)
    expect(c.state).toBe(State.RECONNECTING)
    await pass(3_600_000)
    expect(gateway.sockets.length).toBe(2)
  })

  it('a line lost meanwhile waits for the network', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, seen } = await connected(gateway, SLOW)
    gateway.fallSilent()
    tell('offline')
    await pass(3_600_000)
    expect(c.state).toBe(State.RECONNECTING)
    expect(seen.events.reconnecting).toMatchObject([{ attempt: 1, delayMs: Infinity }])
    expect(gateway.sockets.length).toBe(1)
    gateway.serve()
    tell('online')
    await pass(1_000)
    expect(c.state).toBe(State.CONNECTED)
  })

  it('is over when the gateway is heard', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket } = await connected(gateway)
    tell('offline')
    await pass(0)
    socket.end(1006)
    await pass(10_000)
    expect(c.state).toBe(State.CONNECTED)
  })
})

describe('the back/forward cache', () => {
  it('gets a page without a line, which dials when it is back', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket, seen } = await connected(gateway)
    tell('pagehide')
    expect(socket.closed).toEqual({ code: 1000, reason: 'pagehide' })
    await pass(3_600_000)
    expect(gateway.sockets.length).toBe(1)
    expect(vi.getTimerCount()).toBe(0)
    tell('pageshow')
    await pass(1_000)
    expect(c.state).toBe(State.CONNECTED)
    expect(gateway.live).toBe(1)
    expect(seen.states.slice(2)).toEqual([
      ['RECONNECTING', 'pagehide'],
      ['CONNECTED', 'ready'],
    ])
  })

  it('ends a dial that is under way', async () => {
    const { gateway, c } = await reconnecting()
    gateway.fallSilent()
    tell('online')
    await pass(1_000)
    expect(gateway.live).toBe(1)
    tell('pagehide')
    expect(gateway.live).toBe(0)
    gateway.serve()
    tell('pageshow')
    await pass(1_000)
    expect(c.state).toBe(State.CONNECTED)
  })

  it('is not for a page that goes for good', async () => {
    const { c, socket } = await connected(new ScriptedGateway().serve())
    tell('pagehide', false)
    expect(socket.closed).toBeUndefined()
    expect(c.state).toBe(State.CONNECTED)
  })
})

it('listens while it is logged in only', async () => {
  const listening = (target: EventTarget) =>
    ['visibilitychange', 'resume', 'pageshow', 'online', 'offline', 'pagehide'].flatMap((type) =>
      getEventListeners(target, type),
    )
  const gateway = new ScriptedGateway().serve()
  const c = client(gateway)
  expect([...listening(page), ...listening(frame)]).toEqual([])
  await c.login()
  expect([listening(page).length, listening(frame).length]).toEqual([2, 4])
  await c.logout()
  expect([...listening(page), ...listening(frame)]).toEqual([])
})

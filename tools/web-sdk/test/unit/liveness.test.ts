import { describe, expect, it, vi } from 'vitest'
import { State } from '../../src/index.js'
import { connected, pass, ScriptedGateway, useScript } from './scripted.js'

useScript()

/* The machine sleeps: the clock goes on, no timer does. */
function sleepFor(ms: number): void {
  vi.setSystemTime(Date.now() + ms)
}

describe('heartbeat', () => {
  it('is a ping every 10 s', async () => {
    const { c, socket } = await connected(new ScriptedGateway().serve())
    await pass(9_999)
    expect(socket.pings).toBe(1) // that of the login
    await pass(1)
    expect(socket.pings).toBe(2)
    await pass(90_000)
    expect(socket.pings).toBe(11)
    expect(c.state).toBe(State.CONNECTED)
  })

  it('is armed by the pong, within its event', async () => {
    const { socket } = await connected(new ScriptedGateway().serve())
    await pass(4_000)
    const set = vi.spyOn(globalThis, 'setTimeout')
    socket.pong()
    expect(set.mock.calls.map(([, ms]) => ms)).toEqual([10_000])
    await pass(9_999)
    expect(socket.pings).toBe(1)
    await pass(1)
    expect(socket.pings).toBe(2)
  })

  it('goes on where other frames come but no pong', async () => {
    const gateway = new ScriptedGateway().serve()
    const { c, socket } = await connected(gateway)
    gateway.spoken = undefined
    for (let i = 0; i < 30; i++) {
      await pass(10_000)
      socket.message('still here')
    }
    expect(socket.pings).toBe(31)
    expect(c.state).toBe(State.CONNECTED)
  })

  it('measures the way there and back', async () => {
    const { c, seen } = await connected(new ScriptedGateway().serve(20))
    await pass(50)
    expect(seen.events.pong).toEqual([{ rttMs: 40 }])
    expect(c.stats.rtt).toBe(40)
    await pass(10_000)
    expect(seen.events.ping).toEqual([{ count: 1 }, { count: 2 }])
  })

  it('measures each ping by its own pong', async () => {
    const { socket, seen } = await connected(new ScriptedGateway())
    await pass(20_000)
    socket.pong()
    await pass(1_000)
    socket.pong()
    socket.pong()
    await pass(0)
    expect(seen.events.pong.slice(1)).toEqual([{ rttMs: 10_000 }, { rttMs: 1_000 }])
  })

  it('measures a new line by its own ping', async () => {
    const gateway = new ScriptedGateway()
    const { c, socket } = await connected(gateway, { reconnect: { baseMs: 0, capMs: 0 } })
    await pass(10_000) // a ping that stays without answer
    socket.end(1006)
    gateway.serve(20)
    await pass(100)
    expect(c.state).toBe(State.CONNECTED)
    expect(c.stats.rtt).toBe(40)
  })
})

describe('read deadline', () => {
  it.each(['text', 'pong', 'unknown packet'])('is renewed by a %s', async (what) => {
    const gateway = new ScriptedGateway()
    const { c, socket } = await connected(gateway)
    for (let i = 0; i < 10; i++) {
      await pass(29_000)
      if (what === 'text') {
        socket.message('x')
      } else {
        socket.packet(what === 'pong' ? 101 : 150)
      }
    }
    await pass(29_999)
    expect(c.state).toBe(State.CONNECTED)
    await pass(1)
    expect(c.state).toBe(State.RECONNECTING)
    expect(gateway.sockets.length).toBe(1)
  })

  it('asks first where no heartbeat could: its timer was held back', async () => {
    const gateway = new ScriptedGateway().serve(20)
    const { c, socket } = await connected(gateway)
    await pass(9_999)
    const punctual = setTimeout
    vi.stubGlobal('setTimeout', (action: () => void, ms: number) => punctual(action, ms === 10_000 ? 3_600_000 : ms))
    await pass(41) // this heartbeat is answered, the next one will not come
    await pass(29_999)
    expect(socket.pings).toBe(2)
    await pass(1)
    expect(socket.pings).toBe(3)
    await pass(120_000)
    expect(c.state).toBe(State.CONNECTED)
    expect(gateway.sockets.length).toBe(1)
  })

  it('survives a clock that is set back, and finds the silence all the same', async () => {
    const gateway = new ScriptedGateway()
    const { c } = await connected(gateway)
    sleepFor(-3_600_000)
    await pass(60_000)
    expect(c.state).toBe(State.RECONNECTING)
  })
})

describe('after a sleep', () => {
  it('probes before it gives up: the gateway still holds the line', async () => {
    const gateway = new ScriptedGateway().serve(20)
    const { c, socket, seen } = await connected(gateway)
    await pass(5_000)
    sleepFor(600_000)
    await pass(60_000)
    expect(gateway.sockets.length).toBe(1)
    expect(c.state).toBe(State.CONNECTED)
    expect(socket.closed).toBeUndefined()
    expect(seen.events.reconnecting).toEqual([])
  })

  it('gives up 5 s after the probe: the gateway does not', async () => {
    const gateway = new ScriptedGateway().serve(20)
    const { c, socket } = await connected(gateway)
    await pass(9_000)
    gateway.fallSilent()
    sleepFor(600_000)
    await pass(1_000) // the heartbeat's tick finds that it is late
    const pings = socket.pings
    expect(pings).toBeGreaterThan(1)
    await pass(4_999)
    expect(c.state).toBe(State.CONNECTED)
    expect(socket.pings).toBe(pings)
    await pass(1)
    expect(c.state).toBe(State.RECONNECTING)
  })

  it('asks again when it fell asleep over the probe, once', async () => {
    const gateway = new ScriptedGateway().serve(20)
    const { c } = await connected(gateway)
    gateway.fallSilent()
    sleepFor(600_000)
    await pass(10_000)
    sleepFor(600_000)
    await pass(5_000)
    expect(c.state).toBe(State.CONNECTED)
    sleepFor(600_000)
    await pass(5_000)
    expect(c.state).toBe(State.RECONNECTING)
  })

  it('after a probe that was answered the deadline is the usual one', async () => {
    const gateway = new ScriptedGateway().serve(20)
    const { c, socket } = await connected(gateway)
    sleepFor(600_000)
    await pass(10_000)
    await pass(40)
    gateway.fallSilent()
    await pass(29_998)
    expect(c.state).toBe(State.CONNECTED)
    await pass(10_000)
    expect(c.state).toBe(State.RECONNECTING)
    expect(socket.closed).toEqual({ code: 3008, reason: 'read timeout' })
  })
})

import { describe, expect, it, vi } from 'vitest'
import { State } from '../../src/index.js'
import { client, connected, pass, ScriptedGateway, useScript } from './scripted.js'

useScript()

describe('listeners', () => {
  it('are put on and taken off', async () => {
    const { c, socket } = await connected(new ScriptedGateway().serve())
    const heard: string[] = []
    const byOff = () => heard.push('off')
    const takeOff = c.on('message', () => heard.push('on'))
    c.on('message', byOff)
    c.once('message', () => heard.push('once'))
    socket.message('1')
    await pass(0)
    socket.message('2')
    await pass(0)
    expect(heard).toEqual(['on', 'off', 'once', 'on', 'off'])
    c.off('message', byOff)
    c.off('message', () => {})
    takeOff()
    takeOff()
    socket.message('3')
    await pass(0)
    expect(heard.length).toBe(5)
  })

  it('put on by once are called once, also by two messages at a time', async () => {
    const { c, socket } = await connected(new ScriptedGateway().serve())
    const once = vi.fn()
    c.once('message', once)
    socket.message('1')
    socket.message('2')
    await pass(0)
    expect(once).toHaveBeenCalledTimes(1)
    const never = vi.fn()
    c.once('message', never)
    c.off('message', never)
    socket.message('3')
    await pass(0)
    expect(never).not.toHaveBeenCalled()
  })

  it('taken off by one before are not called', async () => {
    const { c, socket } = await connected(new ScriptedGateway().serve())
    const second = vi.fn()
    c.on('message', () => c.off('message', second))
    c.on('message', second)
    socket.message('1')
    await pass(0)
    expect(second).not.toHaveBeenCalled()
  })

  it('hear all before a promise goes on', async () => {
    const { c } = await connected(new ScriptedGateway().serve())
    const closed = vi.fn()
    c.on('closed', closed)
    await c.logout()
    expect(closed).toHaveBeenCalledTimes(1)
  })

  it('may call anything of the client', async () => {
    const gateway = new ScriptedGateway().serve()
    const c = client(gateway)
    const path: string[] = []
    c.on('state', ({ to }) => path.push(State[to]))
    c.on('state', ({ to }) => {
      if (to === State.CONNECTED) {
        void c.logout()
      }
    })
    let again = true
    c.on('closed', () => {
      if (again) {
        again = false
        void c.login()
      }
    })
    await c.login()
    await pass(0)
    expect(path.slice(0, 4)).toEqual(['CONNECTING', 'CONNECTED', 'CLOSING', 'CLOSED'])
    expect(path.slice(4)).toEqual(path.slice(0, 4))
    expect(gateway.sockets.length).toBe(2)
  })
})

describe('listeners that throw', () => {
  it.each(['throws', 'rejects'])('break nothing: one that %s', async (how) => {
    const error = vi.fn()
    const gateway = new ScriptedGateway().serve()
    const c = client(gateway, { logger: { error } })
    const fault = new Error('listener')
    const calm = vi.fn()
    for (const type of ['state', 'message', 'pong', 'closed', 'error', 'kicked'] as const) {
      c.on(type, () => {
        if (how === 'throws') {
          throw fault
        }
        return Promise.reject(fault)
      })
      c.on(type, calm)
    }
    expect(await c.login()).toEqual({ status: 'Success' })
    gateway.newest.message('x')
    gateway.newest.end(4001)
    await pass(0)
    expect(c.state).toBe(State.CLOSED)
    expect(error.mock.calls.every(([what]) => what === fault)).toBe(true)
    expect(error.mock.calls.length).toBe(calm.mock.calls.length)
    expect(calm.mock.calls.length).toBe(7) // 3 states, message, pong, kicked, closed
  })

  it('are reported to the page where there is no logger', async () => {
    const report = vi.fn()
    vi.stubGlobal('reportError', report)
    const { c, socket } = await connected(new ScriptedGateway().serve())
    const fault = new Error('listener')
    c.on('message', () => {
      throw fault
    })
    socket.message('x')
    await pass(0)
    expect(report).toHaveBeenCalledWith(fault)
  })

  it('are reported to the console where there is no page either', async () => {
    const report = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { c, socket } = await connected(new ScriptedGateway().serve())
    c.on('message', () => {
      throw 'a string'
    })
    socket.message('x')
    await pass(0)
    expect(report).toHaveBeenCalledWith('a string')
  })
})

describe('a report that throws itself', () => {
  it('breaks nothing either', async () => {
    vi.stubGlobal('reportError', () => {
      throw new Error('reported')
    })
    const { c, socket, seen } = await connected(new ScriptedGateway().serve())
    const calm = vi.fn()
    c.on('message', () => {
      throw new Error('listener')
    })
    c.on('message', calm)
    socket.message('1')
    socket.message('2')
    await pass(0)
    expect(calm).toHaveBeenCalledTimes(2)
    expect(seen.events.message.length).toBe(2)
  })
})

describe('the error event', () => {
  it('that nobody hears is logged, and throws nothing', async () => {
    const warn = vi.fn()
    const gateway = new ScriptedGateway().serve()
    await client(gateway, { logger: { warn } }).login()
    gateway.newest.message(new ArrayBuffer(3))
    await pass(0)
    expect(warn).toHaveBeenCalledWith(expect.objectContaining({ code: 'protocol' }))
  })

  it('comes with a Blob, where a WebSocket does not heed binaryType', async () => {
    const { c, socket, seen } = await connected(new ScriptedGateway().serve())
    expect(socket.binaryType).toBe('arraybuffer')
    socket.message(new Blob(['x']))
    await pass(0)
    expect(seen.events.error).toMatchObject([{ code: 'protocol' }])
    expect(c.state).toBe(State.CLOSED)
  })

  it('does not come with what heals by itself, or with a kick', async () => {
    const { socket, seen } = await connected(new ScriptedGateway().serve())
    socket.end(1006)
    await pass(0)
    socket.end(4001)
    expect(seen.events.error).toEqual([])
  })

  it('a packet of a newer gateway is none', async () => {
    const { c, socket, seen } = await connected(new ScriptedGateway().serve())
    for (const command of [0, 100, 103, 199, 65_535]) {
      socket.packet(command, Uint8Array.of(0xff))
    }
    await pass(0)
    expect(c.state).toBe(State.CONNECTED)
    expect(seen.events.error).toEqual([])
    expect(seen.events.message).toEqual([])
  })
})

describe('stats', () => {
  it('count dials, pings and bytes both ways', async () => {
    const { c, socket } = await connected(new ScriptedGateway().serve(5))
    expect(c.stats).toEqual({ rtt: 10, attempts: 1, pings: 1, bytes: { sent: 6, received: 6 } })
    await c.sendText('中')
    socket.message('é -- FROM bob')
    socket.packet(102, Uint8Array.of(65))
    expect(c.stats.bytes).toEqual({ sent: 9, received: 6 + 14 + 7 })
    socket.end(1006)
    await pass(10_020)
    expect(c.stats).toMatchObject({ attempts: 2, pings: 2 })
  })

  it('are a copy', async () => {
    const { c } = await connected(new ScriptedGateway().serve())
    c.stats.bytes.sent = 7_000
    c.stats.pings = 7_000
    expect(c.stats).toMatchObject({ pings: 1, bytes: { sent: 6 } })
  })

  it('have no way there and back before the first pong', () => {
    expect(client(new ScriptedGateway()).stats.rtt).toBeUndefined()
  })
})

describe('a logger', () => {
  it('that throws breaks nothing', async () => {
    const logger = {
      info: () => {
        throw new Error('full disk')
      },
    }
    const { c } = await connected(new ScriptedGateway().serve(), { logger })
    expect(c.state).toBe(State.CONNECTED)
    await c.logout()
  })
})

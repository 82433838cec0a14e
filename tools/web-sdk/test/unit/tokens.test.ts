/* Tokens of tidegate.v1: who is asked, how often, and the refresh within a session. */
import { Buffer } from 'node:buffer'
import { describe, expect, it, vi } from 'vitest'
import { decodePacket } from '../../src/index.js'
import { IMClient, State, type ClientOptions, type SessionInfo } from '../../src/v1.js'
import { pass, ScriptedGateway, useScript, type ScriptedSocket } from './scripted.js'

useScript()

const TOKEN = 103
const SESSION = 104
const WITHOUT_END = 0xffffffff

function greet(socket: ScriptedSocket, seconds: number, result = 0): void {
  const payload = Buffer.alloc(10)
  payload.writeUInt8(result)
  payload.writeUInt32BE(seconds, 1)
  payload.write('\x03ccc\x00', 5)
  socket.packet(SESSION, new Uint8Array(payload))
}

/** The tokens that were sent on the line. */
function renewed(socket: ScriptedSocket): string[] {
  return socket.sent.flatMap((data) => {
    const packet = typeof data === 'string' ? undefined : decodePacket(data)
    return packet?.command === TOKEN ? [Buffer.from(packet.payload).toString()] : []
  })
}

const offered = (socket: ScriptedSocket) => socket.protocols.at(-1)!.replace('tidegate.token.', '')

/** A fresh token is answered at once, as `reply` says by then. */
function answers(gateway: ScriptedGateway, reply: { seconds: number; result: number }): void {
  const { spoken } = gateway
  gateway.spoken = (socket, data) => {
    spoken?.(socket, data)
    if (typeof data !== 'string' && decodePacket(data)?.command === TOKEN) {
      queueMicrotask(() => greet(socket, reply.seconds, reply.result))
    }
  }
}

/** Gives t1, t2 … */
function counting() {
  let count = 0
  return vi.fn(async (_again: boolean) => `t${++count}`)
}

async function connected(getToken: ClientOptions['getToken'], seconds: number, options: Partial<ClientOptions> = {}) {
  const gateway = new ScriptedGateway().serve()
  const c = new IMClient({ url: 'ws://gateway/', user: 'ccc', WebSocket: gateway.WebSocket, getToken, ...options })
  const errors: { code: string; message: string }[] = []
  c.on('error', (error) => errors.push(error))
  const login = c.login()
  await pass(0)
  await login
  greet(gateway.newest, seconds)
  await pass(0)
  return { gateway, c, socket: gateway.newest, errors }
}

describe('the refresh', () => {
  it('comes when 70 to 90 % of the time have passed, again and again', async () => {
    const getToken = counting()
    const { gateway, socket, c } = await connected(getToken, 1_000)
    answers(gateway, { seconds: 1_000, result: 0 })
    const sessions: SessionInfo[] = []
    c.on('session', (session) => sessions.push(session))
    for (let n = 2; n <= 5; n++) {
      await pass(699_000)
      expect(getToken).toHaveBeenCalledTimes(n - 1)
      for (let ms = 0; ms < 202_000 && renewed(socket).length < n - 1; ms += 1_000) {
        await pass(1_000)
      }
      expect(renewed(socket).at(-1)).toBe(`t${n}`)
    }
    expect(sessions.map(({ secondsLeft }) => secondsLeft)).toEqual([1_000, 1_000, 1_000, 1_000])
    expect(c.stats.attempts).toBe(1)
  })

  it('is spread over that span', async () => {
    const times: number[] = []
    for (let i = 0; i < 30; i++) {
      const getToken = counting()
      const { c } = await connected(getToken, 100)
      let ms = 0
      for (; getToken.mock.calls.length === 1; ms += 500) {
        await pass(500)
      }
      times.push(ms)
      await c.logout()
    }
    expect(Math.min(...times)).toBeGreaterThan(69_999)
    expect(Math.max(...times)).toBeLessThan(90_501)
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(15_000)
  })

  it.each([
    ['a session without an end', WITHOUT_END],
    ['one of more than a timer holds', 0xfffffffe],
  ])('of %s does not come in a day', async (_what, seconds) => {
    const getToken = counting()
    const { socket } = await connected(getToken, seconds)
    await pass(86_400_000)
    expect(renewed(socket)).toEqual([])
    expect(getToken).toHaveBeenCalledOnce()
  })

  it('needs no clock on the wall', async () => {
    const getToken = counting()
    const { socket } = await connected(getToken, 100)
    vi.setSystemTime(Date.now() - 8 * 3_600_000)
    await pass(90_000)
    expect(renewed(socket)).toEqual(['t2'])
  })

  it('that is rejected backs off for as long as the session lasts', async () => {
    const getToken = vi.fn().mockResolvedValueOnce('t1').mockRejectedValue(new Error('offline'))
    const { c, socket, errors } = await connected(getToken, 100)
    await pass(150_000)
    const failures = getToken.mock.calls.length - 1
    expect(failures).toBeGreaterThan(2)
    expect(failures).toBeLessThan(17) // 5 s between two, at the least
    expect(errors).toEqual(Array(failures).fill(expect.objectContaining({ code: 'auth', cause: new Error('offline') })))
    expect(c.state).toBe(State.CONNECTED)
    getToken.mockResolvedValue('t2')
    await pass(30_000)
    expect(renewed(socket)).toEqual(['t2'])
    greet(socket, 1_000)
    await pass(600_000)
    expect(renewed(socket)).toEqual(['t2'])
  })

  it('that is silent for 10 s is asked for anew, and never twice at a time before', async () => {
    const gives: ((token: string) => void)[] = []
    let first = true
    const getToken = vi.fn((): Promise<string> | string => {
      if (first) {
        first = false
        return 't1'
      }
      return new Promise((resolve) => gives.push(resolve))
    })
    const { socket } = await connected(getToken, 100)
    const calls: number[] = []
    for (let ms = 0; ms < 200_000; ms += 100) {
      await pass(100)
      while (calls.length < gives.length) {
        calls.push(ms)
      }
    }
    expect(calls.length).toBeGreaterThan(2)
    for (let i = 1; i < calls.length; i++) {
      expect(calls[i]! - calls[i - 1]!).toBeGreaterThanOrEqual(9_900)
    }
    gives.at(-1)!('late')
    await pass(0)
    expect(renewed(socket)).toContain('late')
  })

  it('that the gateway finds bad is a failure, and so is the same token again', async () => {
    const getToken = vi.fn().mockResolvedValueOnce('t1').mockResolvedValue('bad')
    const { gateway, socket, errors, c } = await connected(getToken, 100)
    const reply = { seconds: 10, result: 2 }
    answers(gateway, reply)
    await pass(130_000)
    expect(renewed(socket)).toEqual(['bad'])
    expect(getToken.mock.calls.at(-1)).toEqual([true])
    expect(errors[0]).toMatchObject({ code: 'auth', message: 'token refused' })
    expect(errors[1]).toMatchObject({ code: 'auth', message: 'getToken failed' })
    getToken.mockResolvedValue('t3')
    Object.assign(reply, { seconds: 1_000, result: 0 })
    await pass(31_000)
    expect(renewed(socket)).toEqual(['bad', 't3'])
    expect(c.state).toBe(State.CONNECTED)
  })

  it('that came too soon is sent again later', async () => {
    const getToken = counting()
    const { socket, errors } = await connected(getToken, 100)
    await pass(90_000)
    greet(socket, 10, 3)
    await pass(30_000)
    expect(renewed(socket).length).toBeGreaterThan(1)
    expect(errors).toEqual([])
  })

  it.each(['lost', 'logged out'])('is over with its line: %s', async (how) => {
    const getToken = counting()
    const { c, socket } = await connected(getToken, 100, { reconnect: { baseMs: 1_000_000, capMs: 1_000_000 } })
    if (how === 'lost') {
      socket.end(1006)
    } else {
      await c.logout()
      expect(vi.getTimerCount()).toBe(0)
    }
    await pass(500_000)
    expect(getToken).toHaveBeenCalledOnce()
  })

  it('whose token comes after the logout changes nothing', async () => {
    let fail!: (error: Error) => void
    const getToken = vi.fn((): Promise<string> | string => 't1')
    const { c, errors } = await connected(getToken, 100)
    getToken.mockReturnValue(new Promise((_, reject) => (fail = reject)))
    await pass(90_000)
    await c.logout()
    fail(new Error('late'))
    await pass(0)
    expect(errors).toEqual([])
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('the dial', () => {
  it('shares a call that is under way', async () => {
    let give!: (token: string) => void
    const getToken = vi.fn((): Promise<string> | string => 't1')
    const { gateway, c, socket } = await connected(getToken, 100)
    getToken.mockReturnValue(new Promise((resolve) => (give = resolve)))
    await pass(90_000)
    expect(getToken).toHaveBeenCalledTimes(2)
    socket.end(3000, 'expired')
    await pass(0)
    expect(c.state).toBe(State.RECONNECTING)
    expect(getToken).toHaveBeenCalledTimes(2)
    give('t2')
    await pass(0)
    expect(gateway.sockets.length).toBe(2)
    expect(offered(gateway.newest)).toBe('t2')
  })

  it('after a 3000 does not go out with the token that was refused', async () => {
    const gateway = new ScriptedGateway()
    const getToken = vi.fn((_again: boolean) => 'stale')
    const c = new IMClient({ url: 'ws://gateway/', user: 'ccc', WebSocket: gateway.WebSocket, getToken })
    const login = c.login()
    await pass(0)
    gateway.newest.open()
    gateway.newest.end(3000, 'bad token')
    expect(await login).toMatchObject({
      status: 'LoginFailed',
      error: { code: 'auth', cause: { message: 'no new token' } },
    })
    expect(getToken.mock.calls).toEqual([[false], [true]])
    expect(gateway.sockets.length).toBe(1)
    // Whoever logs in anew may mean it: a clock may have been wrong.
    gateway.serve()
    expect(await c.login()).toEqual({ status: 'Success' })
  })

  it('after a 3000 goes out once, with another, and stays closed then', async () => {
    const gateway = new ScriptedGateway()
    const getToken = counting()
    const c = new IMClient({ url: 'ws://gateway/', user: 'ccc', WebSocket: gateway.WebSocket, getToken })
    const login = c.login()
    for (const token of ['t1', 't2']) {
      await pass(0)
      expect(offered(gateway.newest)).toBe(token)
      gateway.newest.open()
      gateway.newest.end(3000, 'bad token')
    }
    expect(await login).toMatchObject({ status: 'LoginFailed', error: { code: 'auth' } })
    await pass(60_000)
    expect(gateway.sockets.length).toBe(2)
  })

  it.each([undefined, null, 5, {}, new Response('t1')])('does not go out with what is no token: %s', async (given) => {
    const gateway = new ScriptedGateway().serve()
    const getToken = vi.fn(() => given as string)
    const c = new IMClient({ url: 'ws://gateway/', user: 'ccc', WebSocket: gateway.WebSocket, getToken })
    const { error } = await c.login()
    expect(error).toMatchObject({ code: 'auth', message: 'getToken failed', cause: { message: 'no new token' } })
    expect(gateway.sockets).toEqual([])
  })

  it.each([
    ['throws', () => { throw new Error('here') }],
    ['rejects', () => Promise.reject(new Error('here'))],
  ])('fails where getToken %s', async (_how, getToken) => {
    const gateway = new ScriptedGateway().serve()
    const c = new IMClient({ url: 'ws://gateway/', user: 'ccc', WebSocket: gateway.WebSocket, getToken })
    expect((await c.login()).error).toMatchObject({ code: 'auth', cause: { message: 'here' } })
    expect(gateway.sockets).toEqual([])
  })

  it('does not wait for a getToken that never settles, and asks anew after 10 s', async () => {
    const gateway = new ScriptedGateway().serve()
    const getToken = vi.fn((): Promise<string> | string => new Promise(() => {}))
    const c = new IMClient({ url: 'ws://gateway/', user: 'ccc', WebSocket: gateway.WebSocket, getToken })
    for (let tries = 1; tries <= 2; tries++) {
      const login = c.login()
      await pass(5_000)
      expect((await login).status).toBe('Timeout')
      expect(getToken).toHaveBeenCalledOnce()
    }
    getToken.mockReturnValue('t2')
    expect(await c.login()).toEqual({ status: 'Success' })
    expect(offered(gateway.newest)).toBe('t2')
    expect(gateway.sockets.length).toBe(1)
  })

  it('is not made where the client was logged out while getToken was asked', async () => {
    const gateway = new ScriptedGateway().serve()
    const gives: ((token: string) => void)[] = []
    const getToken = vi.fn(() => new Promise<string>((resolve) => gives.push(resolve)))
    const c = new IMClient({ url: 'ws://gateway/', user: 'ccc', WebSocket: gateway.WebSocket, getToken })
    const first = c.login()
    await pass(0)
    await c.logout()
    expect((await first).error).toMatchObject({ code: 'aborted' })
    const second = c.login() // shares the call
    await pass(0)
    expect(gives.length).toBe(1)
    gives[0]!('t1')
    expect(await second).toEqual({ status: 'Success' })
    expect(gateway.sockets.map(offered)).toEqual(['t1'])
  })

  it('may refresh once more when the line has lived for 5 s', async () => {
    const getToken = counting()
    const { gateway, c } = await connected(getToken, WITHOUT_END)
    for (let n = 2; n <= 4; n++) {
      await pass(5_000)
      gateway.newest.end(3000, 'expired')
      await pass(0)
      expect(c.state).toBe(State.CONNECTED)
      expect(offered(gateway.newest)).toBe(`t${n}`)
    }
    await pass(4_000)
    gateway.newest.end(3000, 'expired')
    await pass(0)
    expect(c.state).toBe(State.CLOSED)
  })

  it('of a lost line may take the token it had', async () => {
    const { gateway, c, socket } = await connected(() => 'same', 100)
    socket.end(1006)
    await pass(10_000)
    expect(c.state).toBe(State.CONNECTED)
    expect(offered(gateway.newest)).toBe('same')
  })
})

it('no token is in any error, event or log', async () => {
  const told: unknown[] = []
  const logger = { debug: told.push.bind(told), info: told.push.bind(told), warn: told.push.bind(told), error: told.push.bind(told) }
  const getToken = vi.fn().mockResolvedValueOnce('secret-1').mockResolvedValue('secret-2')
  const gateway = new ScriptedGateway().serve()
  const c = new IMClient({ url: 'ws://gateway/', user: 'ccc', WebSocket: gateway.WebSocket, getToken, logger })
  for (const type of ['state', 'error', 'closed', 'reconnecting', 'session'] as const) {
    c.on(type, (event) => told.push(event))
  }
  await c.login()
  greet(gateway.newest, 10)
  await pass(9_000)
  greet(gateway.newest, 10, 2)
  await pass(30_000)
  gateway.newest.end(3000, 'bad token')
  await pass(0)
  gateway.newest.end(3000, 'bad token')
  await pass(0)
  const words = told.map((event) => JSON.stringify(event) + String(event) + (event instanceof Error ? `${event.stack}${event.cause}` : ''))
  expect(words.length).toBeGreaterThan(10)
  expect(words.filter((text) => text.includes('secret'))).toEqual([])
})

import { describe, expect, it, vi } from 'vitest'
import { client, connected, pass, ScriptedGateway, useScript } from './scripted.js'

useScript()

/* How a promise stands, without waiting for it. */
function follow(promise: Promise<void>): { now: string } {
  const followed = { now: 'waits' }
  promise.then(
    () => (followed.now = 'sent'),
    (error: { code: string }) => (followed.now = error.code),
  )
  return followed
}

async function cut(queue: object | false = {}) {
  const gateway = new ScriptedGateway().serve()
  const line = await connected(gateway, { queue: queue as {}, reconnect: { baseMs: 60_000, capMs: 60_000 } })
  line.socket.end(1006)
  await pass(0)
  return { gateway, ...line }
}

const texts = (gateway: ScriptedGateway) => gateway.newest.sent.filter((data) => typeof data === 'string')

describe('sendText', () => {
  it('hands to the socket at once', async () => {
    const { c, socket } = await connected(new ScriptedGateway().serve())
    const sent = c.sendText('a')
    expect(socket.sent.at(-1)).toBe('a')
    expect(await sent).toBeUndefined()
  })

  it('without a queue fails where there is no line', async () => {
    const { c } = await cut(false)
    await expect(c.sendText('a')).rejects.toMatchObject({ name: 'IMError', code: 'network' })
  })

  it('rejects what a socket throws', async () => {
    const { c, socket } = await connected(new ScriptedGateway().serve())
    const fault = new TypeError('no text')
    socket.send = () => {
      throw fault
    }
    await expect(c.sendText({} as string)).rejects.toBe(fault)
  })

  it.each([
    ['of ASCII', 'x'.repeat(65_536), 'x'],
    ['of UTF-8', '中'.repeat(21_845), 'xx'],
  ])('rejects what the gateway would close for: 65,536 bytes %s are the most', async (_what, most, more) => {
    const { c, socket } = await connected(new ScriptedGateway().serve())
    await c.sendText(most)
    expect(socket.sent.at(-1)).toBe(most)
    await expect(c.sendText(most + more)).rejects.toMatchObject({ code: 'too-big', message: 'over 65536 bytes' })
    expect(socket.sent.at(-1)).toBe(most)
    expect(socket.closed).toBeUndefined()
  })

  it('takes as much as maxMessage says, with a line or without', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway, { maxMessage: 3, queue: {} })
    await expect(c.sendText('abcd')).rejects.toMatchObject({ code: 'too-big' })
    void c.login()
    await expect(c.sendText('abcd')).rejects.toMatchObject({ code: 'too-big' })
    expect(follow(c.sendText('abc')).now).toBe('waits')
  })

  it('does not take a socket that is closing for a line', async () => {
    const { c, socket } = await connected(new ScriptedGateway().serve())
    socket.readyState = 2
    await expect(c.sendText('a')).rejects.toMatchObject({ code: 'network' })
  })

  it.each(['before login', 'during logout', 'after logout'])('fails %s, queue or not', async (when) => {
    const gateway = new ScriptedGateway().serve(20)
    const c = client(gateway, { queue: {} })
    if (when !== 'before login') {
      void c.login()
      await pass(60)
      void c.logout()
      await pass(when === 'after logout' ? 60 : 0)
    }
    await expect(c.sendText('a')).rejects.toMatchObject({ code: 'network' })
  })

  it('fails by a signal that has fired', async () => {
    const { c, socket } = await connected(new ScriptedGateway().serve())
    await expect(c.sendText('a', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' })
    expect(socket.sent).not.toContain('a')
  })
})

describe('the queue', () => {
  it('keeps texts for the next line, in order, before newer ones', async () => {
    const { gateway, c } = await cut({ ttlMs: 100_000 })
    const sent = ['a', 'b', 'c'].map((text) => follow(c.sendText(text)))
    c.on('reconnected', () => void c.sendText('d'))
    await pass(29_999)
    expect(sent.map(({ now }) => now)).toEqual(['waits', 'waits', 'waits'])
    await pass(30_001)
    expect(sent.map(({ now }) => now)).toEqual(['sent', 'sent', 'sent'])
    expect(texts(gateway)).toEqual(['a', 'b', 'c', 'd'])
  })

  it('keeps texts during the first login', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway, { queue: {} })
    void c.login()
    await pass(0)
    const a = follow(c.sendText('a'))
    gateway.newest.open()
    const b = follow(c.sendText('b'))
    await pass(0)
    expect([a.now, b.now]).toEqual(['waits', 'waits'])
    expect(texts(gateway)).toEqual([])
    gateway.newest.pong()
    await pass(0)
    expect([a.now, b.now]).toEqual(['sent', 'sent'])
    expect(texts(gateway)).toEqual(['a', 'b'])
    expect(vi.getTimerCount()).toBe(2)
  })

  it('takes maxMessages', async () => {
    const { c } = await cut({ maxMessages: 2 })
    const sent = ['a', 'b', 'c'].map((text) => follow(c.sendText(text)))
    await pass(0)
    expect(sent.map(({ now }) => now)).toEqual(['waits', 'waits', 'network'])
  })

  it('takes maxBytes of UTF-8, and counts what has left', async () => {
    const { c } = await cut({ maxBytes: 6 })
    const abort = new AbortController()
    const sent = [follow(c.sendText('中', { signal: abort.signal })), follow(c.sendText('abcd')), follow(c.sendText('abc'))]
    await pass(0)
    expect(sent.map(({ now }) => now)).toEqual(['waits', 'network', 'waits'])
    abort.abort()
    const next = follow(c.sendText('xyz'))
    await pass(0)
    expect([sent[0]!.now, next.now]).toEqual(['aborted', 'waits'])
  })

  it('lets a text wait for ttlMs', async () => {
    const { gateway, c } = await cut({ ttlMs: 1_000 })
    const a = follow(c.sendText('a'))
    await pass(500)
    const b = follow(c.sendText('b'))
    await pass(499)
    expect(a.now).toBe('waits')
    await pass(1)
    expect([a.now, b.now]).toEqual(['timeout', 'waits'])
    await pass(500)
    expect(b.now).toBe('timeout')
    await pass(60_000)
    expect(texts(gateway)).toEqual([])
  })

  it('gives up a text by its signal, and only that', async () => {
    const { gateway, c } = await cut({ ttlMs: 100_000 })
    const abort = new AbortController()
    const later = new AbortController()
    const a = follow(c.sendText('a', { signal: abort.signal }))
    const b = follow(c.sendText('b'))
    const added = vi.spyOn(later.signal, 'addEventListener')
    const removed = vi.spyOn(later.signal, 'removeEventListener')
    const d = follow(c.sendText('d', { signal: later.signal }))
    abort.abort()
    await pass(60_000)
    expect([a.now, b.now, d.now]).toEqual(['aborted', 'sent', 'sent'])
    expect(removed.mock.calls).toEqual(added.mock.calls)
    expect(texts(gateway)).toEqual(['b', 'd'])
  })

  it('fails by what ended the client', async () => {
    for (const [code, error] of [[4001, 'kicked'], [4000, 'auth']] as const) {
      const { gateway, c } = await cut({ ttlMs: 100_000 })
      const a = follow(c.sendText('a'))
      gateway.dialed = (socket) => queueMicrotask(() => socket.end(code))
      await pass(60_000)
      expect(a.now).toBe(error)
    }
    const { c } = await cut()
    const a = follow(c.sendText('a'))
    await c.logout()
    await pass(0)
    expect(a.now).toBe('aborted')
    expect(vi.getTimerCount()).toBe(0)
  })

  it('goes out in portions, the next when the gateway has read the one before, newer texts behind it', async () => {
    const gateway = new ScriptedGateway()
    const c = client(gateway, { queue: {}, heartbeatIntervalMs: 1_000 })
    void c.login()
    await pass(0)
    const names = Array.from({ length: 50 }, (_, i) => `t${i}`)
    const sent = names.map((text) => follow(c.sendText(text)))
    gateway.newest.open()
    gateway.newest.message('hello -- FROM bob') // the login is a success, but nothing says what was read
    expect(texts(gateway)).toEqual([])
    gateway.newest.pong()
    expect(texts(gateway)).toEqual(names.slice(0, 20))
    expect(gateway.newest.pings).toBe(2)
    const newer = follow(c.sendText('newer'))
    await pass(1_000) // a heartbeat between does not hasten it
    expect(gateway.newest.pings).toBe(3)
    gateway.newest.pong()
    expect(texts(gateway).length).toBe(20)
    gateway.newest.pong()
    expect(texts(gateway).length).toBe(40)
    gateway.newest.pong()
    await pass(0)
    expect(texts(gateway)).toEqual([...names, 'newer'])
    expect(gateway.newest.pings).toBe(4)
    expect([...sent, newer].every(({ now }) => now === 'sent')).toBe(true)
    await c.sendText('last')
    expect(texts(gateway).at(-1)).toBe('last')
  })

  it('of which a portion is under way goes on with the next line', async () => {
    const { gateway, c } = await cut({ ttlMs: 1_000_000 })
    const names = Array.from({ length: 30 }, (_, i) => `t${i}`)
    const sent = names.map((text) => follow(c.sendText(text)))
    gateway.fallSilent().dialed = (socket) => queueMicrotask(() => socket.ready())
    await pass(60_000)
    expect(texts(gateway)).toEqual(names.slice(0, 20))
    gateway.newest.end(1006)
    await pass(60_000)
    expect(texts(gateway)).toEqual(names.slice(20))
    expect(sent.every(({ now }) => now === 'sent')).toBe(true)
  })

  it('keeps what the line does not take', async () => {
    const { gateway, c } = await cut({ ttlMs: 1_000_000 })
    const sent = ['a', 'b'].map((text) => follow(c.sendText(text)))
    gateway.dialed = (socket) => queueMicrotask(() => socket.open())
    const answer = gateway.spoken!
    gateway.spoken = (socket, data) => {
      answer(socket, data)
      if (data === 'a') {
        socket.readyState = 2
      }
    }
    await pass(60_000)
    expect(sent.map(({ now }) => now)).toEqual(['sent', 'waits'])
    gateway.newest.end(1006)
    await pass(60_000)
    expect(sent.map(({ now }) => now)).toEqual(['sent', 'sent'])
    expect(texts(gateway)).toEqual(['b'])
  })
})

// The faults of the tutorial's SDK (their numbers are those of FAULTS.md) that a server has a part in, each
// against the real gateway. Sockets are counted at the proxy or by the gateway's log, never by the client.
// Number 13, the hidden tab, is in test/browser.

import { describe, expect, it } from 'vitest'

import { Ack, State } from '../../src/index.js'
import { again, client, gateway, proxy } from './client.js'
import { until, watchFor } from './until.js'

const LONG_BACKOFF = { maxAttempts: Infinity, baseMs: 60_000, capMs: 60_000, minUptimeMs: 5_000 }

describe('1: a server that accepts and closes is not hammered', () => {
  it.each(['cut', 'reset'] as const)('dials at most 3 times in 3 s when each is %s', async (how) => {
    const road = await proxy(await gateway())
    const alice = client(road, 'alice', { reconnect: {} }) // the defaults
    await alice.client.login()
    await road.welcome(how)
    road.reset()
    await alice.reaches(State.RECONNECTING)
    const dialsBefore = road.dials
    await watchFor(3_000)
    expect(road.dials - dialsBefore).toBeLessThanOrEqual(3)
    expect(alice.client.state).toBe(State.RECONNECTING)
  })
})

describe('2: a kick is recognised', () => {
  it('ends the older login for good, and the newer one lives on', async () => {
    const server = await gateway()
    const older = client(server, 'alice')
    const newer = client(server, 'alice')
    await older.client.login()
    await newer.client.login()
    await older.reaches(State.CLOSED)
    await newer.beats(5)
    expect(older.closes).toEqual([{ reason: 'kicked', code: 4001 }])
    expect(older.kicks).toBe(1)
    expect(older.delays).toEqual([])
    expect(newer.states).toEqual([State.CONNECTING, State.CONNECTED])
    await expect.poll(() => server.logins('alice').length).toBe(2)
  })

  it('lets the loser log in again when its user wants that', async () => {
    const server = await gateway()
    const first = client(server, 'alice')
    const second = client(server, 'alice')
    await first.client.login()
    await second.client.login()
    await first.reaches(State.CLOSED)
    expect(await first.client.login()).toMatchObject({ status: Ack.Success })
    await second.reaches(State.CLOSED)
    expect(second.closes).toEqual([{ reason: 'kicked', code: 4001 }])
    await expect.poll(() => server.logins('alice').length).toBe(3)
  })
})

describe('3: the read deadline counts from the login', () => {
  it('makes one connection after a long idle time', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const readTimeoutMs = 600
    const alice = client(road, 'alice', { readTimeoutMs })
    await watchFor(2 * readTimeoutMs)
    await alice.client.login()
    await alice.client.logout()
    await watchFor(2 * readTimeoutMs)
    const dialsBefore = road.dials
    await alice.client.login()
    await alice.beats(8)
    expect(road.dials - dialsBefore).toBe(1)
    expect(alice.delays).toEqual([])
  })
})

describe('4: a line that is given up is closed', () => {
  it('leaves one connection at the server', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const alice = client(road, 'alice', { readTimeoutMs: 400, reconnect: { baseMs: 500, capMs: 500 } })
    await alice.client.login()
    road.seal({ down: 'swallow' })
    await alice.reaches(State.RECONNECTING)
    await until('the old line has ended at the server', () => server.open('alice') === 0)
    await alice.reaches(State.CONNECTED)
    expect(alice.reasons).toContain('timeout')
    await expect.poll(() => server.logins('alice').length).toBe(2)
    await expect.poll(() => server.open('alice')).toBe(1)
    // It was the client that ended the old line, not the kick by its new login.
    expect(server.matching(/kicked/)).toEqual([])
  })

  it('comes back from a black hole by itself, with one live line', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const alice = client(road, 'alice', { readTimeoutMs: 400, connectTimeoutMs: 1_500 })
    await alice.client.login()
    await road.blackHole()
    await alice.reaches(State.RECONNECTING)
    await road.dialled(3)
    await road.welcome('pass')
    await alice.reaches(State.CONNECTED)
    await alice.beats(3)
    // The gateway cannot have heard the Close of the first line, but it has ended it for the new login.
    await until('one line at the server', () => server.open('alice') === 1)
    expect(alice.client.state).toBe(State.CONNECTED)
  })
})

describe('5: one heartbeat for each line, whatever came before', () => {
  it('pings in its rhythm after four drops', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const heartbeatIntervalMs = 150
    const alice = client(road, 'alice', { heartbeatIntervalMs })
    await alice.client.login()
    for (let drop = 1; drop <= 4; drop++) {
      road.reset()
      await server.logged(/user alice in/, drop + 1)
      await alice.reaches(State.CONNECTED)
    }
    await alice.beats()
    const [pings, started] = [server.pings('alice'), performance.now()]
    await until('10 more heartbeats', () => server.pings('alice') >= pings + 10)
    // Old timers would make it five times as fast. A timer may fire a millisecond early.
    expect(performance.now() - started).toBeGreaterThan(9 * (heartbeatIntervalMs - 2))
    // One ping at each login makes sure of the line. What was under way at a drop may not have arrived.
    await alice.client.logout()
    await until('the line has ended', () => server.open('alice') === 0)
    const sent = alice.client.stats.pings
    expect(server.pings('alice')).toBeGreaterThanOrEqual(sent - 4)
    expect(server.pings('alice')).toBeLessThanOrEqual(sent)
  })
})

describe('6: late events of an old line are ignored', () => {
  it('does not let what the old line still brings touch the new one', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const alice = client(road, 'alice', { readTimeoutMs: 400 })
    const bob = client(server, 'bob')
    await alice.client.login()
    await bob.client.login()
    const delayMs = 1_500
    road.seal({ down: { delayMs } })
    await bob.client.sendText('to the old line')
    await alice.reaches(State.RECONNECTING)
    await alice.reaches(State.CONNECTED)
    const statesBefore = alice.states.length
    await watchFor(delayMs + 200)
    expect(alice.states).toHaveLength(statesBefore)
    expect(alice.messages).toEqual([])
    expect(road.dials).toBe(2)
    await bob.client.sendText('to the new line')
    await until('the text', () => alice.messages.length > 0)
    expect(alice.messages.map(({ text }) => text)).toEqual(['to the new line'])
  })
})

describe('7: error and close make one attempt', () => {
  it('dials once for each announced attempt', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const alice = client(road, 'alice')
    await alice.client.login()
    await road.welcome('reset') // ws fires error and close
    road.reset()
    await road.dialled(6)
    await road.welcome('pass')
    await alice.reaches(State.CONNECTED)
    expect(road.dials).toBe(1 + alice.delays.length)
    expect(road.maxOpen).toBe(1)
  })
})

describe('8: logout() during the back-off stays', () => {
  it('dials no more', async () => {
    const road = await proxy(await gateway())
    const backoff = { maxAttempts: Infinity, baseMs: 300, capMs: 300 }
    const alice = client(road, 'alice', { reconnect: backoff })
    await alice.client.login()
    road.reset()
    await alice.reaches(State.RECONNECTING)
    await alice.client.logout()
    expect(alice.client.state).toBe(State.CLOSED)
    await watchFor(3 * backoff.capMs)
    expect(road.dials).toBe(1)
    expect(alice.client.state).toBe(State.CLOSED)
  })
})

describe('9: logout() during login wins', () => {
  it.each(['blackHole', 'pass'] as const)(
    'ends the login as aborted when the dial is met by %s',
    async (how) => {
      const server = await gateway()
      const road = await proxy(server)
      await road.welcome(how)
      const alice = client(road, 'alice')
      const login = alice.client.login()
      if (how === 'blackHole') {
        await road.dialled(1)
      }
      await alice.client.logout()
      const { status, error } = await login
      expect(status).toBe(Ack.LoginFailed)
      expect(error).toMatchObject({ code: 'aborted' })
      expect(alice.client.state).toBe(State.CLOSED)
      await until('nothing is open', () => road.openClients === 0 && road.openServers === 0)
      expect(alice.states).not.toContain(State.CONNECTED)
    },
  )

  it('does the same for a signal', async () => {
    const road = await proxy(await gateway())
    await road.welcome('blackHole')
    const alice = client(road, 'alice')
    const abort = new AbortController()
    const login = alice.client.login({ signal: abort.signal })
    await road.dialled(1)
    abort.abort()
    expect((await login).error).toMatchObject({ code: 'aborted' })
    expect(alice.client.state).toBe(State.CLOSED)
    await until('nothing is open', () => road.openClients === 0)
  })
})

describe('10: logins at the same time are one', () => {
  it('opens one socket for three', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const alice = client(road, 'alice')
    const logins = [alice.client.login(), alice.client.login(), alice.client.login()]
    for (const { status } of await Promise.all(logins)) {
      expect(status).toBe(Ack.Success)
    }
    await alice.beats(2)
    expect(road.dials).toBe(1)
    expect(await alice.client.login()).toMatchObject({ status: Ack.Logined })
    expect(road.dials).toBe(1)
  })
})

describe('11: a login that times out leaves nothing behind', () => {
  it.each(['blackHole', 'delay'] as const)('closes the dial that is met by %s', async (how) => {
    const server = await gateway()
    const road = await proxy(server)
    await road.welcome(how === 'delay' ? 'pass' : how)
    road.newcomers.down = { delayMs: 1_000 }
    const alice = client(road, 'alice', { connectTimeoutMs: 300 })
    const login = alice.client.login()
    const { status, error } = await login
    expect(status).toBe(Ack.Timeout)
    expect(error).toMatchObject({ code: 'timeout' })
    expect(alice.client.state).toBe(State.CLOSED)
    await until('nothing is open', () => road.openClients === 0 && road.openServers === 0)
    await watchFor(1_000)
    expect(road.dials).toBe(1)
    expect(alice.states).toEqual([State.CONNECTING, State.CLOSED])
  })
})

describe('12: the user arrives whole', () => {
  it.each(['a&b=1#x 中', 'a+b %41/?', '👩‍🚀', 'é'.repeat(32)])('%s', async (user) => {
    const server = await gateway()
    const alice = client(server, user)
    const bob = client(server, 'bob')
    await bob.client.login()
    expect(await alice.client.login()).toMatchObject({ status: Ack.Success })
    await alice.client.sendText('who am I?')
    await until('the text', () => bob.messages.length === 1)
    expect(bob.messages[0]).toMatchObject({ text: 'who am I?', from: user })
  })
})

describe('14: texts and packets are told apart', () => {
  it('brings both kinds whole, and no heartbeat among them', async () => {
    const server = await gateway()
    const alice = client(server, 'alice')
    const bob = client(server, 'bob')
    await alice.client.login()
    await bob.client.login()
    const texts = [
      'hello',
      '',
      'héllo 中 😀',
      'a -- FROM b',
      '\u0000',
      '{"command":101}',
      'x'.repeat(64 * 1024 - 6),
    ]
    for (const text of texts) {
      await bob.client.sendText(text)
    }
    await until('all texts', () => alice.messages.length >= texts.length)
    await alice.beats(3)
    expect(alice.messages.map(({ text }) => text)).toEqual(texts)
    expect(alice.messages.every(({ from }) => from === 'bob')).toBe(true)
    expect(alice.errors).toEqual([])
    expect(bob.messages).toEqual([])
  })

  it('closes with 4002 on a packet that is cut, tells of it, and stays away', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const alice = client(road, 'alice')
    await alice.client.login()
    road.inject(Uint8Array.of(0x82, 3, 0, 102, 0)) // a whole frame, half a packet's head
    await alice.reaches(State.CLOSED)
    expect(alice.errors.map(({ code }) => code)).toEqual(['protocol'])
    expect(alice.closes).toEqual([{ reason: 'protocol', code: 4002 }])
    await expect.poll(() => server.open('alice')).toBe(0)
    await watchFor(300)
    expect(road.dials).toBe(1)
  })

  it('takes a command that it does not know, and a text of nobody, as they come', async () => {
    const road = await proxy(await gateway())
    const alice = client(road, 'alice')
    await alice.client.login()
    road.inject(Uint8Array.of(0x82, 7, 0, 150, 0, 0, 0, 1, 7)) // a packet 150
    road.inject(Uint8Array.of(0x81, 2, 104, 105)) // the text `hi`
    await until('the text', () => alice.messages.length === 1)
    expect(alice.messages[0]).toMatchObject({ kind: 'text', text: 'hi', from: undefined })
    await alice.beats(2)
    expect(alice.errors).toEqual([])
    expect(road.dials).toBe(1)
  })
})

describe('the way back', () => {
  it('is found after the server has crashed and come back', async () => {
    const server = await gateway()
    const alice = client(server, 'alice')
    await alice.client.login()
    await server.kill()
    await alice.reaches(State.RECONNECTING)
    const next = await again(server)
    await alice.reaches(State.CONNECTED)
    await alice.beats(2)
    await expect.poll(() => next.open('alice')).toBe(1)
    expect(alice.closes).toEqual([])
  })

  it('ends when the attempts are used up', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const alice = client(road, 'alice', { reconnect: { maxAttempts: 3, baseMs: 20, capMs: 50 } })
    await alice.client.login()
    await road.welcome('reset')
    road.reset()
    await alice.reaches(State.CLOSED)
    expect(road.dials).toBe(1 + 3)
    expect(alice.reasons.at(-1)).toBe('reconnect timeout')
    expect(alice.closes).toHaveLength(1)
  })

  it('is not walked before the first login has worked', async () => {
    const road = await proxy(await gateway())
    await road.welcome('refuse')
    const alice = client(road, 'alice')
    const { status, error } = await alice.client.login()
    expect(status).toBe(Ack.LoginFailed)
    expect(error).toMatchObject({ code: 'network' })
    await road.welcome('pass')
    await watchFor(300)
    expect(road.dials).toBe(0)
    expect(await alice.client.login()).toMatchObject({ status: Ack.Success })
  })

  it('holds back what is said meanwhile, where there is a queue', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const alice = client(road, 'alice', { queue: {} })
    const bob = client(server, 'bob')
    await bob.client.login()
    await alice.client.login()
    await road.welcome('reset')
    road.reset()
    await alice.reaches(State.RECONNECTING)
    const sent = ['one', 'two', 'three'].map((text) => alice.client.sendText(text))
    await road.welcome('pass')
    await Promise.all(sent)
    await until('the texts', () => bob.messages.length >= 3)
    expect(bob.messages.map(({ text }) => text)).toEqual(['one', 'two', 'three'])
  })

  it('fails what is said meanwhile, where there is none', async () => {
    const road = await proxy(await gateway())
    const alice = client(road, 'alice', { reconnect: LONG_BACKOFF })
    await alice.client.login()
    road.reset()
    await alice.reaches(State.RECONNECTING)
    await expect(alice.client.sendText('lost')).rejects.toMatchObject({ code: 'network' })
  })
})

// What the client does when the gateway ends its line: the table of close codes, each from the gateway itself.

import { describe, expect, it } from 'vitest'

import { Ack, State } from '../../src/index.js'
import { again, client, gateway, proxy } from './client.js'
import { until, watchFor } from './until.js'

describe('4000 bad login', () => {
  it.each([
    ['a blank at its end', 'alice '],
    ['65 bytes', 'é'.repeat(32) + 'x'],
    ['a control character', 'a\nb'],
  ])('stays closed: %s', async (_what, user) => {
    const server = await gateway()
    const road = await proxy(server)
    const alice = client(road, user)
    const { status, error } = await alice.client.login()
    expect(status).toBe(Ack.LoginFailed)
    expect(error).toMatchObject({ code: 'auth' })
    expect(alice.client.state).toBe(State.CLOSED)
    await watchFor(300)
    expect(road.dials).toBe(1)
    await until('nothing is open', () => road.openServers === 0)
  })
})

describe('1012 restart', () => {
  it('comes back in the slot that the drain gave', async () => {
    const server = await gateway('--drain', '8') // time for the next one to begin, on a busy machine too
    const road = await proxy(server)
    // The SDK's own back-off would be far off that slot; where the next gateway is late it comes behind it. That a delay is kept is shown by test/unit/transitions.test.ts.
    const alice = client(road, 'alice', { reconnect: { baseMs: 8_000, capMs: 8_000 } })
    await alice.client.login()
    server.signal('SIGTERM')
    await alice.reaches(State.RECONNECTING)
    await until('it says when', () => alice.delays.length === 1)
    const retryMs = Number(/^close 1012: retry_ms=(\d+)$/.exec(alice.troubles[0]!.message)![1])
    expect(alice.delays).toEqual([retryMs])
    expect(retryMs).toBeGreaterThan(0)
    expect(retryMs).toBeLessThanOrEqual(11_000) // what is left of the drain, 1 s, the slot
    expect(await server.ended()).toBe(0)
    const next = await again(server, '--drain', '0')
    await next.logged(/user alice in/)
    await alice.reaches(State.CONNECTED)
    expect(alice.delays[0]).toBe(retryMs)
    expect(road.dials).toBe(1 + alice.delays.length) // one, unless the next gateway was late
  })
})

describe('1013 overloaded', () => {
  it('waits as long as the gateway asks when it was too slow a reader', async () => {
    const server = await gateway('--tx-queue-limit', '131072', '--close-deadline', '60')
    const road = await proxy(server)
    const patient = { heartbeatIntervalMs: 60_000, readTimeoutMs: 120_000 }
    const alice = client(road, 'alice', { ...patient, reconnect: { baseMs: 60_000, capMs: 60_000 } })
    const bob = client(server, 'bob')
    await alice.client.login()
    await bob.client.login()
    road.stall()
    const text = 'x'.repeat(60_000)
    const isCut = () => server.matching(/user alice out:/).length > 0
    await until('the gateway cuts alice off', async () => {
      await bob.client.sendText(text)
      return isCut()
    })
    road.resume()
    await alice.reaches(State.RECONNECTING)
    await until('it says when', () => alice.delays.length === 1)
    expect(alice.delays[0]).toBeLessThan(60_000)
    await alice.reaches(State.CONNECTED)
    await expect.poll(() => server.logins('alice').length).toBe(2)
    expect(bob.client.state).toBe(State.CONNECTED)
  })
})

describe('1013 because sessions of its user kick each other', () => {
  it('waits as long as the gateway asks, while the session that is in lives on', async () => {
    const server = await gateway('--kick-limit', '1')
    const road = await proxy(server)
    const older = client(server, 'alice')
    const alice = client(road, 'alice', { readTimeoutMs: 500 })
    await older.client.login()
    await alice.client.login()
    await older.reaches(State.CLOSED)
    expect(older.closes).toEqual([{ reason: 'kicked', code: 4001 }])
    // Its network goes and comes back: its own old line is in, as the gateway sees it.
    await road.blackHole()
    await alice.reaches(State.RECONNECTING)
    await road.welcome('pass')
    await until('it is told when', () => alice.delays.some((ms) => ms >= 2_000))
    expect(alice.client.state).toBe(State.RECONNECTING)
    // A first login is told as well, and waits.
    const login = older.client.login()
    await until('it is told when', () => older.delays.some((ms) => ms >= 2_000))
    expect(older.client.state).toBe(State.RECONNECTING)
    void older.client.logout()
    expect(await login).toMatchObject({ status: Ack.LoginFailed, error: { code: 'aborted' } })
    await alice.reaches(State.CONNECTED)
    await alice.beats()
    await expect.poll(() => server.logins('alice').length).toBe(3)
  })
})

describe('3008 i/o timeout', () => {
  it('comes back with back-off', async () => {
    const server = await gateway('--read-deadline', '1')
    const alice = client(server, 'alice', { heartbeatIntervalMs: 60_000, readTimeoutMs: 120_000 })
    await alice.client.login()
    await alice.reaches(State.RECONNECTING)
    await alice.reaches(State.CONNECTED)
    expect(alice.reasons).toContain('timeout')
    await expect.poll(() => server.matching(/i\/o timeout/).length).toBe(1)
  })

  it('does not happen to who beats', async () => {
    const server = await gateway('--read-deadline', '1')
    const alice = client(server, 'alice', { heartbeatIntervalMs: 300 })
    await alice.client.login()
    await alice.beats(10)
    await expect.poll(() => server.logins('alice').length).toBe(1)
  })
})

describe('1009 message too big', () => {
  it('stays closed and says that this is a bug', async () => {
    const server = await gateway('--max-message', '1024')
    const road = await proxy(server)
    const alice = client(road, 'alice')
    await alice.client.login()
    await alice.client.sendText('x'.repeat(2_000))
    await alice.reaches(State.CLOSED)
    expect(alice.closes).toEqual([{ reason: 'protocol', code: 1009 }])
    expect(alice.errors.map(({ code }) => code)).toEqual(['protocol'])
    await watchFor(300)
    expect(road.dials).toBe(1)
  })
})

describe('503, no WebSocket at all', () => {
  it('is a failed login, and works once there is room', async () => {
    const server = await gateway('--max-connections', '1')
    const bob = client(server, 'bob')
    const alice = client(server, 'alice')
    await bob.client.login()
    expect(await alice.client.login()).toMatchObject({ status: Ack.LoginFailed, error: { code: 'network' } })
    await bob.client.logout()
    // Bob's end is known before his place is free.
    await until('there is room', async () => (await alice.client.login()).status === Ack.Success)
  })
})

describe('logout', () => {
  it('is a Close that both sides see, and the end', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const alice = client(road, 'alice')
    await alice.client.login()
    await Promise.all([alice.client.logout(), alice.client.logout()])
    expect(alice.client.state).toBe(State.CLOSED)
    expect(alice.states).toEqual([State.CONNECTING, State.CONNECTED, State.CLOSING, State.CLOSED])
    expect(alice.closes).toEqual([{ reason: 'logout', code: 1000 }])
    await until('nothing is open', () => server.open('alice') === 0 && road.openServers === 0)
    await watchFor(300)
    expect(road.dials).toBe(1)
  })

  it('between two logins, as React makes them, leaves one session of one dial', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const alice = client(road, 'alice')
    void alice.client.login()
    void alice.client.logout()
    expect(await alice.client.login()).toEqual({ status: Ack.Success })
    await alice.beats(3)
    expect(road.dials).toBe(1)
    expect(alice.kicks).toBe(0)
    await expect.poll(() => server.logins('alice').length).toBe(1)
  })

  it('does not wait for a server that is gone', async () => {
    const road = await proxy(await gateway())
    const alice = client(road, 'alice', { closeTimeoutMs: 200 })
    await alice.client.login()
    await road.blackHole()
    const started = performance.now()
    await alice.client.logout()
    expect(alice.client.state).toBe(State.CLOSED)
    expect(performance.now() - started).toBeGreaterThan(150)
    expect(alice.closes).toMatchObject([{ reason: 'logout' }])
  })
})

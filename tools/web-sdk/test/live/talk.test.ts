// tidegate.v1 against the real gateway: users, rooms, devices, a backend's hand, reconnects.

import { WebSocket as NodeWebSocket } from 'ws'
import { afterEach, describe, expect, it } from 'vitest'

import { IMClient, State, type ClientOptions, type IMError, type Members, type Said, type SessionInfo } from '../../src/v1.js'
import { freePort, type Gateway } from './gateway.js'
import { gateway, proxy, QUICK } from './client.js'
import { until } from './until.js'

const injected = NodeWebSocket as unknown as NonNullable<ClientOptions['WebSocket']>
const clients: IMClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) {
    await client.logout()
  }
})

async function person(at: { url: string }, user: string, options: Partial<ClientOptions> = {}) {
  const WebSocket = process.env['TIDEGATE_SDK_SOCKET'] === 'node' ? undefined : injected
  const client = new IMClient({ ...QUICK, WebSocket, url: at.url, user, ...options })
  clients.push(client)
  const seen = { direct: [] as Said[], members: [] as Members[], sessions: [] as SessionInfo[], texts: [] as string[] }
  client.on('direct', (said) => seen.direct.push(said))
  client.on('members', (members) => seen.members.push(members))
  client.on('session', (session) => seen.sessions.push(session))
  client.on('message', ({ text }) => seen.texts.push(text))
  expect(await client.login()).toEqual({ status: 'Success' })
  return { client, seen }
}

/** A gateway with an admin port. */
async function administered(...options: string[]): Promise<{ server: Gateway; ask: (method: string, path: string) => Promise<number> }> {
  const port = await freePort()
  const server = await gateway('--admin', `127.0.0.1:${port}`, ...options)
  return { server, ask: async (method, path) => (await fetch(`http://127.0.0.1:${port}${path}`, { method })).status }
}

describe('to a user', () => {
  it('reaches all his devices, and the other ones of who says it', async () => {
    const server = await gateway('--max-devices', '3')
    const phone = await person(server, 'alice', { device: 'phone' })
    const desk = await person(server, 'alice', { device: 'desk' })
    const bob = await person(server, 'bob')
    expect(phone.seen.sessions).toEqual([{ user: 'alice', device: 'phone', secondsLeft: Infinity }])
    expect(await bob.client.say('@alice', 'hello 中')).toEqual({ result: 'done', count: 2 })
    await until('both have it', () => phone.seen.direct.length + desk.seen.direct.length === 2)
    expect(phone.seen.direct).toMatchObject([{ audience: '@alice', from: 'bob', text: 'hello 中' }])
    expect(Math.abs(phone.seen.direct[0]!.sentMs - Date.now())).toBeLessThan(3_600_000)
    await phone.client.say('@bob', 'good evening')
    await until('the other device has it', () => desk.seen.direct.length === 2)
    expect(desk.seen.direct[1]).toMatchObject({ audience: '@bob', from: 'alice', text: 'good evening' })
    expect(await bob.client.say('@nobody', 'x')).toEqual({ result: 'nobody there', count: 0 })
    await expect(bob.client.say('bob', 'x')).rejects.toMatchObject({ code: 'bad-name' })
  })

  it('and to everybody, as far as the gateway lets', async () => {
    const server = await gateway('--client-broadcast', 'no')
    const { client } = await person(server, 'alice')
    await expect(client.say('', 'all')).rejects.toMatchObject({ code: 'not-allowed' })
    const errors: IMError[] = []
    client.on('error', (error) => errors.push(error))
    await client.sendText('all')
    await until('it is told', () => errors.length === 1)
    expect(errors[0]).toMatchObject({ code: 'not-allowed' })
    expect(client.state).toBe(State.CONNECTED)
  })
})

describe('a room', () => {
  it('is joined, heard, listed and left', async () => {
    const server = await gateway()
    const alice = await person(server, 'alice')
    const bob = await person(server, 'bob')
    const [here, there] = [alice, bob].map(({ client }) => client.room('lobby'))
    expect(await here!.join()).toEqual({ result: 'done', count: 1 })
    expect(await there!.join()).toEqual({ result: 'done', count: 2 })
    await until('alice sees bob come', () => alice.seen.members.length === 1)
    expect(alice.seen.members[0]).toEqual({ room: 'lobby', count: 2, change: 'came', user: 'bob' })
    const heard: Said[] = []
    there!.on('message', (said) => heard.push(said))
    expect(await here!.say('hello')).toEqual({ result: 'done', count: 1 })
    await until('bob hears it', () => heard.length === 1)
    expect(heard[0]).toMatchObject({ audience: '#lobby', from: 'alice', text: 'hello' })
    expect(await here!.members()).toEqual(['alice', 'bob'])
    await there!.leave()
    await until('alice sees bob go', () => alice.seen.members.length === 2)
    expect(alice.seen.members[1]).toMatchObject({ change: 'went', user: 'bob', count: 1 })
    await expect(there!.say('still here?')).rejects.toMatchObject({ code: 'not-a-member' })
    await expect(there!.members()).rejects.toMatchObject({ code: 'not-a-member' })
  })

  it('has pages of members', async () => {
    const server = await gateway()
    const names = Array.from({ length: 300 }, (_, i) => `user-${String(i).padStart(3, '0')}`)
    for (let i = 0; i < names.length; i += 50) {
      await Promise.all(
        names.slice(i, i + 50).map(async (name) => {
          const { client } = await person(server, name, { heartbeatIntervalMs: 5_000 })
          await client.room('crowd').join()
        }),
      )
    }
    expect(await clients[0]!.room('crowd').members()).toEqual(names)
  })

  it('is joined again by itself, before what waited is said', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const alice = await person(road, 'alice', { queue: {} })
    const bob = await person(server, 'bob')
    const [here, there] = [alice, bob].map(({ client }) => client.room('lobby'))
    await here!.join()
    await there!.join()
    const heard: string[] = []
    there!.on('message', ({ text }) => heard.push(text))
    road.reset()
    await until('alice has noticed', () => alice.client.state === State.RECONNECTING)
    const said = here!.say('back again')
    expect(await said).toEqual({ result: 'done', count: 1 })
    await until('bob hears it', () => heard.length === 1)
    expect(heard).toEqual(['back again'])
    await until('bob has seen her go and come', () => bob.seen.members.length === 2)
    expect(bob.seen.members.map(({ change }) => change)).toEqual(['went', 'came'])
  })

  it('takes in and puts out by the hand of a backend', async () => {
    const { server, ask } = await administered()
    const { client, seen } = await person(server, 'alice')
    expect(await ask('PUT', '/v1/rooms/party/members/alice')).toBeLessThan(300)
    await until('she is told', () => seen.members.length === 1)
    expect(seen.members[0]).toEqual({ room: 'party', count: 1, change: 'came', user: 'alice' })
    expect(await client.room('party').members()).toEqual(['alice'])
    expect(await ask('DELETE', '/v1/rooms/party/members/alice')).toBeLessThan(300)
    await until('she is told', () => seen.members.length === 2)
    expect(seen.members[1]).toEqual({ room: 'party', count: 0, change: 'taken out', user: undefined })
    await expect(client.room('party').say('hello?')).rejects.toMatchObject({ code: 'not-a-member' })
  })

  it('is refused beyond as many as may be', async () => {
    const server = await gateway('--rooms-per-session', '2')
    const { client } = await person(server, 'alice')
    await client.room('a').join()
    await client.room('b').join()
    await expect(client.room('c').join()).rejects.toMatchObject({ code: 'too-many-rooms' })
    await client.room('a').leave()
    expect(await client.room('c').join()).toEqual({ result: 'done', count: 1 })
  })
})

describe('a rate', () => {
  /* 70 texts, of which 50 may be said at once; all of them were said before there was a line. */
  async function flood(say: (client: IMClient, text: string) => Promise<unknown>) {
    const server = await gateway('--message-rate', '10')
    const bob = await person(server, 'bob')
    const WebSocket = process.env['TIDEGATE_SDK_SOCKET'] === 'node' ? undefined : injected
    const slow = { heartbeatIntervalMs: 25_000, readTimeoutMs: 60_000 } // so that pings are those of the queue
    const client = new IMClient({ ...QUICK, ...slow, WebSocket, url: server.url, user: 'alice', queue: {} })
    clients.push(client)
    const login = client.login()
    const texts = Array.from({ length: 70 }, (_, i) => `t${i}`)
    const said = await Promise.allSettled(texts.map((text) => say(client, text)))
    expect(await login).toEqual({ status: 'Success' })
    const done = texts.filter((_, i) => said[i]!.status === 'fulfilled')
    const refusals = said.flatMap((end) => (end.status === 'rejected' ? [(end.reason as IMError).code] : []))
    return { bob, client, texts, done, refusals }
  }

  it('holds up what waits in the queue, and nothing is lost', async () => {
    const { bob, client, texts, done } = await flood((client, text) => client.sendText(text))
    expect(done).toEqual(texts)
    await until('bob has them', () => bob.seen.texts.length === texts.length)
    expect(bob.seen.texts).toEqual(texts)
    expect(client.stats.pings).toBeGreaterThanOrEqual(4) // of the login, and behind three portions
    expect(client.stats.attempts).toBe(1)
  })

  it('is told to who waits for an answer, and what was done has arrived', async () => {
    const { bob, client, done, refusals } = await flood((client, text) => client.say('@bob', text))
    expect(done.length).toBeGreaterThanOrEqual(50)
    expect(new Set(refusals)).toEqual(new Set(refusals.length ? ['busy'] : []))
    await until('bob has them', () => bob.seen.direct.length === done.length)
    expect(bob.seen.direct.map(({ text }) => text)).toEqual(done)
    expect(client.stats.pings).toBeGreaterThanOrEqual(4)
  })
})

describe('an offer that nobody takes', () => {
  it('fails the dial, and says so where the host does', async () => {
    const server = await gateway()
    const client = new IMClient({ ...QUICK, WebSocket: strangers(), url: server.url, user: 'alice' })
    clients.push(client)
    expect(await client.login()).toMatchObject({ status: 'LoginFailed', error: { code: 'network' } })
  })
})

/* A WebSocket that offers what the gateway does not know in the place of what it is told. */
function strangers() {
  return class extends NodeWebSocket {
    constructor(url: string) {
      super(url, ['chat.example'])
    }
  } as unknown as NonNullable<ClientOptions['WebSocket']>
}

// Tokens against the real gateway: logins, refusals, expiry, refresh, rotation, wrong clocks.

import { WebSocket as NodeWebSocket } from 'ws'
import { afterEach, expect, it, vi } from 'vitest'

import { IMClient as Classic, type ClientOptions } from '../../src/index.js'
import { IMClient, State, type SessionInfo } from '../../src/v1.js'
import { gateway, QUICK } from './client.js'
import { Key } from './key.js'
import { until } from './until.js'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup()
  }
})

const guarded = (key: Key) => gateway('--auth', 'token', '--auth-keys', key.file)

function make<C extends Classic>(
  Client: new (options: ClientOptions) => C,
  at: { url: string },
  getToken: ClientOptions['getToken'],
): C {
  const injected = NodeWebSocket as unknown as NonNullable<ClientOptions['WebSocket']>
  const WebSocket = process.env['TIDEGATE_SDK_SOCKET'] === 'node' ? undefined : injected
  const client = new Client({ ...QUICK, WebSocket, url: at.url, user: 'alice', getToken })
  cleanups.push(() => client.logout())
  return client
}

it.each([
  ['tidegate.v1', IMClient],
  ['classic', Classic],
])('logs in with a token, and not with none, another user’s or a foreign one: %s', async (_name, Client) => {
  const key = new Key()
  const server = await guarded(key)
  expect(await make(Client, server, () => key.token('alice', 600)).login()).toEqual({ status: 'Success' })
  const foreign = new Key()
  for (const [getToken, words] of [
    [undefined, 'no token'],
    [() => key.token('bob', 600), 'bad token'],
    [() => foreign.token('alice', 600), 'bad token'],
    [() => key.token('alice', -600), 'expired'],
  ] as const) {
    const asked = vi.fn(getToken)
    const { status, error } = await make(Client, server, getToken && asked).login()
    expect([status, error?.code]).toEqual(['LoginFailed', 'auth'])
    // Tokens of one second are the same, and then the second is no other.
    expect(error?.message).toMatch(new RegExp(`^close 3000: ${words}$|^getToken failed$`))
    expect(asked.mock.calls).toEqual(getToken ? [[false], [true]] : [])
  }
  for (const secret of [key.token('alice', 600), key.token('bob', 600)]) {
    expect(server.lines.filter((line) => line.includes(secret.slice(0, 40)))).toEqual([])
  }
})

it('comes in with the second token where the clock of who gave the first was wrong', async () => {
  const key = new Key()
  const server = await guarded(key)
  const now = Math.floor(Date.now() / 1_000)
  const getToken = vi.fn((again: boolean) => key.token('alice', 600, again ? {} : { nbf: now + 3_600 }))
  expect(await make(IMClient, server, getToken).login()).toEqual({ status: 'Success' })
  expect(getToken.mock.calls).toEqual([[false], [true]])
  await expect.poll(() => server.logins('alice').length).toBe(1)
})

it('refreshes the session before its end, on its line', async () => {
  const key = new Key()
  const server = await guarded(key)
  let asked = 0
  const client = make(IMClient, server, () => key.token('alice', asked++ ? 600 : 3))
  const sessions: SessionInfo[] = []
  client.on('session', (session) => sessions.push(session))
  await client.login()
  await until('the session is refreshed', () => sessions.length === 2)
  expect(sessions[0]!.secondsLeft).toBeLessThanOrEqual(3)
  expect(sessions[1]!.secondsLeft).toBeGreaterThan(500)
  expect(client.stats.attempts).toBe(1)
  await expect.poll(() => server.logins('alice').length).toBe(1)
})

it('dials with a fresh token when a classic session has ended with `expired`', async () => {
  const key = new Key()
  const server = await guarded(key)
  let asked = 0
  // The gateway gives 30 s on top.
  const client = make(Classic, server, () => key.token('alice', asked++ ? 600 : -27))
  const back = new Promise((resolve) => client.once('reconnected', resolve))
  expect(await client.login()).toEqual({ status: 'Success' })
  await back
  expect(client.state).toBe(State.CONNECTED)
  expect(asked).toBe(2)
  expect(server.matching(/expired/).length).toBeGreaterThan(0)
})

it('tells of a fresh token that is bad, and keeps its session', async () => {
  const key = new Key()
  const server = await guarded(key)
  const foreign = new Key()
  let asked = 0
  const client = make(IMClient, server, () => (asked++ ? foreign.token('alice', 600) : key.token('alice', 3)))
  const errors: string[] = []
  client.on('error', ({ message }) => errors.push(message))
  await client.login()
  await until('it is told', () => errors.length > 0)
  expect(errors[0]).toBe('token refused')
  expect(client.state).toBe(State.CONNECTED)
})

it('goes on with the new key where that has changed', async () => {
  const key = new Key()
  const server = await guarded(key)
  let giver = key
  const client = make(IMClient, server, () => giver.token('alice', 600))
  await client.login()
  const before = server.matching(/auth_keys: /).length
  giver = new Key(key.dir) // writes its own in the place of the old
  server.signal('SIGHUP')
  await server.logged(/auth_keys: /, before + 1)
  await client.logout()
  expect(await client.login()).toEqual({ status: 'Success' })
  expect(await make(IMClient, server, () => key.token('alice', 600)).login()).toMatchObject({ error: { code: 'auth' } })
})

// The SDK in pages that are seen, by playwright-core: it keeps every page visible and awake.

import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

import { again, gateway, proxy } from '../live/client.js'
import { until, watchFor } from '../live/until.js'
import { EXECUTABLE, FLAGS } from './chromium.js'
import { Site } from './site.js'

const SHORT = {
  heartbeatIntervalMs: 100,
  readTimeoutMs: 10_000,
  closeTimeoutMs: 500,
}

/** So long that who comes back earlier has another reason. */
const LONG_BACKOFF = { reconnect: { baseMs: 60_000, capMs: 60_000 } }

let site: Site
let browser: Browser
let context: BrowserContext

beforeAll(async () => {
  site = await Site.start()
  browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS })
})

afterAll(async () => {
  await browser?.close()
  site?.stop()
})

beforeEach(async () => {
  context = await browser.newContext()
})

afterEach(() => context.close())

/** A page with a client in it that is logged in. */
async function person(at: { url: string }, user: string, options: object = {}): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${site.url}/`)
  const settings = JSON.stringify({ ...SHORT, ...options, url: at.url, user })
  expect(await page.evaluate(`make(${settings}).login().then(({ status }) => status)`)).toBe('Success')
  return page
}

function holds(page: Page, expression: string): Promise<void> {
  return until(`in the page: ${expression}`, () => page.evaluate<boolean>(`Boolean(${expression})`))
}

describe("React's StrictMode", () => {
  it('logs in once, chats, and logs out with its page', async () => {
    const server = await gateway()
    const road = await proxy(server)
    const page = await context.newPage()
    await page.goto(`${site.url}/react?${new URLSearchParams({ url: road.url, user: 'alice' })}`)
    await server.logged(/user alice in/)
    const bob = await person(server, 'bob')
    await bob.evaluate('client.sendText("hello")')
    await holds(page, `document.querySelector('p')?.textContent === 'bob: hello'`)
    await page.fill('input', 'hello bob')
    await page.press('input', 'Enter')
    await holds(bob, `seen.texts.join() === 'hello bob'`)
    expect(road.dials).toBe(1)
    expect(server.logins('alice').length).toBe(1)
    await page.evaluate('root.unmount()')
    await until('alice is gone', () => server.open('alice') === 0)
    expect(road.dials).toBe(1)
  })
})

describe('two pages', () => {
  it('log in, chat both ways, log out', async () => {
    const server = await gateway()
    const alice = await person(server, 'alice & co')
    const bob = await person(server, '中')
    await alice.evaluate('client.sendText("hello 😀")')
    await bob.evaluate('client.sendText("and to you")')
    await holds(alice, 'seen.texts.length === 1')
    await holds(bob, 'seen.texts.length === 1')
    expect(await alice.evaluate('[seen.texts, seen.froms]')).toEqual([['and to you'], ['中']])
    expect(await bob.evaluate('[seen.texts, seen.froms]')).toEqual([['hello 😀'], ['alice & co']])
    await holds(alice, 'seen.pongs > 5')
    await alice.evaluate('client.logout()')
    expect(await alice.evaluate('[State[client.state], seen.closes, seen.errors]')).toEqual([
      'CLOSED',
      [{ reason: 'logout', code: 1000 }],
      [],
    ])
    await until('alice is gone', () => server.open('alice & co') === 0)
    await expect.poll(() => server.open('中')).toBe(1)
  })

  it('of one user kick each other once, without a war', async () => {
    const server = await gateway()
    const older = await person(server, 'alice', { reconnect: { baseMs: 0, capMs: 0 } })
    const newer = await person(server, 'alice', { reconnect: { baseMs: 0, capMs: 0 } })
    await holds(older, 'client.state === State.CLOSED')
    await newer.evaluate('seen.pongs = 0')
    await holds(newer, 'seen.pongs > 10')
    expect(await older.evaluate('[seen.closes, seen.delays]')).toEqual([
      [{ reason: 'kicked', code: 4001 }],
      [],
    ])
    expect(await newer.evaluate('seen.states')).toEqual(['CONNECTING', 'CONNECTED'])
    await expect.poll(() => server.logins('alice').length).toBe(2)
  })
})

describe('a server that restarts', () => {
  it('gets each page back in the slot of its drain', async () => {
    const server = await gateway('--drain', '1')
    const soon = { reconnect: { maxAttempts: 1000, baseMs: 50, capMs: 100 } } // where the next one is late
    const pages = [await person(server, 'alice', soon), await person(server, 'bob', soon)]
    const told = performance.now()
    server.signal('SIGTERM')
    for (const page of pages) {
      await holds(page, 'seen.delays.length > 0')
    }
    expect(await server.ended()).toBe(0)
    const next = await again(server, '--drain', '0')
    for (const page of pages) {
      await holds(page, 'client.state === State.CONNECTED')
    }
    const took = performance.now() - told
    const slots = await Promise.all(pages.map((page) => page.evaluate<number>('seen.delays[0]')))
    for (const slot of slots) {
      expect(slot).toBeGreaterThanOrEqual(1_000) // far above the back-off's
      expect(slot).toBeLessThanOrEqual(4_000) // what is left of the drain, 1 s, the slot
    }
    expect(took).toBeGreaterThan(Math.max(...slots) - 10) // clocks of two processes
    for (const user of ['alice', 'bob']) {
      await expect.poll(() => next.logins(user).length).toBe(1)
    }
  })

  it('gets a page back after a crash', async () => {
    const server = await gateway()
    const page = await person(server, 'alice', { reconnect: { maxAttempts: 1000, baseMs: 50, capMs: 100 } })
    await server.kill()
    await holds(page, 'client.state === State.RECONNECTING')
    const next = await again(server)
    await holds(page, 'client.state === State.CONNECTED')
    await expect.poll(() => next.open('alice')).toBe(1)
  })
})

describe('a network that goes and comes', () => {
  it('is not dialled while it is gone, and within a second when it is back', async () => {
    const road = await proxy(await gateway())
    const page = await person(road, 'alice', { ...LONG_BACKOFF, probeTimeoutMs: 500 })
    await road.blackHole()
    await context.setOffline(true)
    await holds(page, 'seen.page.includes("offline")')
    // Nobody tells the socket; only the probe finds out.
    await holds(page, 'client.state === State.RECONNECTING')
    await road.welcome('pass')
    await watchFor(500)
    expect(road.dials).toBe(1)
    await context.setOffline(false)
    const back = performance.now()
    await holds(page, 'client.state === State.CONNECTED')
    expect(performance.now() - back).toBeLessThan(10_000) // far from the back-off's 60 s
    expect(road.dials).toBe(2)
    expect(road.openClients).toBe(1 + 1) // the swallowed line is the network's, nobody can end it
  })

  it('costs no line when it was gone for a moment only', async () => {
    const road = await proxy(await gateway())
    const page = await person(road, 'alice', LONG_BACKOFF)
    await context.setOffline(true)
    await holds(page, 'seen.page.includes("offline")')
    await context.setOffline(false)
    await holds(page, 'seen.page.includes("online")')
    await page.evaluate('seen.pongs = 0')
    await holds(page, 'seen.pongs > 5')
    expect(road.dials).toBe(1)
    expect(await page.evaluate('seen.states')).toEqual(['CONNECTING', 'CONNECTED'])
  })
})

describe('a page that is left', () => {
  it.each(['reload', 'close'] as const)('ends its line when it is left by %s', async (how) => {
    const server = await gateway()
    const page = await person(server, 'alice')
    await page[how]()
    await until('the line has ended', () => server.open('alice') === 0)
    await expect.poll(() => server.logins('alice').length).toBe(1)
  })
})

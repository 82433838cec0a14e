// tidegate.v1 in pages: users, rooms, and tokens as README.md gets them.

import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'

import { gateway, proxy } from '../live/client.js'
import { Key } from '../live/key.js'
import { until } from '../live/until.js'
import { block } from '../readme.js'
import { EXECUTABLE, FLAGS } from './chromium.js'
import { Site } from './site.js'

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

/** A page with a `client` as the code makes it, and what that has `seen`. */
async function made(code: string): Promise<Page> {
  const page = await context.newPage()
  await page.goto(`${site.url}/v1`)
  await page.addScriptTag({
    content: `${code}
      globalThis.seen = []
      client.on('direct', ({ from, audience, text }) => seen.push([from, audience, text]))
      client.on('members', ({ room, change, user, count }) => seen.push([room, change, user, count]))
      client.on('session', ({ user, device }) => seen.push(['session', user, device]))
      client.on('error', ({ code }) => seen.push(['error', code]))`,
  })
  return page
}

async function person(at: { url: string }, user: string, options: object = {}): Promise<Page> {
  const soon = { reconnect: { baseMs: 20, capMs: 100 }, readTimeoutMs: 10_000, heartbeatIntervalMs: 100 }
  const page = await made(`var client = new IMClient(${JSON.stringify({ ...soon, ...options, url: at.url, user })})`)
  expect(await page.evaluate('client.login()')).toEqual({ status: 'Success' })
  return page
}

function holds(page: Page, expression: string): Promise<void> {
  return until(`in the page: ${expression}`, () => page.evaluate<boolean>(`Boolean(${expression})`))
}

it('two pages talk, to each other and in a room, which is joined again by itself', async () => {
  const server = await gateway()
  const road = await proxy(server)
  const alice = await person(road, 'alice', { device: 'phone', queue: {} })
  const bob = await person(server, '中')
  expect(await bob.evaluate(`client.say('@alice', 'hello 😀')`)).toEqual({ result: 'done', count: 1 })
  await holds(alice, 'seen.length === 2')
  expect(await alice.evaluate('seen')).toEqual([['session', 'alice', 'phone'], ['中', '@alice', 'hello 😀']])
  expect(await bob.evaluate(`client.say('@nobody', 'x').then(({ result }) => result)`)).toBe('nobody there')
  expect(await bob.evaluate(`client.say('bob', 'x').catch((error) => [error instanceof IMError, error.code])`)).toEqual([true, 'bad-name'])

  expect(await bob.evaluate(`client.room('lobby').join()`)).toEqual({ result: 'done', count: 1 })
  expect(await alice.evaluate(`client.room('lobby').join()`)).toEqual({ result: 'done', count: 2 })
  await bob.evaluate(`void client.room('lobby').on('message', ({ from, text }) => seen.push(['lobby', from, text]))`)
  expect(await alice.evaluate(`client.room('lobby').members()`)).toEqual(['alice', '中'])
  road.reset()
  await holds(alice, 'client.stats.attempts === 2')
  expect(await alice.evaluate(`client.room('lobby').say('back again')`)).toEqual({ result: 'done', count: 1 })
  await holds(bob, `seen.at(-1)[2] === 'back again'`)
  // A number alone may come in between, where two workers have told of the room at once.
  expect(await bob.evaluate(`seen.slice(1).filter(([, change]) => change !== 'counted')`)).toEqual([
    ['lobby', 'came', 'alice', 2],
    ['lobby', 'went', 'alice', 1],
    ['lobby', 'came', 'alice', 2],
    ['lobby', 'alice', 'back again'],
  ])
})

it('logs in with the token that README.md fetches, and refreshes it on its line', async () => {
  const key = new Key()
  const server = await gateway('--auth', 'token', '--auth-keys', key.file)
  let asked = 0
  site.token = () => key.token('alice', asked++ ? 600 : 3)
  const line = block('getToken')
  const page = await made(`const url = ${JSON.stringify(server.url)}, user = 'alice'\n${line}`)
  expect(await page.evaluate('client.login()')).toEqual({ status: 'Success' })
  await holds(page, 'seen.length === 2')
  expect(await page.evaluate('[seen, client.stats.attempts]')).toEqual([Array(2).fill(['session', 'alice', '']), 1])
  expect(asked).toBe(2)
  site.token = () => new Key().token('alice', 600)
  await page.evaluate('client.logout()')
  expect(await page.evaluate('client.login().then(({ error }) => error.code)')).toBe('auth')
  await expect.poll(() => server.logins('alice').length).toBe(1)
})

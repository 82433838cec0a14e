// The SDK in pages that nobody sees, and in those that come back from the back/forward cache. The flags given to
// Chromium make its throttling earlier, never weaker: after seconds instead of after five minutes.

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { gateway } from '../live/client.js'
import { until } from '../live/until.js'
import { Chromium } from './chromium.js'
import { Site } from './site.js'

const GRACE_S = 1

let site: Site
let browser: Chromium

beforeEach(async () => {
  site = await Site.start()
  browser = await Chromium.launch([
    `--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/${GRACE_S}`,
  ])
})

afterEach(async () => {
  await browser?.close()
  site?.stop()
})

const LOGIN = 'login().then(({ status }) => status)'

describe('a hidden page', () => {
  it('keeps its one line while its timers run once a minute', async () => {
    const heartbeatMs = 2_000
    const server = await gateway('--read-deadline', '8')
    const tab = await browser.open(`${site.url}/`)
    const options = { heartbeatIntervalMs: heartbeatMs, readTimeoutMs: 3 * heartbeatMs }
    const settings = JSON.stringify({ ...options, url: server.url, user: 'alice' })
    await tab.run('late = watchTimers(200), undefined')
    await tab.run(`old = naive("${server.url}/?user=naive", ${heartbeatMs}), undefined`)
    expect(await tab.run(`make(${settings}).${LOGIN}`)).toBe('Success')
    const front = await browser.open(`${site.url}/elsewhere`)
    expect(await front.run('document.hidden')).toBe(false)
    expect(await tab.run('document.hidden')).toBe(true)
    // Chromium leaves the timers of a page alone that DevTools looks at.
    await tab.detach()
    await server.logged(/i\/o timeout/, 1, 90_000) // of the naive client: the throttling is there
    const pings = server.pings('alice')
    await until('6 more heartbeats', () => server.pings('alice') >= pings + 6, 60_000)
    await tab.attach()
    expect(await tab.run('document.hidden')).toBe(true)
    expect(await tab.run<number>('late()')).toBeGreaterThan(10_000)
    expect(await tab.run('seen.states')).toEqual(['CONNECTING', 'CONNECTED'])
    expect(await tab.run('client.stats.attempts')).toBe(1)
    await expect.poll(() => server.logins('alice').length).toBe(1)
    await expect.poll(() => server.open('alice')).toBe(1)
    await expect.poll(() => server.open('naive')).toBe(0)
    await tab.show()
    await tab.until('!document.hidden')
    await tab.run('seen.pongs = 0')
    await tab.until('seen.pongs > 0')
    await expect.poll(() => server.logins('alice').length).toBe(1)
  }, 120_000)
})

describe('a frozen page', () => {
  it('is back within a second when it thaws, though the browser has cut its line', async () => {
    const server = await gateway()
    const tab = await browser.open(`${site.url}/`)
    const backoff = { baseMs: 60_000, capMs: 60_000 }
    const settings = JSON.stringify({ url: server.url, user: 'alice', reconnect: backoff })
    expect(await tab.run(`make(${settings}).${LOGIN}`)).toBe('Success')
    await browser.open(`${site.url}/elsewhere`)
    await tab.send('Page.setWebLifecycleState', { state: 'frozen' })
    await tab.send('Page.setWebLifecycleState', { state: 'active' })
    await until('the browser has cut the line', () => server.open('alice') === 0)
    await tab.until('client.state === State.CONNECTED')
    expect(await tab.run('seen.page')).toEqual(expect.arrayContaining(['freeze', 'resume']))
    await expect.poll(() => server.logins('alice').length).toBe(2)
  })
})

describe('back and forward', () => {
  it('ends the line with the page, and brings both back', async () => {
    const server = await gateway()
    const tab = await browser.open(`${site.url}/`)
    const backoff = { baseMs: 60_000, capMs: 60_000 }
    const settings = JSON.stringify({ url: server.url, user: 'alice', reconnect: backoff })
    expect(await tab.run(`make(${settings}).${LOGIN}`)).toBe('Success')
    await tab.go(`${site.url}/elsewhere`)
    await until('the line has ended', () => server.open('alice') === 0)
    await tab.back()
    // Kept whole, not loaded anew: what the script has seen is still there.
    await tab.until('seen.page.includes("pageshow true")')
    await tab.until('client.state === State.CONNECTED')
    expect(await tab.run('seen.closes')).toEqual([])
    await expect.poll(() => server.logins('alice').length).toBe(2)
    await expect.poll(() => server.open('alice')).toBe(1)
    await tab.run('client.sendText("back again")')
    await server.logged(/recv message back again from alice/)
  })

  it('leaves nothing behind of a page that was not kept, and the page begins anew', async () => {
    const server = await gateway()
    const tab = await browser.open(`${site.url}/uncached`)
    const settings = JSON.stringify({ url: server.url, user: 'alice' })
    expect(await tab.run(`make(${settings}).${LOGIN}`)).toBe('Success')
    await tab.go(`${site.url}/elsewhere`)
    await until('the line has ended', () => server.open('alice') === 0)
    await tab.back()
    await tab.until('seen.page.includes("pageshow false")')
    expect(await tab.run('seen.states')).toEqual([])
    expect(await tab.run(`make(${settings}).${LOGIN}`)).toBe('Success')
    await expect.poll(() => server.logins('alice').length).toBe(2)
    await expect.poll(() => server.open('alice')).toBe(1)
    expect(server.matching(/kicked/)).toEqual([])
  })

  it('leaves a client alone that was logged out', async () => {
    const server = await gateway()
    const tab = await browser.open(`${site.url}/`)
    const settings = JSON.stringify({ url: server.url, user: 'alice' })
    expect(await tab.run(`make(${settings}).${LOGIN}`)).toBe('Success')
    await tab.run('client.logout()')
    await tab.go(`${site.url}/elsewhere`)
    await tab.back()
    await tab.until('seen.page.includes("pageshow true")')
    await tab.run('new Promise((resolve) => setTimeout(resolve, 1200))') // the jitter of a wake-up is 1 s
    expect(await tab.run('State[client.state]')).toBe('CLOSED')
    await expect.poll(() => server.logins('alice').length).toBe(1)
  })
})

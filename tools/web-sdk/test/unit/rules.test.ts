/* The rules that need no line: close codes, retry_ms, back-off, URL, options. */
import { describe, expect, it, test } from 'vitest'
import { backoffMs } from '../../src/backoff.js'
import { afterClose, parseRetryMs } from '../../src/after_close.js'
import { State, type ClientOptions } from '../../src/index.js'
import { settingsOf } from '../../src/options.js'
import { dialUrl } from '../../src/url.js'
import { seeded } from './random.js'
import { ScriptedGateway } from './scripted.js'
import { vectors } from './vectors.js'

describe('close codes', () => {
  test.each(vectors.close_codes)('$code: $action', ({ code, action, error, retry_ms }) => {
    const expected = retry_ms ? ['retry after', error, 1500] : [action, error, undefined]
    expect(afterClose(code, 'retry_ms=1500')).toEqual(expected)
  })
})

describe('retry_ms', () => {
  test.each(vectors.retry_ms)('$reason', ({ reason, ms }) => {
    expect(parseRetryMs(reason)).toBe(ms ?? undefined)
  })
})

describe('back-off', () => {
  test.each(vectors.backoff)(
    'attempt $attempt between $base_ms and $cap_ms at $uniform, retry_ms $retry_ms: $delay_ms',
    ({ base_ms: baseMs, cap_ms: capMs, attempt, uniform, retry_ms, delay_ms }) => {
      expect(backoffMs({ baseMs, capMs }, attempt, uniform, retry_ms ?? undefined)).toBe(delay_ms)
    },
  )

  it.each([undefined, 2_000, 5_000, 600_000])('spreads each attempt over the whole span, retry_ms %s', (retryMs) => {
    const random = seeded(1)
    for (const attempt of [1, 2, 10]) {
      const eighths = new Array<number>(8).fill(0)
      for (let i = 0; i < 8_000; i++) {
        const delay = backoffMs({ baseMs: 2_000, capMs: 10_000 }, attempt, random(), retryMs)
        eighths[Math.floor((delay - (retryMs ?? 2_000)) / 1_000)]!++
      }
      expect(Math.min(...eighths)).toBeGreaterThan(850)
      expect(Math.max(...eighths)).toBeLessThan(1_150)
    }
  })

  it('never takes longer than a timer can', () => {
    expect(backoffMs({ baseMs: 0, capMs: 0x7fffffff }, 1e9, 0.9999, 600_000)).toBe(0x7fffffff)
  })
})

describe('the state numbers', () => {
  test.each(Object.entries(vectors.states))('%s is %d', (name, number) => {
    expect(State[name as keyof typeof State]).toBe(number)
  })
})

describe('the address', () => {
  test.each([
    ['ws://h', 'ccc', undefined, 'ws://h/?user=ccc'],
    ['ws://h:8000/', 'a&b=1#x 中', undefined, 'ws://h:8000/?user=a%26b%3D1%23x%20%E4%B8%AD'],
    ['ws://h/', 'a+b%20', undefined, 'ws://h/?user=a%2Bb%2520'],
    ['ws://h/', '\ud800', undefined, 'ws://h/?user=%EF%BF%BD'],
    ['http://h/p', 'u', undefined, 'ws://h/p?user=u'],
    ['https://h/p', 'u', undefined, 'wss://h/p?user=u'],
    ['ws://h/#part', 'u', undefined, 'ws://h/?user=u'],
    ['ws://h/?room=a%20b+c&x', 'u', undefined, 'ws://h/?room=a%20b+c&x&user=u'],
    ['ws://h/?user=old&users=2&user', 'u', undefined, 'ws://h/?users=2&user=u'],
    ['ws://h/?%75s%65r=old&%', 'u', undefined, 'ws://h/?%&user=u'],
    ['ws://h/?device=fixed', 'u', undefined, 'ws://h/?device=fixed&user=u'],
    ['ws://h/?device=old&a=1', 'u', 'my +/= phone', 'ws://h/?a=1&user=u&device=my%20%2B%2F%3D%20phone'],
    ['ws://h/', 'u', '', 'ws://h/?user=u&device='],
  ])('%s for %s on the device %s', (base, user, device, url) => {
    expect(dialUrl(base, user, device)).toBe(url)
  })
})

describe('options', () => {
  const standard = { url: 'ws://h', user: 'u', WebSocket: new ScriptedGateway().WebSocket }
  const given = (options: Partial<ClientOptions>) => settingsOf({ ...standard, ...options })

  it('has the defaults of the design', () => {
    expect(given({})).toEqual({
      ...standard,
      connectTimeoutMs: 5_000,
      heartbeatIntervalMs: 10_000,
      readTimeoutMs: 30_000,
      probeTimeoutMs: 5_000,
      closeTimeoutMs: 1_500,
      maxMessage: 65_536,
      reconnect: { maxAttempts: Infinity, baseMs: 2_000, capMs: 30_000, minUptimeMs: 5_000 },
      queue: false,
    })
  })

  it('takes undefined for not given', () => {
    expect(given({ readTimeoutMs: undefined, reconnect: { capMs: undefined }, queue: undefined })).toEqual(given({}))
  })

  it('fills in what a group leaves out', () => {
    expect(given({ reconnect: { maxAttempts: 7 } }).reconnect).toEqual({
      maxAttempts: 7,
      baseMs: 2_000,
      capMs: 30_000,
      minUptimeMs: 5_000,
    })
    expect(given({ queue: { ttlMs: 1 } }).queue).toEqual({ maxMessages: 100, maxBytes: 262_144, ttlMs: 1 })
  })

  test.each<Partial<ClientOptions>>([
    { connectTimeoutMs: 0 },
    { closeTimeoutMs: -1 },
    { maxMessage: 0 },
    { probeTimeoutMs: NaN },
    { readTimeoutMs: Infinity },
    { readTimeoutMs: 2 ** 31 },
    { heartbeatIntervalMs: 30_000 },
    { heartbeatIntervalMs: 5_000, readTimeoutMs: 5_000 },
    { reconnect: { maxAttempts: -1 } },
    { reconnect: { baseMs: -1 } },
    { reconnect: { capMs: 2 ** 31 } },
    { queue: { maxMessages: 0 } },
    { queue: { ttlMs: NaN } },
  ])('refuses %o', (options) => {
    expect(() => given(options)).toThrow(RangeError)
  })
})

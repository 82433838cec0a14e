/* Each row of the table in tests/vectors.json, on a client that is brought into its state. */
import { describe, expect, it, test } from 'vitest'
import type { ClientEvents, IMClient } from '../../src/index.js'
import { client, pass, ScriptedGateway, useScript, watch, type ScriptedSocket } from './scripted.js'
import { bytes, vectors, type EventName, type StateName } from './vectors.js'

useScript()

/* In which states a line can say it; elsewhere it comes from an older line. */
const DIALING: StateName[] = ['CONNECTING', 'RECONNECTING']
const SAID_BY_A_LINE: Partial<Record<EventName, StateName[]>> = {
  ready: DIALING,
  failed: DIALING,
  told: DIALING,
  timeout: DIALING,
  lost: ['CONNECTED', 'CLOSING'],
  silent: ['CONNECTED'],
  refused: [...DIALING, 'CONNECTED', 'CLOSING'],
  expired: [...DIALING, 'CONNECTED', 'CLOSING'],
  exhausted: [...DIALING, 'CONNECTED'],
  closed: ['CLOSING'],
}

class Stage {
  readonly gateway = new ScriptedGateway()
  readonly abort = new AbortController()
  readonly client: IMClient
  older: ScriptedSocket | undefined

  constructor(state: StateName, event: EventName) {
    const left = event !== 'exhausted' ? 10 : state === 'RECONNECTING' ? 1 : 0
    this.client = client(this.gateway, { getToken: () => 'token', reconnect: { maxAttempts: left } })
  }

  async bring(state: StateName): Promise<void> {
    if (state === 'INIT') {
      return
    }
    await this.login()
    this.gateway.newest.ready()
    this.older = this.gateway.newest
    void this.client.logout()
    this.gateway.newest.end(1000)
    if (state === 'CLOSED') {
      return
    }
    await this.login()
    if (state === 'CONNECTING') {
      return
    }
    this.gateway.newest.ready()
    if (state === 'CLOSING') {
      void this.client.logout()
    } else if (state === 'RECONNECTING') {
      this.gateway.newest.end(1006)
      void this.client.login({ signal: this.abort.signal })
      await pass(10_000)
    }
  }

  private async login(): Promise<void> {
    void this.client.login({ signal: this.abort.signal })
    await pass(0)
  }

  async happen(event: EventName, state: StateName): Promise<void> {
    const states = SAID_BY_A_LINE[event]
    const { client, gateway } = this
    if (states && !states.includes(state)) {
      this.older?.haunt()
    } else if (event === 'login' || event === 'logout') {
      void client[event]()
    } else if (event === 'abort') {
      this.abort.abort()
    } else if (event === 'ready') {
      gateway.newest.ready()
    } else if (event === 'failed' || event === 'lost' || event === 'exhausted') {
      gateway.newest.end(1006)
    } else if (event === 'told') {
      gateway.newest.end(1013, 'retry_ms=1000')
    } else if (event === 'timeout') {
      await pass(5_000)
    } else if (event === 'silent') {
      await pass(30_000)
    } else if (event === 'refused') {
      gateway.newest.end(4001, 'kicked')
    } else if (event === 'expired') {
      gateway.newest.end(3000)
    } else {
      gateway.newest.end(1000)
    }
    await pass(0)
  }
}

describe('the table', () => {
  it('has a row for each state and event', () => {
    const rows = new Set(vectors.transitions.map(({ state, event }) => `${state} ${event}`))
    expect(rows.size).toBe(Object.keys(vectors.states).length * Object.keys(vectors.events).length)
    expect(vectors.transitions.length).toBe(rows.size)
  })

  test.each(vectors.transitions)('$state, $event: $path', async ({ state, event, path }) => {
    const stage = new Stage(state, event)
    await stage.bring(state)
    await pass(0)
    expect(stage.client.state).toBe(vectors.states[state])
    const seen = watch(stage.client)
    await stage.happen(event, state)
    expect(seen.states).toEqual(path)
    expect(stage.client.state).toBe(vectors.states[path.at(-1)?.[0] ?? state])
  })

  it.each([
    ['kicked', 'close 4001: kicked'],
    ['', 'close 4001'],
  ])('tells of the code, and of the reason `%s`', async (reason, message) => {
    const stage = new Stage('CONNECTED', 'refused')
    await stage.bring('CONNECTED')
    const seen = watch(stage.client)
    stage.gateway.newest.end(4001, reason)
    await pass(0)
    expect(seen.events.closed[0]?.error?.message).toBe(message)
  })

  it('tells of the state it came from', async () => {
    const stage = new Stage('CONNECTED', 'lost')
    await stage.bring('CONNECTED')
    const seen = watch(stage.client)
    await stage.happen('lost', 'CONNECTED')
    expect(seen.events.state).toEqual([{ from: 2, to: 3, reason: 'network' }])
  })
})

describe('a close in each state', () => {
  test.each(vectors.close_codes)('a live line ends by $code', async ({ code, action, reason, error }) => {
    const stage = new Stage('CONNECTED', 'lost')
    await stage.bring('CONNECTED')
    const seen = watch(stage.client)
    stage.gateway.newest.end(code)
    await pass(0)
    expect(seen.states).toEqual([[action === 'stay' ? 'CLOSED' : 'RECONNECTING', reason]])
    expect(seen.events.closed.map((end) => [end.reason, end.code, end.error?.code])).toEqual(
      action === 'stay' ? [[reason, code, error]] : [],
    )
    expect(seen.events.reconnecting.map((next) => [next.attempt, next.error.code])).toEqual(
      action === 'retry' ? [[1, error]] : [],
    )
  })

  const told = ({ retry_ms }: { retry_ms: boolean }) => retry_ms

  test.each(vectors.close_codes.filter(told))('a dial is put off by $code', async ({ code, error }) => {
    const stage = new Stage('CONNECTING', 'told')
    await stage.bring('CONNECTING')
    const login = stage.client.login()
    const seen = watch(stage.client)
    stage.gateway.newest.end(code, 'retry_ms=1500')
    await pass(0)
    expect(seen.events.reconnecting).toMatchObject([{ attempt: 1, error: { code: error } }])
    const { delayMs } = seen.events.reconnecting[0]!
    expect(delayMs).toBeGreaterThanOrEqual(1_500)
    const dials = stage.gateway.sockets.length
    await pass(delayMs - 1)
    expect(stage.gateway.sockets.length).toBe(dials)
    await pass(1)
    stage.gateway.newest.ready()
    expect(await login).toEqual({ status: 'Success' })
  })

  test.each(vectors.close_codes.filter((row) => !told(row)))('a dial ends by $code', async (row) => {
    const { code, action, reason, error } = row
    const stage = new Stage('CONNECTING', 'failed')
    await stage.bring('CONNECTING')
    const login = stage.client.login()
    await pass(0)
    const seen = watch(stage.client)
    stage.gateway.newest.end(code)
    await pass(0)
    if (action === 'refresh') {
      stage.gateway.newest.end(code)
    }
    expect(await login).toMatchObject({
      status: error === 'timeout' ? 'Timeout' : 'LoginFailed',
      error: { code: error, name: 'IMError' },
    })
    expect(seen.states).toEqual([['CLOSED', reason]])
  })
})

describe('a packet of the vectors', () => {
  test.each(vectors.packets)('$name: $client', async ({ hex, payload, client: does }) => {
    const stage = new Stage('CONNECTED', 'lost')
    await stage.bring('CONNECTED')
    const seen = watch(stage.client)
    const line = stage.gateway.newest
    line.message(bytes(hex).buffer)
    await pass(0)
    const text = does === 'text' ? [Buffer.from(payload!, 'hex').toString()] : []
    expect(seen.events.message.map(({ raw }) => raw)).toEqual(text)
    if (!['text', 'pong', 'ignore', 'close 4002'].includes(does)) {
      expect(seen.events[does as keyof ClientEvents]).toHaveLength(1)
    }
    expect(seen.events.closed.length).toBe(does === 'close 4002' ? 1 : 0)
    expect(line.closed?.code).toBe(does === 'close 4002' ? 4002 : undefined)
  })
})

// What the live tests share: a client with short times, what happened to it, and the end of both.

import { WebSocket as NodeWebSocket } from 'ws'
import { afterEach } from 'vitest'

import { IMClient, State, type ClientOptions, type IMError, type Message } from '../../src/index.js'
import { Gateway } from './gateway.js'
import { Proxy } from './proxy.js'
import { until } from './until.js'

/** Short, for the tests' sake; what a test is about it sets itself. */
export const QUICK = {
  connectTimeoutMs: 5000,
  heartbeatIntervalMs: 100,
  readTimeoutMs: 10_000,
  probeTimeoutMs: 5000, // a busy machine is late as well, and asks
  closeTimeoutMs: 200,
  reconnect: { maxAttempts: Infinity, baseMs: 20, capMs: 100, minUptimeMs: 5000 },
} as const

const injected = NodeWebSocket as unknown as NonNullable<ClientOptions['WebSocket']>

const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) {
    await cleanup()
  }
})

/** A gateway that ends with the test, and must end well. */
export async function gateway(...options: string[]): Promise<Gateway> {
  const started = await Gateway.start(options)
  cleanups.push(() => started.stop())
  return started
}

/** As `gateway.again()`, ended with the test. */
export async function again(ended: Gateway, ...options: string[]): Promise<Gateway> {
  const started = await ended.again(options)
  cleanups.push(() => started.stop())
  return started
}

export async function proxy(target: Gateway): Promise<Proxy> {
  const started = await Proxy.start(target)
  cleanups.push(() => started.stop())
  return started
}

/** A client and all that it has told, in order. */
export class Witness {
  readonly client: IMClient
  readonly states: State[] = []
  readonly reasons: string[] = []
  readonly messages: Message[] = []
  readonly errors: IMError[] = []
  readonly delays: number[] = []
  /** Why, of each of these. */
  readonly troubles: IMError[] = []
  readonly closes: { reason: string; code?: number | undefined }[] = []
  kicks = 0
  pongs = 0

  constructor(client: IMClient) {
    this.client = client
    client.on('state', ({ to, reason }) => {
      this.states.push(to)
      this.reasons.push(reason)
    })
    client.on('message', (message) => this.messages.push(message))
    client.on('error', (error) => this.errors.push(error))
    client.on('reconnecting', ({ delayMs, error }) => {
      this.delays.push(delayMs)
      this.troubles.push(error)
    })
    client.on('closed', ({ reason, code }) => this.closes.push({ reason, code }))
    client.on('kicked', () => this.kicks++)
    client.on('pong', () => this.pongs++)
  }

  async reaches(state: State): Promise<void> {
    await until(`${State[state]}, now ${State[this.client.state]}`, () => this.client.state === state)
  }

  /** Waits for a pong on the line of now. */
  async beats(count = 1): Promise<void> {
    const before = this.pongs
    await until(`${count} pongs`, () => this.pongs >= before + count)
  }
}

/** A client that is not logged in; it is logged out with the test. */
export function client(at: { url: string }, user: string, options: Partial<ClientOptions> = {}): Witness {
  const WebSocket = process.env['TIDEGATE_SDK_SOCKET'] === 'node' ? undefined : injected
  const made = new IMClient({ ...QUICK, WebSocket, url: at.url, user, ...options })
  cleanups.push(() => made.logout())
  return new Witness(made)
}

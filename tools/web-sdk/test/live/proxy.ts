// A small TCP proxy between client and gateway that plays the network's faults and counts.

import { once } from 'node:events'
import { createServer, Socket } from 'node:net'
import type { Server } from 'node:net'

import { freePort } from './gateway.js'
import { until } from './until.js'

const HOST = '127.0.0.1'

/** What happens to bytes of one direction: on they go, they vanish, or they wait for a time. */
export type Fate = 'pass' | 'swallow' | { delayMs: number }

/** Of one connection. */
export interface Fates {
  /** Towards the gateway. */
  up: Fate
  /** Towards the client. */
  down: Fate
  /** Whether the end of one side is passed on to the other; a dead network does not. */
  ends: boolean
}

/** What happens to who dials: passed on, reset behind the gateway's first answer (its 101), taken and never
 * answered, reset at once, or refused. */
export type Welcome = 'pass' | 'cut' | 'blackHole' | 'reset' | 'refuse'

class Pair {
  readonly client: Socket
  readonly server: Socket | undefined
  fates: Fates
  /** Whether the client has said anything. */
  asked = false
  clientOpen = true
  serverOpen: boolean

  constructor(client: Socket, server: Socket | undefined, fates: Fates) {
    this.client = client
    this.server = server
    this.fates = { ...fates }
    this.serverOpen = server !== undefined
  }
}

export class Proxy {
  /** Clients that dialled, were taken and asked for something. Bare connections are not counted: Node's own
   * WebSocket opens one when a dial is broken off, and never says a word on it. */
  dials = 0
  /** The most connections that clients ever had open at the same time. */
  maxOpen = 0
  /** For the connections that come from now on. */
  readonly newcomers: Fates = { up: 'pass', down: 'pass', ends: true }
  readonly port: number
  readonly #target: number
  readonly #pairs = new Set<Pair>()
  #server: Server | undefined
  #welcome: Welcome = 'pass'

  private constructor(port: number, target: number) {
    this.port = port
    this.#target = target
  }

  static async start(target: { port: number }): Promise<Proxy> {
    const proxy = new Proxy(await freePort(), target.port)
    await proxy.#listen()
    return proxy
  }

  get url(): string {
    return `ws://${HOST}:${this.port}`
  }

  /** Connections that the client side holds open now. */
  get openClients(): number {
    return [...this.#pairs].filter((pair) => pair.asked && pair.clientOpen).length
  }

  /** Connections to the gateway that are open now. */
  get openServers(): number {
    return [...this.#pairs].filter((pair) => pair.asked && pair.serverOpen).length
  }

  /** For those who dial from now on. */
  async welcome(how: Welcome): Promise<void> {
    this.#welcome = how
    if (how === 'refuse') {
      await this.#stopListening()
    } else {
      await this.#listen()
    }
  }

  /** Resets what is open, on both sides. */
  reset(): void {
    for (const pair of this.#pairs) {
      pair.client.resetAndDestroy()
      pair.server?.resetAndDestroy()
    }
  }

  /** Decides over the connections that are open now. */
  seal(fates: Partial<Fates>): void {
    for (const pair of this.#pairs) {
      pair.fates = { ...pair.fates, ...fates }
    }
  }

  /** Sends bytes of its own to the clients, as if the gateway had; at a frame's boundary if nothing is under way. */
  inject(bytes: Uint8Array): void {
    for (const pair of this.#pairs) {
      pair.client.write(bytes)
    }
  }

  /** The clients stop reading: what the gateway sends piles up there. */
  stall(): void {
    for (const pair of this.#pairs) {
      pair.server?.pause()
    }
  }

  resume(): void {
    for (const pair of this.#pairs) {
      pair.server?.resume()
    }
  }

  /** Nothing that is sent arrives any more, and nobody hears that the other has gone. `welcome('pass')` brings
   * the network back, but not these connections. */
  async blackHole(): Promise<void> {
    this.seal({ up: 'swallow', down: 'swallow', ends: false })
    await this.welcome('blackHole')
  }

  /** Waits until clients have dialled `count` times. */
  async dialled(count: number): Promise<void> {
    await until(`${count} dials`, () => this.dials >= count)
  }

  async stop(): Promise<void> {
    await this.#stopListening()
    this.reset()
  }

  async #listen(): Promise<void> {
    if (this.#server) {
      return
    }
    // Half open, so that an end that is not to be passed on stays on its side.
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client))
    this.#server = server
    server.listen(this.port, HOST)
    await once(server, 'listening')
  }

  // The connections there are outlive the listener, so its 'close' is not waited for.
  async #stopListening(): Promise<void> {
    this.#server?.close()
    this.#server = undefined
  }

  #accept(client: Socket): void {
    const server = this.#welcome === 'blackHole' ? undefined : new Socket({ allowHalfOpen: true })
    const pair = new Pair(client, server, this.newcomers)
    this.#pairs.add(pair)
    client.once('data', () => this.#dialled(pair))
    this.#join(pair, 'up', client, server)
    client.once('close', (broken) => this.#gone(pair, 'clientOpen', server, broken))
    if (server) {
      server.setNoDelay(true)
      this.#join(pair, 'down', server, client)
      server.once('close', (broken) => this.#gone(pair, 'serverOpen', client, broken))
      server.connect(this.#target, HOST)
    }
  }

  #dialled(pair: Pair): void {
    this.dials++
    pair.asked = true
    this.maxOpen = Math.max(this.maxOpen, this.openClients)
    if (this.#welcome === 'reset') {
      pair.client.resetAndDestroy()
      pair.server?.resetAndDestroy()
    } else if (this.#welcome === 'cut') {
      pair.server?.once('data', () => setImmediate(() => pair.client.resetAndDestroy()))
    }
  }

  #join(pair: Pair, way: 'up' | 'down', from: Socket, to: Socket | undefined): void {
    from.on('data', (bytes) => carry(pair.fates[way], () => to?.writable && to.write(bytes)))
    from.on('end', () => {
      if (pair.fates.ends && to) {
        carry(pair.fates[way], () => to.end())
      } else {
        from.end() // nobody will answer
      }
    })
    // 'close' follows and says all there is to say.
    from.on('error', () => undefined)
  }

  #gone(pair: Pair, side: 'clientOpen' | 'serverOpen', other: Socket | undefined, broken: boolean): void {
    pair[side] = false
    if (!pair.clientOpen && !pair.serverOpen) {
      this.#pairs.delete(pair)
    } else if (pair.fates.ends && broken) {
      other?.resetAndDestroy()
    } else if (pair.fates.ends) {
      other?.destroySoon()
    }
  }
}

function carry(fate: Fate, action: () => void): void {
  if (fate === 'pass') {
    action()
  } else if (fate !== 'swallow') {
    // Timers of the same length fire in the order they were set: the bytes keep theirs.
    setTimeout(action, fate.delayMs)
  }
}

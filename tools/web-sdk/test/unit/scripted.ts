/* A gateway without a network: sockets that a script opens, answers and ends. */
import { afterEach, beforeEach, vi } from 'vitest'
import { IMClient, PING, PONG, State, decodePacket, encodePacket, type ClientEvents, type ClientOptions } from '../../src/index.js'
import { seeded } from './random.js'

type Handler<E> = ((event: E) => void) | null
type Data = string | ArrayBuffer | Blob

const CONNECTING = 0
const OPEN = 1
const CLOSING = 2
const CLOSED = 3

/** One socket: `on…` is what the client set last; the rest is the gateway's and the network's side. */
export class ScriptedSocket {
  binaryType = 'blob'
  readyState = CONNECTING
  onopen: Handler<unknown> = null
  onmessage: Handler<{ data: unknown }> = null
  onerror: Handler<unknown> = null
  onclose: Handler<{ code: number; reason: string }> = null
  readonly sent: (string | Uint8Array)[] = []
  /** What the client closed it with. */
  closed: { code: number | undefined; reason: string | undefined } | undefined
  /** Handlers as they were when it was dialed: those of an event that was under way when the client let go. */
  private first: Pick<ScriptedSocket, 'onopen' | 'onmessage' | 'onerror' | 'onclose'> | undefined

  constructor(
    readonly url: string,
    readonly protocols: readonly string[],
    private gateway: ScriptedGateway,
  ) {
    gateway.sockets.push(this)
    queueMicrotask(() => {
      this.first = { onopen: this.onopen, onmessage: this.onmessage, onerror: this.onerror, onclose: this.onclose }
    })
    this.gateway.dialed?.(this)
  }

  get pings(): number {
    return this.sent.filter((data) => typeof data !== 'string' && decodePacket(data)?.command === PING).length
  }

  send(data: string | Uint8Array): void {
    if (this.readyState === CONNECTING) {
      throw new DOMException('still connecting', 'InvalidStateError')
    }
    if (this.readyState === OPEN) {
      this.sent.push(data)
      this.gateway.spoken?.(this, data)
    }
  }

  close(code?: number, reason?: string): void {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
      throw new DOMException('not a code for applications', 'InvalidAccessError')
    }
    if (reason !== undefined && (code === undefined || reason.length > 123)) {
      throw new DOMException('not a reason, or one without a code', 'SyntaxError')
    }
    if (this.readyState < CLOSING) {
      this.readyState = CLOSING
      this.closed = { code, reason }
      this.gateway.hungUp?.(this)
    }
  }

  open(): void {
    this.readyState = OPEN
    this.onopen?.({})
  }

  message(data: Data): void {
    this.onmessage?.({ data })
  }

  packet(command: number, payload: Uint8Array = new Uint8Array()): void {
    this.message(Uint8Array.from(encodePacket(command, payload)).buffer)
  }

  pong(): void {
    this.packet(PONG)
  }

  /** Opened, and spoken to. */
  ready(): void {
    this.open()
    this.pong()
  }

  /** The line ends; browsers tell of an error first where it was cut. */
  end(code: number, reason = ''): void {
    this.readyState = CLOSED
    if (code === 1006) {
      this.onerror?.({})
    }
    this.onclose?.({ code, reason })
  }

  /** All it can say, by the handlers of now and by those of its dial. */
  haunt(): void {
    for (const handlers of [this, this.first]) {
      handlers?.onopen?.({})
      handlers?.onmessage?.({ data: Uint8Array.from(encodePacket(PONG)).buffer })
      handlers?.onmessage?.({ data: new ArrayBuffer(3) })
      handlers?.onerror?.({})
      handlers?.onclose?.({ code: 4001, reason: 'kicked' })
    }
  }
}

export class ScriptedGateway {
  readonly sockets: ScriptedSocket[] = []
  latencyMs = 0
  /** What it does of itself; nothing where undefined. */
  dialed: ((socket: ScriptedSocket) => void) | undefined
  spoken: ((socket: ScriptedSocket, data: string | Uint8Array) => void) | undefined
  hungUp: ((socket: ScriptedSocket) => void) | undefined
  readonly WebSocket: new (url: string, protocols?: string[]) => ScriptedSocket

  constructor() {
    const gateway = this
    this.WebSocket = class extends ScriptedSocket {
      constructor(url: string, protocols: string[] = []) {
        super(url, protocols, gateway)
      }
    }
  }

  get newest(): ScriptedSocket {
    return this.sockets.at(-1)!
  }

  get live(): number {
    return this.sockets.filter((socket) => socket.readyState < CLOSING).length
  }

  get pings(): number {
    return this.sockets.reduce((sum, socket) => sum + socket.pings, 0)
  }

  /** Behaves as the gateway does, each way of the network taking `latencyMs`. */
  serve(latencyMs = 0): this {
    this.latencyMs = latencyMs
    this.dialed = (socket) => later(latencyMs, () => socket.readyState === CONNECTING && socket.open())
    this.spoken = (socket, data) => {
      if (typeof data !== 'string' && decodePacket(data)?.command === PING) {
        later(2 * latencyMs, () => socket.readyState === OPEN && socket.pong())
      }
    }
    this.hungUp = (socket) => later(2 * latencyMs, () => socket.end(socket.closed?.code ?? 1005))
    return this
  }

  /** Takes what comes and says nothing. */
  fallSilent(): this {
    this.dialed = this.spoken = this.hungUp = undefined
    return this
  }

  /** There is nobody. */
  refuse(): this {
    this.fallSilent()
    this.dialed = (socket) => later(0, () => socket.readyState === CONNECTING && socket.end(1006))
    return this
  }
}

/* Not by the global setTimeout, which a test may throttle: the network is not. */
function later(ms: number, action: () => void): void {
  if (ms) {
    networkTimer(action, ms)
  } else {
    queueMicrotask(action)
  }
}

let networkTimer = setTimeout

/** Fake timers and a seeded Math.random around each test of the file. */
export function useScript(seed = 4): void {
  beforeEach(() => {
    vi.useFakeTimers()
    networkTimer = setTimeout
    vi.spyOn(Math, 'random').mockImplementation(seeded(seed))
  })
  afterEach(() => {
    vi.unstubAllGlobals()
    vi.restoreAllMocks()
    vi.useRealTimers()
  })
}

export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

export function client(gateway: ScriptedGateway, options: Partial<ClientOptions> = {}): IMClient {
  return new IMClient({ url: 'ws://gateway/', user: 'ccc', WebSocket: gateway.WebSocket, ...options })
}

/** A client that is logged in, and its line. */
export async function connected(
  gateway: ScriptedGateway,
  options: Partial<ClientOptions> = {},
): Promise<{ c: IMClient; socket: ScriptedSocket; seen: Seen }> {
  const c = client(gateway, options)
  const seen = watch(c)
  const login = c.login()
  await pass(3 * gateway.latencyMs)
  const socket = gateway.newest
  if (!gateway.dialed) {
    socket.ready()
  }
  await login
  await pass(0)
  return { c, socket, seen }
}

export interface Seen {
  states: [keyof typeof State, string][]
  events: { [T in keyof ClientEvents]: ClientEvents[T][] }
}

/** All that a client tells. */
export function watch(c: IMClient): Seen {
  const seen: Seen = {
    states: [],
    events: { state: [], message: [], reconnecting: [], reconnected: [], kicked: [], closed: [], error: [], ping: [], pong: [] },
  }
  for (const type of Object.keys(seen.events) as (keyof ClientEvents)[]) {
    c.on(type, (event) => (seen.events[type] as unknown[]).push(event))
  }
  c.on('state', ({ to, reason }) => seen.states.push([State[to] as keyof typeof State, reason]))
  return seen
}

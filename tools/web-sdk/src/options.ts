import { LONGEST_TIMER } from './after_close.js'
import { IMError } from './errors.js'
import { dialUrl } from './url.js'

/** As much of an AbortSignal as is used. */
export interface Signal {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

export interface SendOptions {
  /** Takes it out of the queue. */
  signal?: Signal | undefined
}

/** Any implementation of the standard's WebSocket: the browser's, Node's, `ws`. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => {
  readonly readyState: number
  send(data: string): void
  close(code?: number, reason?: string): void
}

/** As much of `console` as is used. */
export interface Logger {
  debug(...words: unknown[]): void
  info(...words: unknown[]): void
  warn(...words: unknown[]): void
  error(...words: unknown[]): void
}

export interface ReconnectOptions {
  /** Dials after which the client gives up; `Infinity`: never. */
  maxAttempts: number
  /** Shortest back-off, in milliseconds. */
  baseMs: number
  /** Longest back-off, in milliseconds. The first attempts stay below it: see backoff.ts. */
  capMs: number
  /** How long a line has lived before the attempts are counted from one again, in milliseconds. */
  minUptimeMs: number
}

export interface QueueOptions {
  /** Messages that wait at most. */
  maxMessages: number
  /** Their bytes of UTF-8 at most. */
  maxBytes: number
  /** How long one may wait, in milliseconds. */
  ttlMs: number
}

interface Hooks {
  /** Which of the user's devices this is. Not given: the one without a name. */
  device?: string | undefined
  /** Asked for a token (a JWT) before each dial; it goes as a subprotocol, `tidegate.token.TOKEN`. `again`:
   * the newest one was refused. */
  getToken?: ((again: boolean) => string | Promise<string>) | undefined
  /** The platform's own by default. */
  WebSocket?: WebSocketConstructor | undefined
  logger?: Partial<Logger> | undefined
}

interface Numbers {
  /** From the dial to the first frame of the gateway, in milliseconds. */
  connectTimeoutMs: number
  /** From a pong to the next ping, in milliseconds. */
  heartbeatIntervalMs: number
  /** Silence after which the line is given up, in milliseconds. */
  readTimeoutMs: number
  /** How long a probe waits for any frame, in milliseconds. */
  probeTimeoutMs: number
  /** How long `logout()` waits for the gateway's answer, in milliseconds. */
  closeTimeoutMs: number
  /** Bytes of UTF-8 that a text may have: what the gateway takes. */
  maxMessage: number
}

/** The options, with the defaults filled in. */
export interface Settings extends Hooks, Numbers {
  url: string
  user: string
  reconnect: ReconnectOptions
  queue: false | QueueOptions
}

type Given<T> = { [K in keyof T]?: T[K] | undefined }

export interface ClientOptions extends Hooks, Given<Numbers> {
  /** `ws:`, `wss:`, `http:` or `https:`; its other query parameters are kept. */
  url: string
  user: string
  reconnect?: Given<ReconnectOptions> | undefined
  /** What `sendText` does while there is no line: `false`, the default, fails; else texts wait within these limits. */
  queue?: false | Given<QueueOptions> | undefined
}

export type OtherOptions = Omit<ClientOptions, 'url' | 'user'>

const NUMBERS: Numbers = {
  connectTimeoutMs: 5_000,
  heartbeatIntervalMs: 10_000,
  readTimeoutMs: 30_000,
  probeTimeoutMs: 5_000,
  closeTimeoutMs: 1_500,
  maxMessage: 65_536,
}
const RECONNECT: ReconnectOptions = { maxAttempts: Infinity, baseMs: 2_000, capMs: 30_000, minUptimeMs: 5_000 }
const QUEUE: QueueOptions = { maxMessages: 100, maxBytes: 262_144, ttlMs: 30_000 }

/** What the tutorial's client does: it logs to the console, and gives up after ten attempts. */
export function optionsOfTutorial(url: string, user: string, options: OtherOptions = {}): ClientOptions {
  return { logger: console, ...options, url, user, reconnect: { maxAttempts: 10, capMs: 10_000, ...options.reconnect } }
}

/** What would fail at some later dial fails here: throws an IMError where the host lacks what the client needs, a
 * TypeError for a URL or a user that is none. */
export function checkOptions({ url, user, WebSocket }: ClientOptions): void {
  const given: { [name: string]: unknown } = { WebSocket }
  for (const name of ['TextEncoder', 'TextDecoder', 'WebSocket'] as const) {
    if (!(given[name] ?? globalThis[name])) {
      throw new IMError('unsupported', `no ${name}: set globalThis.${name}`)
    }
  }
  dialUrl(url, user)
  if (!user?.trim?.()) {
    throw new TypeError(`user must be a name: ${user}`)
  }
}

/** Fills in the defaults. Throws a RangeError for a number that cannot be meant. */
export function settingsOf(options: ClientOptions): Settings {
  const settings = {
    ...options,
    ...fill(NUMBERS, options, 1),
    reconnect: fill(RECONNECT, options.reconnect, 0),
    queue: options.queue ? fill(QUEUE, options.queue, 1) : (false as const),
  }
  if (settings.readTimeoutMs <= settings.heartbeatIntervalMs) {
    throw new RangeError('readTimeoutMs must exceed heartbeatIntervalMs')
  }
  return settings
}

/* A time must fit a timer, and only those of a back-off may be 0; a count may be Infinity. An option given as
 * undefined is not given. */
function fill<T extends object>(standard: T, given: Given<T> = {}, least: number): T {
  const filled = { ...standard }
  for (const name in standard) {
    const value = (filled[name] = given[name] ?? standard[name])
    const most = name.endsWith('Ms') ? LONGEST_TIMER : Infinity
    if (!((value as number) >= least && (value as number) <= most)) {
      throw new RangeError(`${name}: ${value}`)
    }
  }
  return filled
}

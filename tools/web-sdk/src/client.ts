/* The client: its state, the line it has, and when it dials another. */
import { State, type ClientEvents, type CloseReason, type LoginResult, type StateReason, type Stats } from './api.js'
import { backoffMs } from './backoff.js'
import { afterClose, type CloseAction } from './after_close.js'
import { BAD_PACKET, KICKED, NORMAL, READ_TIMEOUT } from './close_codes.js'
import { aborted, IMError } from './errors.js'
import { Emitter } from './events.js'
import { watchPage, type PageNews } from './lifecycle.js'
import { Line } from './line.js'
import { Liveness } from './liveness.js'
import { parseMessage } from './message.js'
import { settingsOf, type ClientOptions, type Logger, type Settings, type Signal } from './options.js'
import { Outbox } from './outbox.js'
import { decodePacket, decodeText, encodePacket, PING, PONG, TEXT, utf8Length } from './packet.js'
import { Ack } from './tutorial.js'
import { dialUrl } from './url.js'

type OtherOptions = Omit<ClientOptions, 'url' | 'user'>

/* How a line ended. */
interface End {
  action: CloseAction
  error: IMError
  code?: number
  retryMs?: number | undefined
}

/* A wake-up may come to very many at once, as when a network comes back. */
const WAKE_JITTER_MS = 1_000

export class IMClient extends Emitter<ClientEvents> {
  readonly user: string
  #url: string
  #settings: Settings
  #current = State.INIT
  #counts: Stats = { rtt: undefined, attempts: 0, pings: 0, bytes: { sent: 0, received: 0 } }

  /** The newest attempt's; what an older one says is not heard. */
  #line: Line | undefined
  #liveness: Liveness | undefined
  #outbox: Outbox | undefined
  /** Connect time-out, back-off or close time-out: they exclude each other. */
  #timer: ReturnType<typeof setTimeout> | undefined
  #loggingIn: Deferred<LoginResult> | undefined
  #leaving: (Deferred<void> & { reason: 'logout' | 'aborted' }) | undefined
  #unwatch = () => {}

  /** Reconnects since the last line that lived long enough. */
  #attempt = 0
  /** Whether a refused token has been asked for once more since then. */
  #refreshed = false
  #readyAt = 0
  /** When the back-off ends; Infinity while it is paused. */
  #dueAt = 0
  /** Until when the gateway asked to be left alone. */
  #notBefore = 0
  #paused = false
  /** When the pings were sent that have no pong yet. */
  #pinged: number[] = []

  constructor(options: ClientOptions)
  /** The tutorial's form; it logs to the console. */
  constructor(url: string, user: string, options?: OtherOptions)
  constructor(first: string | ClientOptions, user = '', rest: OtherOptions = {}) {
    super()
    const options = typeof first === 'string' ? { logger: console, ...rest, url: first, user } : first
    this.#settings = settingsOf(options)
    this.#url = options.url
    this.user = options.user
    dialUrl(this.#url, this.user) // a mistake shows here, not at some later dial
    if (this.#settings.queue) {
      this.#outbox = new Outbox(this.#settings.queue)
    }
  }

  get state(): State {
    return this.#current
  }

  get stats(): Stats {
    return { ...this.#counts, bytes: { ...this.#counts.bytes } }
  }

  // --- what the application calls -----------------------------------------------------------------

  /** Resolves always: with `Success` when the gateway has spoken, with `Logined` when it was logged in before. All
   * who call while it goes on share one promise and one line. It dials once: to dial again is for a line that is
   * lost. */
  login({ signal }: { signal?: Signal | undefined } = {}): Promise<LoginResult> {
    if (signal?.aborted) {
      return Promise.resolve(failed(aborted()))
    }
    if (this.#current === State.CONNECTED) {
      return Promise.resolve({ status: Ack.Logined })
    }
    if (this.#leaving) {
      this.#finish(this.#leaving.reason)
    }
    const login = (this.#loggingIn ??= defer())
    if (signal) {
      const abort = () => void this.#leave('aborted')
      signal.addEventListener('abort', abort)
      void login.promise.then(() => signal.removeEventListener('abort', abort))
    }
    if (this.#current === State.INIT || this.#current === State.CLOSED) {
      this.#attempt = this.#notBefore = 0
      this.#refreshed = false
      this.#unwatch = watchPage((news) => this.#told(news))
      this.#enter(State.CONNECTING, 'login')
      this.#dial()
    }
    return login.promise
  }

  /** Resolves when the client is closed: at the gateway's answer, at the latest after the close time-out. */
  logout(): Promise<void> {
    return this.#leave('logout')
  }

  /** Resolves when the text was handed to the socket, which is no receipt. Rejects with an IMError where there is no
   * line and no queue, or the text has waited in the queue in vain. */
  async sendText(text: string, { signal }: { signal?: Signal | undefined } = {}): Promise<void> {
    if (signal?.aborted) {
      throw aborted()
    }
    if (this.#current === State.CONNECTED && this.#send(text)) {
      return
    }
    if (!this.#outbox || this.#current === State.INIT || this.#current >= State.CLOSING) {
      throw new IMError('network', 'there is no line')
    }
    await this.#outbox.add(text, signal)
  }

  // --- a line's life ------------------------------------------------------------------------------

  #dial(): void {
    const { getToken, connectTimeoutMs } = this.#settings
    const line = (this.#line = new Line())
    this.#counts.attempts++
    this.#timer = setTimeout(
      () => this.#lost({ action: 'retry', error: new IMError('timeout', `no answer in ${connectTimeoutMs} ms`) }),
      connectTimeoutMs,
    )
    if (!getToken) {
      this.#open(line)
      return
    }
    const asked = new Promise<string>((resolve) => resolve(getToken()))
    asked.then(
      (token) => line === this.#line && this.#open(line, token),
      (cause) =>
        line === this.#line && this.#lost({ action: 'retry', error: new IMError('auth', 'getToken failed', cause) }),
    )
  }

  #open(line: Line, token?: string): void {
    try {
      line.open(this.#settings.WebSocket, dialUrl(this.#url, this.user, token), {
        opened: (readyState) => {
          this.#log('info', 'websocket open - readyState:', readyState)
          this.#ping()
        },
        received: (data) => this.#received(data),
        troubled: (event) => this.#log('info', 'websocket error: ', event),
        ended: (code, reason) => {
          this.#log('debug', 'event[onclose] fired')
          const { error, ...after } = afterClose(code, reason)
          this.#lost({ ...after, code, error: new IMError(error, `close ${code}${reason && `: ${reason}`}`) })
        },
      })
    } catch (cause) {
      this.#lost({ action: 'retry', error: new IMError('network', 'cannot open a WebSocket', cause) })
    }
  }

  /** The first frame is the proof that the session is live: an open socket may be closed at once. */
  #ready(): void {
    clearTimeout(this.#timer)
    const again = this.#current === State.RECONNECTING
    this.#readyAt = Date.now()
    this.#enter(State.CONNECTED, 'ready')
    this.#liveness = new Liveness(this.#settings, {
      ping: () => this.#ping(),
      silent: () =>
        this.#lost({ action: 'retry', error: new IMError('timeout', 'read timeout') }, READ_TIMEOUT),
    })
    this.#log('debug', 'heartbeatLoop start')
    this.#log('debug', 'deadlineLoop start')
    if (again) {
      this.emit('reconnected', { attempt: this.#attempt })
    }
    this.#log('info', 'login - ', Ack.Success)
    this.#settle({ status: Ack.Success })
    this.#outbox?.flush((text) => this.#send(text))
  }

  #received(data: unknown): void {
    if (typeof data === 'string') {
      this.#heard(utf8Length(data))
      this.emit('message', parseMessage('text', data))
      return
    }
    const packet = decodePacket(data)
    const text = packet?.command === TEXT ? decodeText(packet.payload) : ''
    if (!packet || text === undefined) {
      this.#lost({ action: 'stay', error: new IMError('protocol', 'bad packet'), code: BAD_PACKET }, BAD_PACKET)
      return
    }
    const { command, payload } = packet
    this.#heard((data as ArrayBuffer).byteLength)
    this.#log('info', `<<<< received a message ; command:${command} len: ${payload.length}`)
    if (command === TEXT) {
      this.emit('message', parseMessage('packet', text))
    } else if (command === PONG) {
      this.#log('info', '<<<< received a pong...')
      this.#liveness?.pong()
      const sentAt = this.#pinged.shift()
      if (sentAt !== undefined) {
        this.#counts.rtt = performance.now() - sentAt
        this.emit('pong', { rttMs: this.#counts.rtt })
      }
    }
  }

  #heard(bytes: number): void {
    this.#counts.bytes.received += bytes
    this.#paused = false // who hears the gateway is not offline
    if (this.#liveness) {
      this.#liveness.frame()
    } else {
      this.#ready()
    }
  }

  /** The line is gone or no good: lets go of it, and does what follows. `closeCode`: what to tell the gateway. */
  #lost({ action, error, code, retryMs }: End, closeCode?: number): void {
    if (this.#leaving) {
      this.#finish(this.#leaving.reason, code)
      return
    }
    const { reconnect, getToken } = this.#settings
    const live = this.#current === State.CONNECTED
    if (live && Date.now() - this.#readyAt >= reconnect.minUptimeMs) {
      this.#attempt = 0
      this.#refreshed = false
    }
    // Who has just woken finds the line cut: browsers tell of that after the page's event.
    const pace = this.#liveness?.probing ? { baseMs: 0, capMs: WAKE_JITTER_MS } : reconnect
    this.#drop(closeCode, error.message)
    this.#log('debug', error.message)
    if (error.code === 'protocol' || error.code === 'auth') {
      this.emit('error', error)
    }
    if (action === 'refresh' && getToken && !this.#refreshed) {
      this.#refreshed = true
      if (live) {
        this.#enter(State.RECONNECTING, error.code)
      }
      this.#dial()
    } else if (action !== 'retry' || this.#current === State.CONNECTING) {
      this.#finish(code === NORMAL ? 'closed' : error.code, code, error)
    } else if (this.#attempt >= reconnect.maxAttempts) {
      this.#finish('reconnect timeout', code, error)
    } else {
      this.#attempt++
      if (live) {
        this.#enter(State.RECONNECTING, error.code)
      }
      const delayMs = this.#paused ? Infinity : backoffMs(pace, this.#attempt, Math.random(), retryMs)
      this.#notBefore = Date.now() + (retryMs ?? 0)
      this.emit('reconnecting', { attempt: this.#attempt, delayMs, error })
      this.#redialIn(delayMs)
    }
  }

  #redialIn(ms: number): void {
    clearTimeout(this.#timer)
    this.#dueAt = Date.now() + ms
    if (ms < Infinity) {
      this.#timer = setTimeout(() => {
        this.#log('info', 'try to relogin')
        this.#dial()
      }, ms)
    }
  }

  #drop(code?: number, reason?: string): void {
    clearTimeout(this.#timer)
    this.#silence()
    this.#line?.drop(code, reason)
    this.#line = undefined
  }

  #silence(): void {
    if (this.#liveness) {
      this.#liveness.stop()
      this.#liveness = undefined
      this.#log('debug', 'heartbeatLoop exited')
      this.#log('debug', 'deadlineLoop exited')
    }
    this.#pinged = []
  }

  // --- the end ------------------------------------------------------------------------------------

  #leave(reason: 'logout' | 'aborted'): Promise<void> {
    if (this.#current === State.CLOSED) {
      return Promise.resolve()
    }
    if (this.#leaving) {
      return this.#leaving.promise
    }
    const { promise } = (this.#leaving = { ...defer<void>(), reason })
    const line = this.#current === State.CONNECTED ? this.#line : undefined
    this.#log('info', 'Connection closing...')
    this.#enter(State.CLOSING, reason)
    if (line) {
      this.#silence()
      this.#timer = setTimeout(() => this.#finish(reason), this.#settings.closeTimeoutMs)
      line.close(NORMAL, reason)
    } else {
      this.#finish(reason)
    }
    return promise
  }

  #finish(reason: CloseReason, code?: number, error?: IMError): void {
    const leaving = this.#leaving
    this.#leaving = undefined
    this.#drop()
    this.#unwatch()
    this.#log('info', `connection closed due to ${reason}`)
    this.#enter(State.CLOSED, reason)
    if (reason === 'kicked') {
      this.emit('kicked', { code: KICKED })
    }
    this.emit('closed', { reason, code, error })
    const why = error ?? aborted()
    this.#outbox?.fail(why)
    const result = failed(why)
    if (this.#loggingIn) {
      this.#log('info', 'login - ', result.status)
    }
    this.#settle(result)
    leaving?.resolve()
  }

  #settle(result: LoginResult): void {
    this.#loggingIn?.resolve(result)
    this.#loggingIn = undefined
  }

  #enter(to: State, reason: StateReason): void {
    const from = this.#current
    this.#current = to
    this.emit('state', { from, to, reason })
  }

  // --- the page and the network -------------------------------------------------------------------

  #told(news: PageNews): void {
    if (news === 'left') {
      this.#leavePage()
      return
    }
    this.#liveness?.probe()
    if (news !== 'woke') {
      this.#paused = news === 'offline'
    }
    const now = Date.now()
    if (this.#current !== State.RECONNECTING || this.#line) {
      return
    }
    if (news === 'offline') {
      this.#redialIn(Infinity)
    } else if (this.#dueAt - now > WAKE_JITTER_MS) {
      this.#attempt = 1 // what failed before says nothing of what is now
      this.#redialIn(Math.max(this.#notBefore - now, 0) + Math.random() * WAKE_JITTER_MS)
    }
  }

  #leavePage(): void {
    const live = this.#current === State.CONNECTED
    if (live || this.#current === State.RECONNECTING) {
      this.#drop(NORMAL, 'pagehide')
      if (live) {
        this.#enter(State.RECONNECTING, 'pagehide')
      }
      this.#redialIn(Infinity)
    }
  }

  // --- small things -------------------------------------------------------------------------------

  #send(text: string): boolean {
    const sent = this.#line?.send(text) ?? false
    if (sent) {
      this.#counts.bytes.sent += utf8Length(text)
    }
    return sent
  }

  #ping(): void {
    const packet = encodePacket(PING)
    if (this.#line?.send(packet)) {
      this.#pinged.push(performance.now())
      this.#counts.bytes.sent += packet.length
      this.#log('info', `>>> send ping ; state is ${this.#current},`)
      this.emit('ping', { count: ++this.#counts.pings })
    }
  }

  /* A logger that throws is its own affair. */
  #log(level: keyof Logger, ...words: unknown[]): void {
    try {
      this.#settings.logger?.[level]?.(...words)
    } catch {}
  }

  protected override unheard(type: keyof ClientEvents, event: ClientEvents[keyof ClientEvents]): void {
    if (type === 'error') {
      this.#log('warn', event)
    }
  }

  protected override report(error: unknown): void {
    if (this.#settings.logger?.error) {
      this.#log('error', error)
    } else {
      try {
        ;(globalThis.reportError ?? console.error)(error)
      } catch {}
    }
  }
}

interface Deferred<T> {
  promise: Promise<T>
  resolve(value: T): void
}

function defer<T>(): Deferred<T> {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((r) => (resolve = r))
  return { promise, resolve }
}

function failed(error: IMError): LoginResult {
  return { status: error.code === 'timeout' ? Ack.Timeout : Ack.LoginFailed, error }
}

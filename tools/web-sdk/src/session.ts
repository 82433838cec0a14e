/* A user's session: its state, the line it has, and when it dials another. */
import { State, type ClientEvents, type CloseReason, type LoginResult, type StateReason, type Stats } from './api.js'
import { backoffMs } from './backoff.js'
import { afterClose, type CloseAction } from './after_close.js'
import { now } from './clock.js'
import { BAD_PACKET, KICKED, NORMAL, READ_TIMEOUT } from './close_codes.js'
import { aborted, IMError, type IMErrorCode } from './errors.js'
import { emitter } from './events.js'
import { watchPage, type PageNews } from './lifecycle.js'
import { openLine, type Line } from './line.js'
import { liveness, type Liveness } from './liveness.js'
import { parseMessage } from './message.js'
import { checkOptions, settingsOf, type ClientOptions, type Logger, type Signal } from './options.js'
import { outbox } from './outbox.js'
import { decodePacket, decodeText, encodePacket, PING, PONG, TEXT, utf8Length } from './packet.js'
import { dialUrl } from './url.js'

/** What IMClient stands in front of: see there. */
export type Session = ReturnType<typeof createSession>

/* A wake-up may come to very many at once, as when a network comes back. */
const WAKE_JITTER_MS = 1_000

export function createSession(options: ClientOptions) {
  checkOptions(options)
  const settings = settingsOf(options)
  const { url, user, getToken, WebSocket, logger, connectTimeoutMs, closeTimeoutMs, maxMessage, reconnect } = settings
  const { on, off, emit } = emitter<ClientEvents>(
    (type, event) => type === 'error' && log('warn', event),
    (error) => {
      if (logger?.error) {
        log('error', error)
      } else {
        try {
          ;(globalThis.reportError ?? console.error)(error)
        } catch {}
      }
    },
  )
  const queue = settings.queue ? outbox(settings.queue) : undefined
  const counts: Stats = { rtt: undefined, attempts: 0, pings: 0, bytes: { sent: 0, received: 0 } }

  let state = State.INIT
  /** Of the attempt under way or of its line; 0 where there is none, as in a back-off. */
  let dialed = 0
  let dials = 0
  let line: Line | undefined
  let alive: Liveness | undefined
  /** Connect time-out, back-off or close time-out: they exclude each other. */
  let timer: ReturnType<typeof setTimeout> | undefined
  let loggingIn: Deferred<LoginResult> | undefined
  let leaving: (Deferred<void> & { reason: 'logout' | 'aborted' }) | undefined
  let unwatch = () => {}

  /** Reconnects since the last line that lived long enough. */
  let attempt = 0
  /** Whether a refused token has been asked for once more since then. */
  let refreshed = false
  let readyAt = 0
  /** When the back-off ends; Infinity while it is paused. */
  let dueAt = 0
  /** Until when the gateway asked to be left alone. */
  let notBefore = 0
  let paused = false
  /** When the pings were sent that have no pong yet. */
  let pinged: number[] = []

  // --- what the application calls -----------------------------------------------------------------

  function login({ signal }: { signal?: Signal | undefined } = {}): Promise<LoginResult> {
    if (signal?.aborted || state === State.CONNECTED) {
      return Promise.resolve(signal?.aborted ? failed(aborted()) : { status: 'Logined' })
    }
    if (leaving) {
      finish(leaving.reason)
    }
    const { promise } = (loggingIn ??= defer())
    const abort = () => void leave('aborted')
    signal?.addEventListener('abort', abort)
    void promise.then(() => signal?.removeEventListener('abort', abort))
    if (state === State.INIT || state === State.CLOSED) {
      attempt = notBefore = 0
      refreshed = false
      unwatch = watchPage(told)
      enter(State.CONNECTING, 'login')
      void dial()
    }
    return promise
  }

  async function sendText(text: string, { signal }: { signal?: Signal | undefined } = {}): Promise<void> {
    if (signal?.aborted) {
      throw aborted()
    }
    if (utf8Length(text) > maxMessage) {
      throw new IMError('too-big', `over ${maxMessage} bytes`)
    }
    if (state === State.CONNECTED && send(text)) {
      return
    }
    if (!queue || state === State.INIT || state >= State.CLOSING) {
      throw new IMError('network', 'no line')
    }
    await queue.add(text, signal)
  }

  // --- a line's life ------------------------------------------------------------------------------

  async function dial(): Promise<void> {
    const mine = (dialed = ++dials)
    const fail = (code: IMErrorCode, message: string, cause?: unknown) =>
      mine === dialed && lost('retry', new IMError(code, message, cause))
    timer = setTimeout(() => fail('timeout', `no answer in ${connectTimeoutMs} ms`), connectTimeoutMs)
    let token: string | undefined
    try {
      // React's StrictMode logs in, out and in again in one go: of these only the last may reach the gateway.
      await undefined
      token = mine === dialed ? await getToken?.() : undefined
    } catch (cause) {
      fail('auth', 'getToken failed', cause)
    }
    if (mine !== dialed) {
      return
    }
    counts.attempts++
    try {
      line = openLine(WebSocket, dialUrl(url, user, token), {
        opened(readyState) {
          log('info', 'websocket open - readyState:', readyState)
          ping()
        },
        received,
        troubled: (event) => log('info', 'websocket error: ', event),
        ended(code, reason, cause) {
          log('debug', 'event[onclose] fired')
          const [action, error, retryMs] = afterClose(code, reason)
          const words = `close ${code}${reason && `: ${reason}`}`
          lost(action, new IMError(error, words, cause), undefined, code, retryMs)
        },
      })
    } catch (cause) {
      fail('network', `${cause}`, cause)
    }
  }

  /** The first frame is the proof that the session is live: an open socket may be closed at once. */
  function ready(): void {
    clearTimeout(timer)
    const again = state === State.RECONNECTING
    readyAt = now()
    enter(State.CONNECTED, 'ready')
    alive = liveness(settings, ping, () => lost('retry', new IMError('timeout', 'read timeout'), READ_TIMEOUT))
    log('debug', 'heartbeatLoop start')
    log('debug', 'deadlineLoop start')
    if (again) {
      emit('reconnected', { attempt })
    }
    log('info', 'login - ', 'Success')
    settle({ status: 'Success' })
    queue?.flush(send)
  }

  function received(data: unknown): void {
    if (typeof data === 'string') {
      heard(utf8Length(data))
      emit('message', parseMessage('text', data))
      return
    }
    const packet = decodePacket(data)
    const text = packet?.command === TEXT ? decodeText(packet.payload) : ''
    if (!packet || text === undefined) {
      lost('stay', new IMError('protocol', 'bad packet'), BAD_PACKET, BAD_PACKET)
      return
    }
    const { command, payload } = packet
    heard((data as ArrayBuffer).byteLength)
    log('info', `<<<< received a message ; command:${command} len: ${payload.length}`)
    if (command === TEXT) {
      emit('message', parseMessage('packet', text))
    } else if (command === PONG) {
      log('info', '<<<< received a pong...')
      alive?.pong()
      const sentAt = pinged.shift()
      if (sentAt !== undefined) {
        const rttMs = (counts.rtt = now() - sentAt)
        emit('pong', { rttMs })
      }
    }
  }

  function heard(bytes: number): void {
    counts.bytes.received += bytes
    paused = false // who hears the gateway is not offline
    if (alive) {
      alive.frame()
    } else {
      ready()
    }
  }

  /** The line is gone or no good: lets go of it, and does what follows. `closeCode`: what to tell the gateway; `code`,
   * `retryMs`: what the application and the back-off are told. */
  function lost(action: CloseAction, error: IMError, closeCode?: number, code?: number, retryMs?: number): void {
    if (leaving) {
      finish(leaving.reason, code)
      return
    }
    if (state === State.CONNECTED && now() - readyAt >= reconnect.minUptimeMs) {
      attempt = 0
      refreshed = false
    }
    // Who has just woken finds the line cut: browsers tell of that after the page's event.
    const pace = alive?.probing() ? { baseMs: 0, capMs: WAKE_JITTER_MS } : reconnect
    drop(closeCode, error.message)
    log('debug', error.message)
    if (error.code === 'protocol' || error.code === 'auth') {
      emit('error', error)
    }
    if (action === 'refresh' && getToken && !refreshed) {
      refreshed = true
      if (state === State.CONNECTED) {
        enter(State.RECONNECTING, error.code)
      }
      void dial()
    } else if (action !== 'retry after' && (action !== 'retry' || state === State.CONNECTING)) {
      finish(code === NORMAL ? 'closed' : error.code, code, error)
    } else if (attempt >= reconnect.maxAttempts) {
      finish('reconnect timeout', code, error)
    } else {
      attempt++
      if (state !== State.RECONNECTING) {
        enter(State.RECONNECTING, error.code)
      }
      const delayMs = paused ? Infinity : backoffMs(pace, attempt, Math.random(), retryMs)
      notBefore = now() + (retryMs ?? 0)
      emit('reconnecting', { attempt, delayMs, error })
      redialIn(delayMs)
    }
  }

  function redialIn(ms: number): void {
    clearTimeout(timer)
    dueAt = now() + ms
    if (ms < Infinity) {
      timer = setTimeout(() => {
        log('info', 'try to relogin')
        void dial()
      }, ms)
    }
  }

  function drop(code?: number, reason?: string): void {
    clearTimeout(timer)
    silence()
    line?.drop(code, reason)
    line = undefined
    dialed = 0
  }

  function silence(): void {
    if (alive) {
      alive.stop()
      alive = undefined
      log('debug', 'heartbeatLoop exited')
      log('debug', 'deadlineLoop exited')
    }
    pinged = []
  }

  // --- the end ------------------------------------------------------------------------------------

  function leave(reason: 'logout' | 'aborted'): Promise<void> {
    if (leaving || state === State.CLOSED) {
      return Promise.resolve(leaving?.promise)
    }
    const { promise } = (leaving = { ...defer<void>(), reason })
    const live = state === State.CONNECTED
    log('info', 'Connection closing...')
    enter(State.CLOSING, reason)
    if (live) {
      silence()
      timer = setTimeout(() => finish(reason), closeTimeoutMs)
      line!.close(NORMAL, reason)
    } else {
      finish(reason)
    }
    return promise
  }

  function finish(reason: CloseReason, code?: number, error?: IMError): void {
    const left = leaving
    leaving = undefined
    drop()
    unwatch()
    log('info', `connection closed due to ${reason}`)
    enter(State.CLOSED, reason)
    if (reason === 'kicked') {
      emit('kicked', { code: KICKED })
    }
    emit('closed', { reason, code, error })
    const why = error ?? aborted()
    queue?.fail(why)
    const result = failed(why)
    if (loggingIn) {
      log('info', 'login - ', result.status)
    }
    settle(result)
    left?.resolve()
  }

  function settle(result: LoginResult): void {
    loggingIn?.resolve(result)
    loggingIn = undefined
  }

  function enter(to: State, reason: StateReason): void {
    const from = state
    state = to
    emit('state', { from, to, reason })
  }

  // --- the page and the network -------------------------------------------------------------------

  function told(news: PageNews): void {
    if (news === 'pagehide') {
      leavePage()
      return
    }
    alive?.probe()
    if (news !== 'resume') {
      paused = news === 'offline'
    }
    if (dialed) {
      return
    }
    if (news === 'offline') {
      redialIn(Infinity)
    } else if (dueAt - now() > WAKE_JITTER_MS) {
      attempt = 1 // what failed before says nothing of what is now
      redialIn(Math.max(notBefore - now(), 0) + Math.random() * WAKE_JITTER_MS)
    }
  }

  function leavePage(): void {
    const live = state === State.CONNECTED
    if (live || state === State.RECONNECTING) {
      drop(NORMAL, 'pagehide')
      if (live) {
        enter(State.RECONNECTING, 'pagehide')
      }
      redialIn(Infinity)
    }
  }

  // --- small things -------------------------------------------------------------------------------

  function send(text: string): boolean {
    const sent = line?.send(text) ?? false
    if (sent) {
      counts.bytes.sent += utf8Length(text)
    }
    return sent
  }

  function ping(): void {
    const packet = encodePacket(PING)
    if (line?.send(packet)) {
      pinged.push(now())
      counts.bytes.sent += packet.length
      log('info', `>>> send ping ; state is ${state},`)
      emit('ping', { count: ++counts.pings })
    }
  }

  /* A logger that throws is its own affair. */
  function log(level: keyof Logger, ...words: unknown[]): void {
    try {
      logger?.[level]?.(...words)
    } catch {}
  }

  return {
    login,
    logout: () => leave('logout'),
    sendText,
    on,
    off,
    state: () => state,
    stats: (): Stats => ({ ...counts, bytes: { ...counts.bytes } }),
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
  return { status: error.code === 'timeout' ? 'Timeout' : 'LoginFailed', error }
}

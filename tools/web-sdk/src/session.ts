/* A user's session: its state, the line it has, and when it dials another. */
import { State, type ClientEvents, type CloseReason, type LoginResult, type StateReason, type Stats } from './api.js'
import { backoffMs } from './backoff.js'
import { afterClose, type CloseAction } from './after_close.js'
import { now } from './clock.js'
import { BAD_PACKET, KICKED, LOST, NORMAL, READ_TIMEOUT } from './close_codes.js'
import { defer, type Deferred } from './defer.js'
import { aborted, IMError, type IMErrorCode } from './errors.js'
import { emitter } from './events.js'
import type { Extend, Extension } from './extension.js'
import { watchPage, type PageNews } from './lifecycle.js'
import { openLine, type Line } from './line.js'
import { liveness, type Liveness } from './liveness.js'
import { parseMessage } from './message.js'
import { checkOptions, settingsOf, type ClientOptions, type Logger, type SendOptions } from './options.js'
import { outbox, type TrySend } from './outbox.js'
import { decodePacket, decodeText, encodePacket, PING, PONG, TEXT, utf8Length } from './packet.js'
import { dialUrl } from './url.js'

/** What IMClient stands in front of: see there. */
export type Session = ReturnType<typeof createSession>

/* A wake-up may come to very many at once, as when a network comes back. */
const WAKE_JITTER_MS = 1_000

/** `extend`: makes what tidegate.v1 has beside a classic session. */
export function createSession(options: ClientOptions, extend?: Extend) {
  checkOptions(options)
  const settings = settingsOf(options)
  const { url, user, device, WebSocket, logger, connectTimeoutMs, closeTimeoutMs, maxMessage, reconnect } = settings
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
  let { getToken } = settings
  let extension: Extension | undefined
  TALK: if (extend) {
    extension = extend({ send, post, on, off, emit } as never, getToken)
    getToken = extension.getToken
  }
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

  function login({ signal }: SendOptions = {}): Promise<LoginResult> {
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

  function sendText(text: string, options?: SendOptions): Promise<void> {
    const bytes = utf8Length(text)
    return post(() => send(text, bytes), bytes, options)
  }

  async function post(trySend: TrySend, bytes: number, { signal }: SendOptions = {}): Promise<void> {
    if (signal?.aborted) {
      throw aborted()
    }
    if (bytes > maxMessage) {
      throw new IMError('too-big', `over ${maxMessage} bytes`)
    }
    if (state === State.CONNECTED && !queue?.waiting.size && trySend()) {
      return
    }
    if (!queue || state === State.INIT || state >= State.CLOSING) {
      throw new IMError('network', 'no line')
    }
    await queue.add(trySend, bytes, signal)
  }

  // --- a line's life ------------------------------------------------------------------------------

  async function dial(again = false): Promise<void> {
    const mine = (dialed = ++dials)
    const fail = (code: IMErrorCode, message: string, cause?: unknown) =>
      mine === dialed && lost('retry', new IMError(code, message, cause))
    timer = setTimeout(() => fail('timeout', `no answer in ${connectTimeoutMs} ms`), connectTimeoutMs)
    const protocols: string[] = []
    TALK: if (extension) {
      protocols.push('tidegate.v1')
    }
    try {
      // React's StrictMode logs in, out and in again in one go: of these only the last may reach the gateway.
      await undefined
      const token = mine === dialed && (await getToken?.(again))
      if (token) {
        protocols.push('tidegate.v0', `tidegate.token.${encodeURIComponent(token)}`)
      }
    } catch (cause) {
      fail('auth', 'getToken failed', cause)
    }
    if (mine !== dialed) {
      return
    }
    counts.attempts++
    try {
      line = openLine(WebSocket, dialUrl(url, user, device), protocols, {
        opened(readyState) {
          TUTORIAL: log('info', 'websocket open - readyState:', readyState)
          ping()
        },
        received,
        troubled(event) {
          TUTORIAL: log('info', 'websocket error: ', event)
        },
        ended(code, reason, cause) {
          TUTORIAL: log('debug', 'event[onclose] fired')
          const [action, error, retryMs] = afterClose(code, reason)
          let words = `close ${code}${reason && `: ${reason}`}`
          // A browser keeps to itself why a dial has failed.
          TALK: if (extension && code === LOST && !alive) {
            words += ' (no tidegate.v1?)'
          }
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
    TUTORIAL: log('debug', 'heartbeatLoop start')
    TUTORIAL: log('debug', 'deadlineLoop start')
    if (again) {
      emit('reconnected', { attempt })
    }
    TUTORIAL: log('info', 'login - ', 'Success')
    settle({ status: 'Success' })
  }

  function received(data: unknown): void {
    if (typeof data === 'string') {
      heard(utf8Length(data))
      emit('message', parseMessage('text', data))
      return
    }
    const packet = decodePacket(data)
    const text = packet?.command === TEXT ? decodeText(packet.payload) : ''
    let told: ReturnType<Extension['read']>
    TALK: told = packet && extension?.read(packet)
    if (!packet || text === undefined || told === false) {
      lost('stay', new IMError('protocol', 'bad packet'), BAD_PACKET, BAD_PACKET)
      return
    }
    const { command, payload } = packet
    heard((data as ArrayBuffer).byteLength)
    TUTORIAL: log('info', `<<<< received a message ; command:${command} len: ${payload.length}`)
    if (command === TEXT) {
      emit('message', parseMessage('packet', text))
    } else if (command === PONG) {
      TUTORIAL: log('info', '<<<< received a pong...')
      alive?.pong()
      const sentAt = pinged.shift()
      if (sentAt !== undefined) {
        const rttMs = (counts.rtt = now() - sentAt)
        emit('pong', { rttMs })
      }
      // With the pong behind it the gateway has read what was said before, as fast as this session may speak.
      if (!pinged.length && queue?.flush()) {
        ping()
      }
    } else {
      TALK: told?.()
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
    TUTORIAL: log('debug', error.message)
    if (error.code === 'protocol' || error.code === 'auth') {
      emit('error', error)
    }
    if (action === 'refresh' && getToken && !refreshed) {
      refreshed = true
      if (state === State.CONNECTED) {
        enter(State.RECONNECTING, error.code)
      }
      void dial(true)
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
        TUTORIAL: log('info', 'try to relogin')
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
      TUTORIAL: log('debug', 'heartbeatLoop exited')
      TUTORIAL: log('debug', 'deadlineLoop exited')
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
    TUTORIAL: log('info', 'Connection closing...')
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
    TUTORIAL: log('info', `connection closed due to ${reason}`)
    enter(State.CLOSED, reason)
    if (reason === 'kicked') {
      emit('kicked', { code: KICKED })
    }
    emit('closed', { reason, code, error })
    const why = error ?? aborted()
    queue?.fail(why)
    const result = failed(why)
    if (loggingIn) {
      TUTORIAL: log('info', 'login - ', result.status)
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
    TALK: extension?.entered(to)
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

  function send(data: string | Uint8Array, bytes = data.length): boolean {
    const sent = line?.send(data) ?? false
    if (sent) {
      counts.bytes.sent += bytes
    }
    return sent
  }

  function ping(): void {
    const packet = encodePacket(PING)
    if (send(packet)) {
      pinged.push(now())
      TUTORIAL: log('info', `>>> send ping ; state is ${state},`)
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

function failed(error: IMError): LoginResult {
  return { status: error.code === 'timeout' ? 'Timeout' : 'LoginFailed', error }
}

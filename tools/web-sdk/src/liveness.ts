/* Whether a live line is alive: one heartbeat timer, one deadline timer. */

export interface LivenessSettings {
  heartbeatIntervalMs: number
  readTimeoutMs: number
  probeTimeoutMs: number
}

export interface LivenessOwner {
  ping(): void
  /** The line has been silent for too long, and it was asked. Both timers go on until `stop`. */
  silent(): void
}

/* Timers of hidden pages are aligned to the second; what is later than that has slept or was throttled. */
const LATE_MS = 1_000

export class Liveness {
  #settings: LivenessSettings
  #owner: LivenessOwner
  #heartbeat: Alarm
  #deadline: Alarm
  #lastRead = Date.now()
  /** Whether the line was asked for a sign of life since the last frame. */
  #asked = false
  /** Probes sent since the last frame. */
  #probes = 0

  constructor(settings: LivenessSettings, owner: LivenessOwner) {
    this.#settings = settings
    this.#owner = owner
    this.#heartbeat = new Alarm((late) => this.#beat(late))
    this.#deadline = new Alarm((late) => this.#judge(late))
    this.#heartbeat.set(settings.heartbeatIntervalMs)
    this.#deadline.set(settings.readTimeoutMs)
  }

  /** Whether a probe is without an answer. */
  get probing(): boolean {
    return this.#probes > 0
  }

  stop(): void {
    this.#heartbeat.clear()
    this.#deadline.clear()
  }

  /** Any frame has come. */
  frame(): void {
    this.#lastRead = Date.now()
    this.#asked = false
    this.#probes = 0
  }

  /** A pong has come. Called by the message's handler: a timer that is set there is at the start of its chain, and
   * browsers throttle those at the end of a long one to a tick a minute. */
  pong(): void {
    this.#heartbeat.set(this.#settings.heartbeatIntervalMs)
  }

  /** Asks the line whether it is still there, once until it has answered. */
  probe(): void {
    if (!this.#probes) {
      this.#ask()
    }
  }

  #ask(): void {
    this.#probes++
    this.#deadline.set(this.#settings.probeTimeoutMs)
    this.#ping()
  }

  #ping(): void {
    this.#asked = true
    this.#owner.ping()
  }

  /* More than twice late: the machine slept, or the page is throttled, and so was silent itself. */
  #beat(late: number): void {
    this.#heartbeat.set(this.#settings.heartbeatIntervalMs)
    if (late > this.#settings.heartbeatIntervalMs && !this.#probes) {
      this.#ask()
    } else {
      this.#ping()
    }
  }

  #judge(late: number): void {
    const { readTimeoutMs } = this.#settings
    const now = Date.now()
    this.#lastRead = Math.min(this.#lastRead, now) // a clock that was set back must not make the line immortal
    const silence = now - this.#lastRead
    if (!this.#probes && silence < readTimeoutMs) {
      this.#deadline.set(readTimeoutMs - silence)
    } else if ((late > LATE_MS || !this.#asked) && this.#probes < 2) {
      // The clock ran while nobody was here to ask or to read. With two probes behind it that is no excuse any more.
      this.#ask()
    } else {
      this.#owner.silent()
    }
  }
}

/* A timer that tells how late it is, in milliseconds. */
class Alarm {
  #ring: (late: number) => void
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(ring: (late: number) => void) {
    this.#ring = ring
  }

  set(ms: number): void {
    const due = Date.now() + ms
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#ring(Date.now() - due), ms)
  }

  clear(): void {
    clearTimeout(this.#timer)
  }
}

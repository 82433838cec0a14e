/* Whether a live line is alive: one heartbeat timer, one deadline timer. */
import { now } from './clock.js'

export interface LivenessSettings {
  heartbeatIntervalMs: number
  readTimeoutMs: number
  probeTimeoutMs: number
}

export interface Liveness {
  /** Whether a probe is without an answer. */
  probing(): boolean
  stop(): void
  /** Any frame has come. */
  frame(): void
  /** A pong has come. Called by the message's handler: a timer that is set there is at the start of its chain, and
   * browsers throttle those at the end of a long one to a tick a minute. */
  pong(): void
  /** Asks the line whether it is still there, once until it has answered. */
  probe(): void
}

/* Timers of hidden pages are aligned to the second; what is later than that has slept or was throttled. */
const LATE_MS = 1_000

/** `ping` asks the line for a sign of life. `silent`: it has been silent for too long, and it was asked; both timers go
 * on until `stop`. */
export function liveness(
  { heartbeatIntervalMs, readTimeoutMs, probeTimeoutMs }: LivenessSettings,
  ping: () => void,
  silent: () => void,
): Liveness {
  let lastRead = now()
  /** Whether the line was asked for a sign of life since the last frame. */
  let asked = false
  /** Probes sent since the last frame. */
  let probes = 0

  /* More than twice late: the machine slept, or the page is throttled, and so was silent itself. */
  const heartbeat = alarm((late) => {
    heartbeat(heartbeatIntervalMs)
    if (late > heartbeatIntervalMs && !probes) {
      ask()
    } else {
      beat()
    }
  })

  const deadline = alarm((late) => {
    const silence = now() - lastRead
    if (!probes && silence < readTimeoutMs) {
      deadline(readTimeoutMs - silence)
    } else if ((late > LATE_MS || !asked) && probes < 2) {
      // The clock ran while nobody was here to ask or to read. With two probes behind it that is no excuse any more.
      ask()
    } else {
      silent()
    }
  })

  function ask(): void {
    probes++
    deadline(probeTimeoutMs)
    beat()
  }

  function beat(): void {
    asked = true
    ping()
  }

  heartbeat(heartbeatIntervalMs)
  deadline(readTimeoutMs)

  return {
    probing: () => probes > 0,

    stop() {
      heartbeat()
      deadline()
    },

    frame() {
      lastRead = now()
      asked = false
      probes = 0
    },

    pong: () => heartbeat(heartbeatIntervalMs),

    probe() {
      if (!probes) {
        ask()
      }
    },
  }
}

/* A timer that tells how late it is, in milliseconds; set to nothing it is off. Timers and their clock may stand still
 * while the machine sleeps, and the clock on the wall may be set: it is the later of the two, and a reason to ask only. */
function alarm(ring: (late: number) => void): (ms?: number) => void {
  let timer: ReturnType<typeof setTimeout> | undefined
  return (ms) => {
    clearTimeout(timer)
    if (ms !== undefined) {
      const due = now() + ms
      const dueOnWall = Date.now() + ms
      timer = setTimeout(() => ring(Math.max(now() - due, Date.now() - dueOnWall)), ms)
    }
  }
}

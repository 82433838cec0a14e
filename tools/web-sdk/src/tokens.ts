/* Tokens: who is asked for one, and when a session gets a fresh one. */
import { LONGEST_TIMER } from './after_close.js'
import { backoffMs } from './backoff.js'
import { now } from './clock.js'
import { TOKEN } from './commands.js'
import { IMError } from './errors.js'
import type { GetToken, Host } from './extension.js'
import { encodePacket, encodeText } from './packet.js'

/** Who is silent for longer has failed. */
const SILENCE_MS = 10_000
/* How much of a session's time has passed when it asks for a fresh token: 70 to 90 %, so that those who logged in
 * together do not ask together. */
const DUE = 0.7
const DUE_SPAN = 0.2
/* The gateway takes a token once in 5 s. */
const AGAIN = { baseMs: 5_000, capMs: 30_000 }
const NOT_VALID = 2

export interface Tokens {
  /** Asks for one; while a call is under way all share it. `again`: the newest was refused. Rejects where that is given
   * once more. */
  get: (again?: boolean) => Promise<string>
  /** What the gateway says of one: the result, and the seconds to the session's end. */
  taken(result: number, seconds: number): void
  /** No line: no refresh. */
  stop(): void
}

export function tokens(session: Host, getToken: GetToken): Tokens {
  let call: Promise<string> | undefined
  let calledAt = 0
  let newest: string | undefined
  let refused: string | undefined
  /** While there is a line whose session ends. */
  let timer: ReturnType<typeof setTimeout> | undefined
  let attempt = 0

  function get(again = false): Promise<string> {
    refused = again ? newest : undefined
    if (!call || now() - calledAt >= SILENCE_MS) {
      calledAt = now()
      const mine = (call = obtain(again).finally(() => {
        if (call === mine) {
          call = undefined
        }
      }))
    }
    return call
  }

  async function obtain(again: boolean): Promise<string> {
    const token = await getToken(again)
    if (!token?.trim || token === refused) {
      throw new IMError('auth', 'no new token')
    }
    return (newest = token)
  }

  async function refresh(): Promise<void> {
    // Until the gateway has taken one.
    wait(backoffMs(AGAIN, ++attempt, Math.random()))
    try {
      // On a line that has come meanwhile it does no harm.
      session.send(encodePacket(TOKEN, encodeText(await get(newest === refused))))
    } catch (cause) {
      if (timer) {
        fail('getToken failed', cause)
      }
    }
  }

  function wait(ms: number): void {
    stop()
    timer = setTimeout(refresh, Math.min(ms, LONGEST_TIMER))
  }

  function fail(words: string, cause?: unknown): void {
    session.emit('error', new IMError('auth', words, cause))
  }

  function stop(): void {
    clearTimeout(timer)
    timer = undefined
  }

  return {
    get,

    taken(result, seconds) {
      if (result === NOT_VALID) {
        refused = newest
        fail('token refused')
      } else if (!result) {
        attempt = 0
        wait(seconds * 1_000 * (DUE + DUE_SPAN * Math.random()))
      }
    },

    stop,
  }
}

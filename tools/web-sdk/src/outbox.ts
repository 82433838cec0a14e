/* What waits for a line. */
import { aborted, IMError } from './errors.js'
import type { QueueOptions, Signal } from './options.js'

/* Settles the promise of one; with an error it has failed. */
type Done = (error?: IMError) => void

/** False: there is no line that takes it. */
export type TrySend = () => boolean

/* How many go out at once. */
const PORTION = 20

export interface Outbox {
  /** Newer ones go behind them. */
  readonly waiting: { readonly size: number }
  /** Resolves when `flush` has handed it on; it counts as so many bytes. */
  add(trySend: TrySend, bytes: number, signal: Signal | undefined): Promise<void>
  /** Hands on a portion of what waits, in the order it came, until one is not taken. Returns how many still wait. */
  flush(): number
  fail(error: IMError): void
}

export function outbox({ maxMessages, maxBytes, ttlMs }: QueueOptions): Outbox {
  const waiting = new Map<Done, TrySend>()
  let sum = 0

  return {
    add(trySend, bytes, signal) {
      return new Promise<void>((resolve, reject) => {
        if (waiting.size >= maxMessages || sum + bytes > maxBytes) {
          throw new IMError('network', 'queue full')
        }
        const done: Done = (error) => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', abort)
          waiting.delete(done)
          sum -= bytes
          if (error) {
            reject(error)
          } else {
            resolve()
          }
        }
        const abort = () => done(aborted())
        const timer = setTimeout(() => done(new IMError('timeout', `not sent in ${ttlMs} ms`)), ttlMs)
        signal?.addEventListener('abort', abort)
        waiting.set(done, trySend)
        sum += bytes
      })
    },

    waiting,

    flush() {
      let left = PORTION
      for (const [done, trySend] of waiting) {
        if (!left-- || !trySend()) {
          break
        }
        done()
      }
      return waiting.size
    },

    fail(error) {
      for (const done of waiting.keys()) {
        done(error)
      }
    },
  }
}

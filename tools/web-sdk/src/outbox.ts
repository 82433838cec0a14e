/* Texts that wait for a line. */
import { aborted, IMError } from './errors.js'
import type { QueueOptions, Signal } from './options.js'
import { utf8Length } from './packet.js'

/* Settles the promise of a sendText; with an error it has failed. */
type Done = (error?: IMError) => void

export interface Outbox {
  /** Resolves when `flush` has handed it on. */
  add(text: string, signal: Signal | undefined): Promise<void>
  /** Hands on what waits, in the order it came, until `send` does not take one. */
  flush(send: (text: string) => boolean): void
  fail(error: IMError): void
}

export function outbox({ maxMessages, maxBytes, ttlMs }: QueueOptions): Outbox {
  const waiting = new Map<Done, string>()
  let bytes = 0

  return {
    add(text, signal) {
      const size = utf8Length(text)
      return new Promise<void>((resolve, reject) => {
        if (waiting.size >= maxMessages || bytes + size > maxBytes) {
          throw new IMError('network', 'queue full')
        }
        const done: Done = (error) => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', abort)
          waiting.delete(done)
          bytes -= size
          if (error) {
            reject(error)
          } else {
            resolve()
          }
        }
        const abort = () => done(aborted())
        const timer = setTimeout(() => done(new IMError('timeout', `no line in ${ttlMs} ms`)), ttlMs)
        signal?.addEventListener('abort', abort)
        waiting.set(done, text)
        bytes += size
      })
    },

    flush(send) {
      for (const [done, text] of waiting) {
        if (!send(text)) {
          break
        }
        done()
      }
    },

    fail(error) {
      for (const done of waiting.keys()) {
        done(error)
      }
    },
  }
}

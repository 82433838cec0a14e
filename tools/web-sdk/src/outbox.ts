/* Texts that wait for a line. */
import { aborted, IMError } from './errors.js'
import type { QueueOptions, Signal } from './options.js'
import { utf8Length } from './packet.js'

interface Waiting {
  text: string
  /** Settles the promise of its sendText; with an error it has failed. */
  done(error?: IMError): void
}

export class Outbox {
  #limits: QueueOptions
  #waiting: Waiting[] = []
  #bytes = 0

  constructor(limits: QueueOptions) {
    this.#limits = limits
  }

  /** Resolves when `flush` has handed it on. */
  async add(text: string, signal: Signal | undefined): Promise<void> {
    const { maxMessages, maxBytes, ttlMs } = this.#limits
    const bytes = utf8Length(text)
    if (this.#waiting.length >= maxMessages || this.#bytes + bytes > maxBytes) {
      throw new IMError('network', 'the queue is full')
    }
    await new Promise<void>((resolve, reject) => {
      const abort = () => entry.done(aborted())
      const timer = setTimeout(() => entry.done(new IMError('timeout', `waited for ${ttlMs} ms`)), ttlMs)
      const entry: Waiting = {
        text,
        done: (error) => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', abort)
          this.#waiting = this.#waiting.filter((other) => other !== entry)
          this.#bytes -= bytes
          if (error) {
            reject(error)
          } else {
            resolve()
          }
        },
      }
      signal?.addEventListener('abort', abort)
      this.#waiting.push(entry)
      this.#bytes += bytes
    })
  }

  /** Hands on what waits, in the order it came, until `send` does not take one. */
  flush(send: (text: string) => boolean): void {
    for (const entry of this.#waiting) {
      if (!send(entry.text)) {
        break
      }
      entry.done()
    }
  }

  fail(error: IMError): void {
    for (const entry of this.#waiting) {
      entry.done(error)
    }
  }
}

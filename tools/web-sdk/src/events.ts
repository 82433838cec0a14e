/* Listeners, and how they are called: in a microtask for each event, in the order of what happened. So they never
 * run inside a half-done change of the client, and may call anything of it. */

interface Entry<Events> {
  type: keyof Events
  listener: unknown
  once: boolean
}

export abstract class Emitter<Events> {
  #listeners: Entry<Events>[] = []

  /** Calls `listener` at each such event. Returns the function that takes it off again. */
  on<T extends keyof Events>(type: T, listener: (event: Events[T]) => void, once = false): () => void {
    const entry = { type, listener, once }
    this.#listeners.push(entry)
    return () => this.#keep((other) => other !== entry)
  }

  /** Calls `listener` at the next such event only. */
  once<T extends keyof Events>(type: T, listener: (event: Events[T]) => void): () => void {
    return this.on(type, listener, true)
  }

  off<T extends keyof Events>(type: T, listener: (event: Events[T]) => void): void {
    this.#keep((entry) => entry.type !== type || entry.listener !== listener)
  }

  #keep(wanted: (entry: Entry<Events>) => boolean): void {
    this.#listeners = this.#listeners.filter(wanted)
  }

  protected emit<T extends keyof Events>(type: T, event: Events[T]): void {
    queueMicrotask(() => this.#dispatch(type, event))
  }

  #dispatch<T extends keyof Events>(type: T, event: Events[T]): void {
    const entries = this.#listeners.filter((entry) => entry.type === type)
    if (!entries.length) {
      this.unheard(type, event)
    }
    for (const entry of entries) {
      if (!this.#listeners.includes(entry)) {
        continue // taken off by one before it
      }
      if (entry.once) {
        this.#keep((other) => other !== entry)
      }
      try {
        // An async listener throws by its promise.
        const result = (entry.listener as (event: Events[T]) => PromiseLike<unknown> | undefined)(event)
        result?.then?.(undefined, (error: unknown) => this.report(error))
      } catch (error) {
        this.report(error)
      }
    }
  }

  /** An event that nobody listens to. */
  protected abstract unheard(type: keyof Events, event: Events[keyof Events]): void

  /** A listener threw. */
  protected abstract report(error: unknown): void
}

/* Listeners, and how they are called: in a microtask for each event, in the order of what happened. So they never
 * run inside a half-done change of the client, and may call anything of it. */

interface Entry<Events> {
  type: keyof Events
  listener(event: unknown): unknown
  once: boolean
}

export interface Emitter<Events> {
  /** Calls `listener` at each such event, or at the next one only. Returns the function that takes it off again. */
  on<T extends keyof Events>(type: T, listener: (event: Events[T]) => void, once?: boolean): () => void
  off<T extends keyof Events>(type: T, listener: (event: Events[T]) => void): void
  emit<T extends keyof Events>(type: T, event: Events[T]): void
}

/** `unheard`: nobody listens to an event. `report`: a listener threw. */
export function emitter<Events>(
  unheard: (type: keyof Events, event: unknown) => void,
  report: (error: unknown) => void,
): Emitter<Events> {
  const listeners = new Set<Entry<Events>>()
  const of = (type: keyof Events) => [...listeners].filter((entry) => entry.type === type)

  /* An async listener throws by its promise. */
  async function tell(entry: Entry<Events>, event: unknown): Promise<void> {
    if (entry.once) {
      listeners.delete(entry)
    }
    try {
      await entry.listener(event)
    } catch (error) {
      report(error)
    }
  }

  return {
    on(type, listener, once = false) {
      const entry = { type, listener, once } as Entry<Events>
      listeners.add(entry)
      return () => void listeners.delete(entry)
    },

    off(type, listener) {
      for (const entry of of(type)) {
        if (entry.listener === listener) {
          listeners.delete(entry)
        }
      }
    },

    emit(type, event) {
      queueMicrotask(() => {
        const entries = of(type)
        if (!entries.length) {
          unheard(type, event)
        }
        for (const entry of entries) {
          // Not who was taken off by one before it.
          if (listeners.has(entry)) {
            void tell(entry, event)
          }
        }
      })
    },
  }
}

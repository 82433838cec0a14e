/* The client with tidegate.v1: it also talks to users and to rooms. */
import { IMClient as Classic } from './client.js'
import type { ClientOptions, SendOptions } from './options.js'
import { talk, type Talk } from './talk.js'
import type { Answer, Reply, Room, TalkEvents } from './talk_api.js'

const TALK = Symbol()

export class IMClient extends Classic {
  /** @internal */
  declare readonly [TALK]: () => Talk

  constructor(options: ClientOptions) {
    let made!: Talk
    super(options, undefined, undefined, (session, getToken) => (made = talk(session, getToken)))
    this[TALK] = () => made
  }

  /** Says `text` to an audience: `@bob`, `#lobby`, or the empty string for everybody. Resolves with what came of it,
   * waiting in the queue where there is one. Rejects with an IMError where the gateway refuses it, with `unknown` where
   * the line ended before the answer, so that it may have arrived, and as `sendText` does. */
  say(audience: string, text: string, options?: SendOptions): Promise<Answer> {
    return this[TALK]().say(audience, text, options)
  }

  /** Asks the backend, through the gateway, and resolves with its reply. Needs a line. Rejects with an IMError: `unreachable`
   * where nobody answers such requests, `unknown` where nobody has in 10 s, or the line ended before, `busy` with 16 under
   * way. */
  request(data: string | Uint8Array): Promise<Reply> {
    return this[TALK]().request(data)
  }

  /** Throws an IMError of code `bad-name` for what cannot be the name of a room. */
  room(name: string): Room {
    return this[TALK]().room(name)
  }
}

/* As in the class above, of more events. */
export interface IMClient {
  /** Calls `listener` at each such event. Returns the function that takes it off again. */
  on<T extends keyof TalkEvents>(type: T, listener: (event: TalkEvents[T]) => void): () => void
  /** Calls `listener` at the next such event only. */
  once<T extends keyof TalkEvents>(type: T, listener: (event: TalkEvents[T]) => void): () => void
  off<T extends keyof TalkEvents>(type: T, listener: (event: TalkEvents[T]) => void): void
}

/* What an application gets to see of tidegate.v1, beside what api.ts has. */
import type { ClientEvents } from './api.js'
import type { SendOptions } from './options.js'

export interface Answer {
  /** `nobody there`: no session was there to get it. */
  result: 'done' | 'nobody there'
  /** Of what was said: the sessions that it was handed to. Of a room: its members, which are users. */
  count: number
}

/** What the backend has replied. */
export interface Reply {
  result: 'done'
  bytes: Uint8Array
}

/** What somebody said to a user or to a room. */
export interface Said {
  /** `@alice`: a user; `#lobby`: a room. */
  audience: string
  /** From one's own user: what another device of his said, to that audience. Undefined: a backend names nobody. */
  from: string | undefined
  text: string
  /** By the gateway's clock, in milliseconds since 1970. */
  sentMs: number
}

export interface Members {
  room: string
  /** Users that are there now. */
  count: number
  /** `counted`: only the number is told. `came` with one's own user: a backend has put this client in, for as long as
   * this line lives. `taken out`: this client, by a backend; it does not join again. */
  change: 'counted' | 'came' | 'went' | 'taken out'
  /** Who came or went. */
  user: string | undefined
}

/** Who the gateway takes this client for. */
export interface SessionInfo {
  user: string
  /** Empty: the one without a name. */
  device: string
  /** To the end of the session, unless its token is refreshed; Infinity: it has none. */
  secondsLeft: number
}

export interface TalkEvents extends ClientEvents {
  /** Between the nodes of a cluster so many batches of messages were lost, which others may have got: what matters is to
   * be asked for anew. */
  gap: { batches: number }
  /** Somebody said something to this user; or this user, on another device, to somebody. */
  direct: Said
  /** Somebody came to a room, or went: of all rooms. */
  members: Members
  /** At each login, and when its token was refreshed. */
  session: SessionInfo
}

export interface RoomEvents {
  /** What another session says in it. */
  message: Said
  members: Members
}

/** A room by its name. It may be had any number of times: all of one name are the same. */
export interface Room {
  readonly name: string
  /** Joins it, now or when there is a line, and on each later line anew, until `leave`, a refusal, or the end of the
   * client. Resolves when it is first joined; all who call share that. It need not be awaited: a refusal, of a later
   * line too, is also told by the event `error`. */
  join(): Promise<Answer>
  /** Leaves it. Resolves when the gateway has answered; at once where there is no line. */
  leave(): Promise<void>
  /** As `IMClient.say`, to this room. */
  say(text: string, options?: SendOptions): Promise<Answer>
  /** The names of all who are in it, in the order of their bytes. For members only. */
  members(): Promise<string[]>
  /** Calls `listener` at each such event. Returns the function that takes it off again. */
  on<T extends keyof RoomEvents>(type: T, listener: (event: RoomEvents[T]) => void): () => void
}

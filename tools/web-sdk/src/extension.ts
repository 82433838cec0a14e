/* How a subprotocol stands beside a session: the classic client has none, and none of its code. */
import type { State } from './api.js'
import type { SendOptions } from './options.js'
import type { TrySend } from './outbox.js'
import type { Packet } from './packet.js'

/** `again`: the newest was refused. */
export type GetToken = (again: boolean) => string | Promise<string>
export type Listener = (event: never) => void

/** What an extension may ask of its session. */
export interface Host {
  /** Hands to the socket, at once or not at all. False: there is no line that takes it. */
  send(data: string | Uint8Array, bytes?: number): boolean
  /** Calls `trySend` at once, or from the queue when there is a line. Resolves when that has returned true. Rejects as
   * `sendText` does. */
  post(trySend: TrySend, bytes: number, options: SendOptions | undefined): Promise<void>
  /** Of events that the classic client does not know, too. */
  on(type: string, listener: Listener, once?: boolean): () => void
  off(type: string, listener: Listener): void
  emit(type: string, event: unknown): void
}

/** What a session asks of its extension. */
export interface Extension {
  /** In the place of the option, where there is one. */
  getToken: GetToken | undefined
  /** The session's state is another one. */
  entered(state: State): void
  /** Reads a packet; what it returns is called when the line has been noted as heard. Undefined: it is none of its own.
   * False: it is malformed. */
  read(packet: Packet): (() => void) | false | undefined
}

export type Extend = (host: Host, getToken: GetToken | undefined) => Extension

/* What an application gets to see of the client, beside its methods: state, events, results. */
import type { IMError, IMErrorCode } from './errors.js'
import type { Message } from './message.js'
import type { Ack } from './tutorial.js'

export enum State {
  INIT,
  CONNECTING,
  CONNECTED,
  RECONNECTING,
  CLOSING,
  CLOSED,
}

/** Why the client is closed: an error's code, or that it was logged out, that the gateway ended normally, that no
 * attempt to reconnect was left. */
export type CloseReason = IMErrorCode | 'logout' | 'closed' | 'reconnect timeout'

export type StateReason = CloseReason | 'login' | 'ready' | 'pagehide'

export interface ClientEvents {
  state: { from: State; to: State; reason: StateReason }
  message: Message
  /** The line is gone; the next dial comes after `delayMs`, or when the network is back. */
  reconnecting: { attempt: number; delayMs: number; error: IMError }
  reconnected: { attempt: number }
  /** The same user logged in elsewhere. */
  kicked: { code: number }
  /** `code`: the WebSocket's close code, where the line ended by one. */
  closed: { reason: CloseReason; code: number | undefined; error: IMError | undefined }
  /** Something that waiting does not cure: of code `protocol` or `auth`. */
  error: IMError
  ping: { count: number }
  pong: { rttMs: number }
}

export interface LoginResult {
  status: Ack
  /** Why it failed; undefined where it did not. */
  error?: IMError
}

export interface Stats {
  /** From the latest ping answered to its pong, in milliseconds. */
  rtt: number | undefined
  /** Dials so far. */
  attempts: number
  /** Heartbeats and probes sent so far. */
  pings: number
  /** Of all messages, as they lie in their frames. */
  bytes: { sent: number; received: number }
}

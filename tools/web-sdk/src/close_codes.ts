/* Made by tools/generate from proto/close_reason.def. */
import type { IMErrorCode } from './errors.js'

export const NORMAL = 1000
export const GOING_AWAY = 1001
export const PROTOCOL_ERROR = 1002
export const NONE = 1005
export const LOST = 1006
export const INVALID_UTF8 = 1007
export const POLICY = 1008
export const TOO_BIG = 1009
export const INTERNAL_ERROR = 1011
export const RESTART = 1012
export const OVERLOADED = 1013
export const UNAUTHENTICATED = 3000
export const READ_TIMEOUT = 3008
export const BAD_LOGIN = 4000
export const KICKED = 4001
export const BAD_PACKET = 4002
export const DISCONNECTED = 4003

/** What a client does after a close code, or after all from `code` to `last`, and what it calls that. */
export type Rule = readonly [
  code: number,
  action: 'stay' | 'retry' | 'retry after' | 'refresh',
  error: IMErrorCode,
  last?: number,
]

/** After all other codes it is `retry` and `network`. */
export const RULES: readonly Rule[] = [
  [1000, 'stay', 'network'],
  [1002, 'stay', 'protocol'],
  [1007, 'stay', 'protocol'],
  [1008, 'stay', 'auth'],
  [1009, 'stay', 'protocol'],
  [1012, 'retry after', 'network'],
  [1013, 'retry after', 'network'],
  [3000, 'refresh', 'auth'],
  [3008, 'retry', 'timeout'],
  [4000, 'stay', 'auth'],
  [4001, 'stay', 'kicked'],
  [4002, 'stay', 'protocol'],
  [4100, 'stay', 'auth', 4199],
]

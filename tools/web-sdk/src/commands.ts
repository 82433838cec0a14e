/* Made by tools/generate from proto/packet.def. */

export const PING = 100
export const PONG = 101
export const TEXT = 102
export const TOKEN = 103
export const SESSION = 104
export const GAP = 105
export const SAY = 110
export const ANSWER = 111
export const MESSAGE = 112
export const JOIN = 120
export const LEAVE = 121
export const MEMBERS = 122
export const LIST = 123
export const PAGE = 124
export const REQUEST = 130
export const REPLY = 131

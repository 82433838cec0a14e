/* Made by tools/generate from proto/packet.def. */

export const PING = 100
export const PONG = 101
export const TEXT = 102

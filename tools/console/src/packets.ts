/* Made by tools/generate from proto/packet.def. */

export const PACKETS = {
  100: { name: 'ping', meaning: 'are you there?' },
  101: { name: 'pong', meaning: 'I am here' },
  102: { name: 'text', meaning: 'for everybody else' },
} as const;

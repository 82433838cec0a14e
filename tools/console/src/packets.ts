/* Made by tools/generate from proto/packet.def. */

export const PACKETS = {
  100: { name: 'ping', meaning: 'are you there?' },
  101: { name: 'pong', meaning: 'I am here' },
  102: { name: 'text', meaning: 'for everybody else' },
  103: { name: 'token', meaning: 'a fresh token of mine' },
  104: { name: 'session', meaning: 'who you are', fields: ['u8 result', 'u32 seconds left', 'str user', 'str device'] },
  105: { name: 'gap', meaning: 'so much was lost between nodes', fields: ['u32 batches'] },
  110: { name: 'say', meaning: 'for those', fields: ['u32 id', 'u8 flags', 'str audience', 'text'] },
  111: { name: 'answer', meaning: 'what came of it', fields: ['u32 id', 'u8 result', 'u32 count'] },
  112: { name: 'message', meaning: 'somebody said', fields: ['u8 flags', 'u64 ms', 'str from', 'str audience', 'text'] },
  120: { name: 'join', meaning: 'I come to a room', fields: ['u32 id', 'u8 flags', 'str room'] },
  121: { name: 'leave', meaning: 'I leave a room', fields: ['u32 id', 'str room'] },
  122: { name: 'members', meaning: 'somebody came or went', fields: ['str room', 'u32 count', 'u8 change', 'str user'] },
  123: { name: 'list', meaning: 'who is there?', fields: ['u32 id', 'str room', 'str after'] },
  124: { name: 'page', meaning: 'these are there', fields: ['u32 id', 'u8 result', 'u8 last', 'u16 n', 'n x str user'] },
  130: { name: 'request', meaning: 'for the backend', fields: ['u32 id', 'bytes'] },
  131: { name: 'reply', meaning: 'what the backend says', fields: ['u32 id', 'u8 result', 'bytes'] },
} as const;

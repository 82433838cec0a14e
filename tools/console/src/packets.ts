/* Made by tools/generate from proto/packet.def. */

export const PACKETS = {
  100: { name: 'ping', meaning: 'are you there?' },
  101: { name: 'pong', meaning: 'I am here' },
  102: { name: 'text', meaning: 'for everybody else' },
  103: { name: 'token', meaning: 'a fresh token of mine' },
  104: { name: 'session', meaning: 'who you are' },
  110: { name: 'say', meaning: 'for those' },
  111: { name: 'answer', meaning: 'what came of it' },
  112: { name: 'message', meaning: 'somebody said' },
  120: { name: 'join', meaning: 'I come to a room' },
  121: { name: 'leave', meaning: 'I leave a room' },
  122: { name: 'members', meaning: 'somebody came or went' },
  123: { name: 'list', meaning: 'who is there?' },
  124: { name: 'page', meaning: 'these are there' },
  130: { name: 'request', meaning: 'for the backend' },
  131: { name: 'reply', meaning: 'what the backend says' },
} as const;

/* Made by tools/generate from proto/close_reason.def. */

export const CODES: Readonly<Record<number, string>> = {
  1000: 'a normal end',
  1001: 'the page went away',
  1002: 'a frame broke the WebSocket rules',
  1005: 'closed without saying why',
  1006: 'the line went dead without a word',
  1007: 'a text was not valid UTF-8',
  1008: 'refused by policy',
  1009: 'a message was too big',
  1011: 'the gateway failed inside',
  1012: 'the gateway restarts and asks to come back',
  1013: 'the gateway is overloaded, logins of this user race, or this client reads too slowly',
  3000: 'not authenticated',
  3008: 'too long silent: the read deadline passed',
  4000: 'the login was not valid',
  4001: 'the same user logged in elsewhere',
  4002: 'a message was no packet',
  4003: 'disconnected by the backend',
};

export const RANGES: readonly (readonly [number, number, string])[] = [
  [4100, 4199, 'refused by the backend'],
];

export const ENDS: Readonly<Record<string, string>> = {
  peer_close: 'closed by the client',
  peer_eof: 'the client hung up',
  peer_reset: 'reset by the client',
  http_refused: 'refused in the handshake',
  http_page: 'shown how to connect',
  handshake_timeout: 'handshake too slow',
  unavailable: 'at the limit or draining',
  protocol_error: 'protocol error',
  invalid_utf8: 'invalid UTF-8',
  message_too_big: 'message too big',
  internal_error: 'internal error',
  drain: 'drained',
  overloaded: 'over the memory limit',
  slow_reader: 'queue limit',
  write_timeout: 'write deadline',
  read_timeout: 'read deadline',
  not_allowed: 'may not say that',
  bad_login: 'bad login',
  kicked: 'kicked by a newer login',
  superseded: 'lost a race of logins',
  kick_duel: 'kick duel',
  bad_packet: 'bad packet',
  disconnected: 'disconnected by the backend',
  demo_cut: 'cut off for a demonstration',
  shutdown: 'cut off at exit',
};

// The times of the clients on this page: short, so that a visitor need not wait, beside the SDK's own
// defaults and what speaks for them.

import { settingsOf } from '../../web-sdk/src/options.js';
import { duration } from './format.js';

export const HEARTBEAT_MS = 3000;
export const READ_TIMEOUT_MS = 9000;
export const CONNECT_TIMEOUT_MS = 5000;
export const BACKOFF_BASE_MS = 2000;
export const BACKOFF_CAP_MS = 4000;

export const TOKEN_S = 20; // that a token lasts here
export const GRACE_MS = 30_000; // that the gateway lets a session live on behind it

export const STRIP_MS = 24_000; // as much as the heartbeat strip shows

export const BACKOFF_WORDS = range(BACKOFF_BASE_MS, BACKOFF_CAP_MS);

// 2 to 4 s
function range(least: number, most: number): string {
  return `${String(least / 1000)} to ${duration(most)}`;
}

export interface Explained {
  readonly name: string;
  readonly here: string;
  readonly usual: string;
  readonly why: string;
}

// `gatewayMs` is the read deadline of this gateway; `hasTokens`: it asks for them.
export function explained(gatewayMs: number, hasTokens: boolean): readonly Explained[] {
  const usual = settingsOf({ url: '', user: '' });
  const token: Explained = {
    name: 'Life of a token',
    here: duration(TOKEN_S * 1000),
    usual: 'minutes to hours',
    why: 'The client sends a fresh one in packet 103 when most of it is over. Without one the gateway closes with 3000, 30 s behind its end.',
  };
  return [
    ...(hasTokens ? [token] : []),
    {
      name: 'Heartbeat',
      here: `every ${duration(HEARTBEAT_MS)}`,
      usual: `every ${duration(usual.heartbeatIntervalMs)}`,
      why: 'A browser cannot send protocol pings, so the client sends packet 100 and the gateway answers 101. Six bytes each.',
    },
    {
      name: 'Read deadline of the client',
      here: `${duration(READ_TIMEOUT_MS)} of silence`,
      usual: `${duration(usual.readTimeoutMs)} of silence`,
      why: 'Three heartbeats. Any frame from the gateway refills it; when it runs dry the line is taken for dead and replaced.',
    },
    {
      name: 'Read deadline of the gateway',
      here: `${duration(gatewayMs)} of silence`,
      usual: `${duration(120_000)} of silence`,
      why: 'The gateway closes who has been silent that long with 3008. Browsers run the timers of hidden pages once a minute, so it is well above that.',
    },
    {
      name: 'Back-off before coming back',
      here: BACKOFF_WORDS,
      usual: range(usual.reconnect.baseMs, usual.reconnect.capMs),
      why: 'Drawn at random for each attempt, so that thousands of clients do not return in the same instant.',
    },
    {
      name: 'Time to connect',
      here: duration(CONNECT_TIMEOUT_MS),
      usual: duration(usual.connectTimeoutMs),
      why: 'A dial that takes longer is given up, and its socket closed.',
    },
  ];
}

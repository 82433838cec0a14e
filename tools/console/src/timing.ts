// The times of the clients on this page: short, so that a visitor need not wait, beside the SDK's own
// defaults and what speaks for them.

export const HEARTBEAT_MS = 3000;
export const READ_TIMEOUT_MS = 9000;
export const CONNECT_TIMEOUT_MS = 5000;
export const BACKOFF_BASE_MS = 2000;
export const BACKOFF_CAP_MS = 4000;

export const STRIP_MS = 24_000; // as much as the heartbeat strip shows

export interface Explained {
  readonly name: string;
  readonly here: string;
  readonly usual: string;
  readonly why: string;
}

export const EXPLAINED: readonly Explained[] = [
  {
    name: 'Heartbeat',
    here: 'every 3 s',
    usual: 'every 10 s',
    why: 'A browser cannot send protocol pings, so the client sends packet 100 and the gateway answers 101. Six bytes each.',
  },
  {
    name: 'Read deadline of the client',
    here: '9 s of silence',
    usual: '30 s of silence',
    why: 'Three heartbeats. Any frame from the gateway refills it; when it runs dry the line is taken for dead and replaced.',
  },
  {
    name: 'Read deadline of the gateway',
    here: 'its own',
    usual: '120 s of silence',
    why: 'The gateway closes who has been silent that long with 3008. Browsers run the timers of hidden pages once a minute, so it is well above that.',
  },
  {
    name: 'Back-off before coming back',
    here: '2 to 4 s',
    usual: '2 to 10 s',
    why: 'Drawn at random for each attempt, so that thousands of clients do not return in the same instant.',
  },
  {
    name: 'Time to connect',
    here: '5 s',
    usual: '5 s',
    why: 'A dial that takes longer is given up, and its socket closed.',
  },
];

// One of the two: the SDK's client, and all that this page knows about its line.

import { IMClient, State } from '../../web-sdk/src/index.js';
import type { FailedDial, Turn } from './narrator.js';
import { Pulse } from './pulse.js';
import type { StateName } from './pulse.js';
import { tapped } from './tap.js';
import type { Seen } from './tap.js';
import * as timing from './timing.js';

export interface Watcher {
  onTurn(turn: Turn): void;
  onAttempt(attempt: number, delayMs: number): void;
  onFailedDial(failed: FailedDial): void;
  onSeen(seen: Seen, isOld: boolean): void;
  onPing(): void;
  onMessage(text: string, from: string): void;
}

function nameOf(state: State): StateName {
  return State[state] as StateName;
}

export class Participant {
  readonly user: string;
  readonly pulse = new Pulse(timing.STRIP_MS);
  state: StateName = 'INIT';
  rttMs: number | null = null;
  lastReadAt = 0; // when the last frame came in
  attemptAt = 0; // when the back-off began
  attemptMs = 0; // how long it takes
  attempt = 0;
  private readonly client: IMClient;
  private line = 0;
  private lastCode: number | null = null;
  private lostAt: number | null = null;
  private isDialing = false; // a line that is lost is not the dial's that follows

  constructor(url: string, user: string, watcher: Watcher) {
    this.user = user;
    this.pulse.enter('INIT', performance.now());
    this.client = new IMClient({
      url,
      user,
      WebSocket: tapped({
        onDial: (line) => {
          this.line = line;
          this.lastCode = null;
        },
        onSeen: (seen) => {
          this.see(seen, watcher);
        },
      }),
      connectTimeoutMs: timing.CONNECT_TIMEOUT_MS,
      heartbeatIntervalMs: timing.HEARTBEAT_MS,
      readTimeoutMs: timing.READ_TIMEOUT_MS,
      queue: false,
      reconnect: {
        maxAttempts: Infinity,
        baseMs: timing.BACKOFF_BASE_MS,
        capMs: timing.BACKOFF_CAP_MS,
      },
    });
    this.listen(watcher);
  }

  private listen(watcher: Watcher): void {
    this.client.on('state', ({ from, to, reason }) => {
      this.turn(nameOf(from), nameOf(to), reason, watcher);
    });
    this.client.on('reconnecting', ({ attempt, delayMs, error }) => {
      if (this.isDialing) {
        watcher.onFailedDial({ attempt: this.attempt, reason: error.code, code: this.lastCode });
      }
      this.isDialing = true;
      this.attempt = attempt;
      this.attemptAt = performance.now();
      this.attemptMs = delayMs;
      watcher.onAttempt(attempt, delayMs);
    });
    this.client.on('message', ({ text, from }) => {
      watcher.onMessage(text, from ?? 'the gateway');
    });
    this.client.on('ping', () => {
      watcher.onPing();
    });
    this.client.on('pong', ({ rttMs }) => {
      this.rttMs = rttMs;
    });
  }

  private see(seen: Seen, watcher: Watcher): void {
    // What a line says after it was replaced concerns nobody any more.
    const isOld = seen.line < this.line;
    watcher.onSeen(seen, isOld);
    if (isOld) {
      return;
    }
    this.pulse.mark(seen);
    if (seen.direction === 'in' && seen.kind !== 'failed') {
      this.lastReadAt = seen.at;
    }
    if (seen.kind === 'close' && seen.direction === 'in') {
      this.lastCode = seen.code ?? null;
    }
  }

  private turn(from: StateName, to: StateName, reason: string, watcher: Watcher): void {
    const now = performance.now();
    this.state = to;
    this.pulse.enter(to, now);
    if (to === 'CONNECTING') {
      this.isDialing = true;
      this.attempt = 0;
    }
    if (to === 'RECONNECTING') {
      this.lostAt = now;
      this.isDialing = false;
    }
    const lostMs = this.lostAt === null ? null : now - this.lostAt;
    const code = this.lastCode;
    if (to === 'CONNECTED' || to === 'CLOSED') {
      this.lostAt = null;
    }
    if (to === 'CONNECTED') {
      this.lastCode = null;
      this.lastReadAt = now;
    }
    if (to !== 'CONNECTED') {
      this.rttMs = null;
    }
    watcher.onTurn({ from, to, reason, code, lostMs });
  }

  async logIn(): Promise<void> {
    await this.client.login();
  }

  logOut(): void {
    void this.client.logout();
  }

  // Resolves to what went wrong, or to null.
  async say(text: string): Promise<string | null> {
    try {
      await this.client.sendText(text);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }
}

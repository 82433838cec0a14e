// One of the two: the SDK's client, its room, and all that this page knows about its line.

import { IMClient, IMError, State } from '../../web-sdk/src/v1.js';
import type { Answer, Room } from '../../web-sdk/src/v1.js';
import type { Change, FailedDial, Turn } from './narrator.js';
import { Pulse } from './pulse.js';
import type { StateName } from './pulse.js';
import { tapped } from './tap.js';
import type { Seen } from './tap.js';
import * as timing from './timing.js';

export type Audience = 'all' | 'room' | 'me';

export interface Watcher {
  onTurn(turn: Turn): void;
  onAttempt(attempt: number, delayMs: number): void;
  onFailedDial(failed: FailedDial): void;
  onSeen(seen: Seen, isOld: boolean): void;
  onPing(): void;
  onHeard(text: string, from: string, audience: Audience): void;
  onEntered(others: readonly string[]): void; // on this line, the room
  onBarred(code: string): void; // the SDK's word for why not
  onMembers(change: Change): void;
  onWithheld(): void; // the client asked for a token, and got none
  onToken(secondsLeft: number, isFresh: boolean): void; // fresh: in the place of another, on the same line
}

// Where the gateway asks for tokens: makes one for a user.
export type Mint = (user: string) => Promise<string>;

function nameOf(state: State): StateName {
  return State[state] as StateName;
}

// The SDK's word for what went wrong.
export function codeOf(error: unknown): string {
  return error instanceof IMError ? error.code : String(error);
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
  isIn = false; // in the room, on this line
  withholds = false; // tokens, from the client
  tokenAt = 0; // when the gateway said how long the token lasts
  tokenMs: number | null = null; // as it said; null: there is none
  private readonly client: IMClient;
  private readonly room: Room;
  private entering: Promise<void> = Promise.resolve();
  private line = 0;
  private lastCode: number | null = null;
  private lastSaid = '';
  private lostAt: number | null = null;
  private isDialing = false; // a line that is lost is not the dial's that follows

  constructor(url: string, user: string, room: string, mint: Mint | null, watcher: Watcher) {
    this.user = user;
    this.pulse.enter('INIT', performance.now());
    this.client = new IMClient({
      url,
      user,
      WebSocket: tapped({
        onDial: (line) => {
          this.line = line;
          this.lastCode = null;
          this.tokenMs = null;
        },
        onSeen: (seen) => {
          this.see(seen, watcher);
        },
      }),
      connectTimeoutMs: timing.CONNECT_TIMEOUT_MS,
      heartbeatIntervalMs: timing.HEARTBEAT_MS,
      readTimeoutMs: timing.READ_TIMEOUT_MS,
      queue: false,
      ...(mint === null ? {} : { getToken: () => this.getToken(mint, watcher) }),
      reconnect: {
        maxAttempts: Infinity,
        baseMs: timing.BACKOFF_BASE_MS,
        capMs: timing.BACKOFF_CAP_MS,
      },
    });
    this.room = this.client.room(room);
    this.listen(watcher);
  }

  private listen(watcher: Watcher): void {
    this.client.on('state', ({ from, to, reason }) => {
      this.turn(nameOf(from), nameOf(to), reason, watcher);
      if (to === State.CONNECTED) {
        this.entering = this.enter(watcher);
      }
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
    this.client.on('ping', () => {
      watcher.onPing();
    });
    this.client.on('pong', ({ rttMs }) => {
      this.rttMs = rttMs;
    });
    this.client.on('session', ({ secondsLeft }) => {
      if (Number.isFinite(secondsLeft)) {
        const isFresh = this.tokenMs !== null;
        this.tokenAt = performance.now();
        this.tokenMs = secondsLeft * 1000;
        watcher.onToken(secondsLeft, isFresh);
      }
    });
    this.hear(watcher);
  }

  private async getToken(mint: Mint, watcher: Watcher): Promise<string> {
    if (this.withholds) {
      this.lastCode = null; // of the line before: this dial fails for want of a token
      watcher.onWithheld();
      throw new Error('withheld');
    }
    return mint(this.user);
  }

  private hear(watcher: Watcher): void {
    const pass =
      (audience: Audience) =>
      ({ text, from }: { text: string; from?: string | undefined }): void => {
        watcher.onHeard(text, from ?? 'the gateway', audience);
      };
    this.client.on('message', pass('all'));
    this.client.on('direct', pass('me'));
    this.room.on('message', pass('room'));
    this.client.on('members', (change) => {
      if (change.room === this.room.name) {
        this.isIn = change.change !== 'taken out';
      }
      watcher.onMembers(change);
    });
  }

  // On each line anew. The SDK joins again by itself; who is there is asked for to show it.
  private async enter(watcher: Watcher): Promise<void> {
    const { line } = this;
    const isStill = (): boolean => line === this.line && this.state === 'CONNECTED';
    try {
      await this.room.join();
      const all = await this.room.members();
      if (isStill()) {
        this.isIn = true;
        watcher.onEntered(all.filter((name) => name !== this.user));
      }
    } catch (error) {
      if (isStill()) {
        watcher.onBarred(codeOf(error));
      }
    }
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
      this.lastSaid = seen.reason ?? '';
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
      this.isIn = false;
      this.tokenMs = null;
    }
    watcher.onTurn({ from, to, reason, code, said: this.lastSaid, lostMs });
  }

  // Until the token of the session ends.
  tokenLeftMs(now: number): number {
    return this.tokenMs === null ? 0 : Math.max(0, this.tokenAt + this.tokenMs - now);
  }

  // And enters the room.
  async logIn(): Promise<void> {
    await this.client.login();
    await this.entering;
  }

  logOut(): void {
    void this.client.logout();
  }

  // Resolves to the gateway's answer; rejects with an IMError. `user` is who alone shall hear it; null: the room.
  say(text: string, user: string | null): Promise<Answer> {
    return user === null ? this.room.say(text) : this.client.say(`@${user}`, text);
  }
}

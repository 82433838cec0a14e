// What the heartbeat strip draws: the last seconds of one client. Times are those of performance.now().

import type { Direction, Kind } from './frames.js';

export type StateName = 'INIT' | 'CONNECTING' | 'CONNECTED' | 'RECONNECTING' | 'CLOSING' | 'CLOSED';

export interface Mark {
  readonly at: number;
  readonly direction: Direction;
  readonly kind: Kind;
}

export interface Span {
  readonly from: number;
  readonly state: StateName;
}

// How much is left of a time that began at `since` and lasts `spanMs`: 1 when it begins, 0 when it is over.
export function share(since: number, spanMs: number, now: number): number {
  return Math.min(1, Math.max(0, 1 - (now - since) / spanMs));
}

export class Pulse {
  private readonly spanMs: number;
  private seen: Mark[] = [];
  private states: Span[] = [];

  constructor(spanMs: number) {
    this.spanMs = spanMs;
  }

  mark(mark: Mark): void {
    this.seen.push(mark);
  }

  enter(state: StateName, at: number): void {
    this.states.push({ from: at, state });
  }

  // Forgets what has left the strip. The state that lasts into it is kept.
  prune(now: number): void {
    const oldest = now - this.spanMs;
    this.seen = this.seen.filter(({ at }) => at >= oldest);
    const first = this.states.findLastIndex(({ from }) => from <= oldest);
    this.states = this.states.slice(Math.max(0, first));
  }

  get marks(): readonly Mark[] {
    return this.seen;
  }

  get spans(): readonly Span[] {
    return this.states;
  }
}

// Whether the gateway was started anew while the page looked on, which may take less than a poll. Pure.

import { clock, duration } from './format.js';

// A start is known as well as an answer is quick.
const SLACK_MS = 6000;

export interface Alive {
  readonly uptimeMs: number;
  readonly version: string;
  readonly at: number; // the clock's
  readonly now: number; // performance.now(), which nobody sets
}

export class Restarts {
  private last: Alive | null = null;
  private firstVersion = '';
  private count = 0;
  private firstAt = 0; // the clock's, as the next
  private latestAt = 0;
  private lasted = 0; // how long the one before was up when it was last heard of

  // Whether it is another process than the one before.
  seen(alive: Alive): boolean {
    const { last } = this;
    this.last = alive;
    if (last === null) {
      this.firstVersion = alive.version;
      return false;
    }
    const isNew =
      alive.uptimeMs < last.uptimeMs || alive.now - alive.uptimeMs > last.now - last.uptimeMs + SLACK_MS;
    if (isNew) {
      this.latestAt = alive.at - alive.uptimeMs;
      this.firstAt = this.count === 0 ? this.latestAt : this.firstAt;
      this.count += 1;
      this.lasted = last.uptimeMs;
    }
    return isNew;
  }

  get words(): string {
    if (this.count === 0) {
      return '';
    }
    const when = clock(new Date(this.latestAt));
    const what =
      this.count === 1
        ? `The gateway was started anew at ${when}; it had been up for ${duration(this.lasted)}.`
        : `The gateway was started anew ${String(this.count)} times since ${clock(new Date(this.firstAt))}, last at ${when}.`;
    const { version } = this.last ?? { version: this.firstVersion };
    const page =
      version === this.firstVersion ? '' : ` It is version ${version} now, this page is of ${this.firstVersion}: load it again.`;
    return `${what} Its counters began at 0.${page}`;
  }
}

// Whether the gateway was started anew while the page looked on, which may take less than a poll. Pure.

import { clock, duration } from './format.js';

export interface Alive {
  readonly startedMs: number; // by the gateway's clock at its start: no two runs have the same
  readonly uptimeMs: number;
  readonly version: string;
  readonly at: number; // the clock's
}

export class Restarts {
  private last: Alive | null = null;
  private firstVersion = '';
  private count = 0;
  private firstAt = 0; // the clock's, as the next
  private latestAt = 0;
  private handedOverAt = 0; // when another version was first heard of that goes on where the one before was
  private lasted = 0; // how long the one before was up when it was last heard of

  // Whether it is another process than the one before.
  seen(alive: Alive): boolean {
    const { last } = this;
    this.last = alive;
    if (last === null) {
      this.firstVersion = alive.version;
      return false;
    }
    const isNew = alive.startedMs !== last.startedMs;
    if (isNew) {
      this.latestAt = alive.at - alive.uptimeMs;
      this.firstAt = this.count === 0 ? this.latestAt : this.firstAt;
      this.count += 1;
      this.lasted = last.uptimeMs;
    } else if (alive.version !== last.version) {
      this.handedOverAt = alive.at;
    }
    return isNew;
  }

  get words(): string {
    if (this.count === 0) {
      return this.handOverWords;
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

  // Of a new process that took all lines over. Of the same version it is nothing that anybody here has to know.
  private get handOverWords(): string {
    const version = this.last?.version ?? this.firstVersion;
    return version === this.firstVersion
      ? ''
      : `The gateway is version ${version} since ${clock(new Date(this.handedOverAt))}, and nobody was disconnected. ` +
          `This page is of ${this.firstVersion}: load it again.`;
  }
}

// The charts' past: what the gateway remembers of its last minutes, and beyond a restart what this page has
// seen itself. Everything here is pure.

import type { HistoryAnswer } from './api_types.js';

// One moment. A gap is one of which nothing is known: the gateway was away, or did not look.
export interface Point {
  readonly at: number; // ms since the epoch, by this page's clock
  readonly gap: boolean;
  readonly levels: Readonly<Record<string, number | null>>;
  readonly rates: Readonly<Record<string, number>>; // per second
  readonly ends: Readonly<Record<string, number>>; // per second, only those that happened
  readonly busy: readonly number[]; // by worker: the part of its time, 0 to 1
}

export function gapAt(at: number): Point {
  return { at, gap: true, levels: {}, rates: {}, ends: {}, busy: [] };
}

type Lists<T> = Readonly<Record<string, readonly T[]>>;

function pick<T, U>(lists: Lists<T>, i: number, make: (value: T) => U): Record<string, U> {
  const picked: Record<string, U> = {};
  for (const [name, values] of Object.entries(lists)) {
    const value = values[i];
    if (value !== undefined) {
      picked[name] = make(value);
    }
  }
  return picked;
}

function pointOf(answer: HistoryAnswer, i: number, offset: number): Point {
  const perSecond = (value: number): number => (value * 1000) / (answer.interval_ms[i] ?? answer.every_ms);
  const ends = pick(answer.ends, i, perSecond);
  return {
    at: (answer.at_ms[i] ?? 0) + offset,
    gap: false,
    levels: pick(answer.levels, i, (value) => value),
    rates: pick(answer.growth, i, perSecond),
    ends: Object.fromEntries(Object.entries(ends).filter(([, value]) => value > 0)),
    busy: answer.busy.map((shares) => shares[i] ?? 0),
  };
}

const CLOCK_SLACK_MS = 1000; // an answer may take its time; only more than that means that a clock was set
const MISSED = 2.5; // intervals without a moment are a gap

export class History {
  private run: number | null = null; // when the gateway was started
  private count = 0; // moments of this run that are known
  private offset = 0; // from the gateway's time to this page's
  private kept: Point[] = [];

  // The number to ask from.
  get since(): number {
    return this.count;
  }

  get points(): readonly Point[] {
    return this.kept;
  }

  // `now` is when the answer came. Gives false where it belongs to another run than what was asked for:
  // all of that is to be asked for.
  add(answer: HistoryAnswer, now: number): boolean {
    const isFirst = this.run === null;
    if (this.run !== answer.started_ms) {
      this.run = answer.started_ms;
      this.offset = now - answer.now_ms;
      this.count = 0;
      if (!isFirst) {
        return false;
      }
    }
    this.setClock(now - answer.now_ms);
    // What this page has missed of this run the gateway has not; what was between two, nobody has seen.
    this.kept = this.kept.slice(0, this.kept.findLastIndex(({ gap }) => !gap) + 1);
    const last = this.kept[this.kept.length - 1];
    if (this.count === 0 && last !== undefined) {
      this.kept.push(gapAt(last.at + 1));
    }
    for (let i = 0; i < answer.at_ms.length; i++) {
      this.append(pointOf(answer, i, this.offset), answer.every_ms);
    }
    this.count = answer.count;
    this.forget(now - answer.span_ms);
    return true;
  }

  // The gateway does not answer.
  miss(now: number): void {
    this.kept.push(gapAt(now));
  }

  private setClock(offset: number): void {
    const moved = offset - this.offset;
    if (Math.abs(moved) > CLOCK_SLACK_MS) {
      this.offset = offset;
      this.kept = this.kept.map((point) => ({ ...point, at: point.at + moved }));
    }
  }

  private append(point: Point, everyMs: number): void {
    const last = this.kept[this.kept.length - 1];
    if (last !== undefined && !last.gap && point.at - last.at > MISSED * everyMs) {
      this.kept.push(gapAt(last.at + everyMs));
    }
    this.kept.push(point);
  }

  private forget(before: number): void {
    const first = this.kept.findIndex(({ at }) => at >= before);
    this.kept = first < 0 ? [] : this.kept.slice(first);
  }
}

// The reasons that occur in `points`, the most frequent first.
export function reasonsIn(points: readonly Point[]): string[] {
  const sums = new Map<string, number>();
  for (const { ends } of points) {
    for (const [reason, value] of Object.entries(ends)) {
      sums.set(reason, (sums.get(reason) ?? 0) + value);
    }
  }
  return [...sums].sort(([a, x], [b, y]) => y - x || a.localeCompare(b)).map(([reason]) => reason);
}

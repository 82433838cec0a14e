// From counters that only grow to what happens per second. Everything here is pure.

import type { MemoryKind, Status, Totals } from './api_types.js';
import { MEMORY_KINDS } from './memory_kinds.js';
import { quantile, since } from './quantile.js';

export interface Sample {
  readonly at: number; // ms since the epoch
  readonly status: Status | null; // null: the gateway did not answer
}

// One moment of the charts. Null is "not known": the gateway was away, or it is the first look.
export interface Point {
  readonly at: number;
  readonly connections: number | null;
  readonly users: number | null;
  readonly logins: number | null;
  readonly kicks: number | null;
  readonly messagesIn: number | null;
  readonly messagesOut: number | null;
  readonly deliveries: number | null;
  readonly receiversP50: number | null;
  readonly receiversP99: number | null;
  readonly held: Readonly<Record<MemoryKind, number>> | null;
  readonly turnP50: number | null;
  readonly turnP99: number | null;
  readonly rssPerConnection: number | null;
  readonly allocatedPerConnection: number | null;
  readonly ends: Readonly<Record<string, number>>; // per second, only those that happened
}

// A gateway that was started anew counts from zero: nothing can be said about the time between.
function isSameRun(before: Status, now: Status): boolean {
  return now.uptime_ms >= before.uptime_ms;
}

export function rate(before: number | undefined, now: number | undefined, elapsedMs: number): number | null {
  if (before === undefined || now === undefined || elapsedMs <= 0 || now < before) {
    return null;
  }
  return ((now - before) * 1000) / elapsedMs;
}

function endRates(before: Status, now: Status, elapsedMs: number): Record<string, number> {
  const rates: Record<string, number> = {};
  for (const [reason, total] of Object.entries(now.ends)) {
    const value = rate(before.ends[reason], total, elapsedMs);
    if (value !== null && value > 0) {
      rates[reason] = value;
    }
  }
  return rates;
}

function heldByKind(totals: Totals): Record<MemoryKind, number> {
  const pairs = MEMORY_KINDS.map((kind) => [kind, totals[`memory_${kind}`]] as const);
  return Object.fromEntries(pairs) as Record<MemoryKind, number>;
}

function per(amount: number, connections: number): number | null {
  return connections > 0 ? amount / connections : null;
}

export function point(before: Sample | null, now: Sample): Point {
  const status = now.status;
  const earlier = before?.status ?? null;
  const base = earlier !== null && status !== null && isSameRun(earlier, status) ? earlier : null;
  const elapsed = before === null ? 0 : now.at - before.at;
  const totals = status?.totals;
  const of = (name: keyof Status['totals']): number | null =>
    rate(base?.totals[name], base === null ? undefined : totals?.[name], elapsed);
  const turns = base !== null && status !== null ? since(base.turn_us, status.turn_us) : null;
  const receivers =
    base !== null && status !== null ? since(base.fanout_receivers, status.fanout_receivers) : null;
  return {
    at: now.at,
    connections: totals?.connections ?? null,
    users: totals?.users ?? null,
    logins: of('logins'),
    kicks: of('kicks'),
    messagesIn: of('messages_in'),
    messagesOut: of('messages_out'),
    deliveries: of('deliveries'),
    receiversP50: receivers === null ? null : quantile(receivers, 0.5),
    receiversP99: receivers === null ? null : quantile(receivers, 0.99),
    held: totals === undefined ? null : heldByKind(totals),
    turnP50: turns === null ? null : quantile(turns, 0.5),
    turnP99: turns === null ? null : quantile(turns, 0.99),
    rssPerConnection: status === null ? null : per(status.memory.rss, status.totals.connections),
    allocatedPerConnection: status === null ? null : per(status.memory.allocated, status.totals.connections),
    ends: base !== null && status !== null ? endRates(base, status, elapsed) : {},
  };
}

// The samples of the last minutes as points, oldest first.
export class History {
  private readonly spanMs: number;
  private last: Sample | null = null;
  private kept: Point[] = [];

  constructor(spanMs: number) {
    this.spanMs = spanMs;
  }

  add(sample: Sample): void {
    this.kept.push(point(this.last, sample));
    this.last = sample;
    const oldest = sample.at - this.spanMs;
    const first = this.kept.findIndex(({ at }) => at >= oldest);
    this.kept = this.kept.slice(Math.max(0, first));
  }

  get points(): readonly Point[] {
    return this.kept;
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

// The end of an axis from zero that holds `largest`: 1, 2, 4 or 10 times a power of ten, so that half of
// it is a round number too. With `unit` 1024 it is round in the unit that bytes are written in.
export function niceTop(largest: number, least: number, unit: 1000 | 1024): number {
  const wanted = Math.max(largest, least);
  const scale = unit ** Math.max(0, Math.floor(Math.log(wanted) / Math.log(unit)));
  const inUnit = wanted / scale;
  const power = 10 ** Math.floor(Math.log10(inUnit));
  const step = [1, 2, 4, 10].find((factor) => factor * power >= inUnit * 0.9999) ?? 10;
  const top = step * power;
  return top > unit ? scale * unit : top * scale;
}

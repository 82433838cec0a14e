// Which charts there are, and what is in them.

import type { Series, Spec } from './chart.js';
import { bytes, compact, microseconds, perSecond } from './format.js';
import { MEMORY_KINDS } from './memory_kinds.js';
import { reasonsIn } from './rates.js';
import type { Point } from './rates.js';
import { endWords } from './reasons.js';

// What is beyond these shares the last colour: six lines are as many as an eye tells apart.
const COLOURS = ['series-1', 'series-2', 'series-3', 'series-4', 'series-5', 'series-6'] as const;

function line(name: string, colour: string, value: (point: Point) => number | null): Series {
  return { name, colour, value };
}

function always(...series: readonly Series[]): () => readonly Series[] {
  return () => series;
}

function ends(points: readonly Point[]): readonly Series[] {
  return reasonsIn(points).map((reason, i) =>
    line(endWords(reason), COLOURS[Math.min(i, COLOURS.length - 1)] ?? 'series-6', (point) =>
      // Where logins are known, so are ends; one that did not occur is none.
      point.logins === null ? null : (point.ends[reason] ?? 0),
    ),
  );
}

const NO_DATA = 'no data yet';

export const SPECS: readonly Spec[] = [
  {
    id: 'connections',
    title: 'Live connections',
    hint: 'Open lines, and users who are logged in on one.',
    least: 4,
    format: compact,
    empty: NO_DATA,
    series: always(
      line('connections', 'series-1', (point) => point.connections),
      line('users', 'series-2', (point) => point.users),
    ),
  },
  {
    id: 'logins',
    title: 'Logins',
    hint: 'New sessions, and old ones that a newer login replaced.',
    least: 2,
    format: perSecond,
    empty: NO_DATA,
    series: always(
      line('logins', 'series-1', (point) => point.logins),
      line('kicks', 'series-3', (point) => point.kicks),
    ),
  },
  {
    id: 'ends',
    title: 'Ends by reason',
    hint: 'Every connection ends for exactly one reason.',
    least: 2,
    format: perSecond,
    empty: 'none in the last two minutes',
    series: ends,
  },
  {
    id: 'messages',
    title: 'Messages',
    hint: 'Whole messages in, heartbeats included, and out.',
    least: 4,
    format: perSecond,
    empty: NO_DATA,
    series: always(
      line('in', 'series-1', (point) => point.messagesIn),
      line('out', 'series-2', (point) => point.messagesOut),
    ),
  },
  {
    id: 'fanout',
    title: 'Fan-out',
    hint: 'Copies handed to receivers each second.',
    least: 4,
    format: perSecond,
    empty: NO_DATA,
    series: always(line('deliveries', 'series-1', (point) => point.deliveries)),
  },
  {
    id: 'queue',
    title: 'Memory held',
    hint: 'What is not wholly read, not taken or on its way; over the limit who holds the most goes.',
    least: 1024,
    unit: 1024,
    format: bytes,
    empty: NO_DATA,
    series: always(
      ...MEMORY_KINDS.map((kind, i) => line(kind, COLOURS[i] ?? 'series-6', (point) => point.held?.[kind] ?? null)),
    ),
  },
  {
    id: 'turn',
    title: 'Loop turn',
    hint: 'How long a worker takes for one turn: half and 99 % are quicker.',
    least: 100,
    format: microseconds,
    empty: NO_DATA,
    series: always(
      line('p50', 'series-1', (point) => point.turnP50),
      line('p99', 'series-3', (point) => point.turnP99),
    ),
  },
  {
    id: 'memory',
    title: 'Memory per connection',
    hint: 'The whole process, its fixed part included, divided by them.',
    least: 1024,
    unit: 1024,
    format: bytes,
    empty: NO_DATA,
    series: always(
      line('resident', 'series-1', (point) => point.rssPerConnection),
      line('heap', 'series-2', (point) => point.allocatedPerConnection),
    ),
  },
];

// Which charts there are, and what is in them.

import type { Series, Spec } from './chart.js';
import { bytes, bytesPerSecond, compact, microseconds, percent, perSecond } from './format.js';
import { reasonsIn } from './history.js';
import type { Point } from './history.js';
import { MEMORY_KINDS } from './memory_kinds.js';
import { endWords } from './reasons.js';

// What is beyond these shares the last colour: six lines are as many as an eye tells apart.
const COLOURS = ['series-1', 'series-2', 'series-3', 'series-4', 'series-5', 'series-7', 'series-6'] as const;

type Value = Series['value'];

function line(name: string, colour: string, value: Value): Series {
  return { name, colour, value };
}

function dashed(name: string, colour: string, value: Value): Series {
  return { name, colour, value, dashed: true };
}

function level(name: string): Value {
  return (point) => point.levels[name] ?? null;
}

function rate(name: string): Value {
  return (point) => point.rates[name] ?? null;
}

// One that did not occur is none.
function endRate(reason: string): Value {
  return (point) => (point.gap ? null : (point.ends[reason] ?? 0));
}

function always(...series: readonly Series[]): () => readonly Series[] {
  return () => series;
}

function colourOf(i: number): string {
  return COLOURS[Math.min(i, COLOURS.length - 1)] ?? 'series-6';
}

function ends(points: readonly Point[]): readonly Series[] {
  return reasonsIn(points).map((reason, i) => line(endWords(reason), colourOf(i), endRate(reason)));
}

// Those of which something was held: a quiet gateway holds two or three of nine.
function memory(points: readonly Point[]): readonly Series[] {
  return MEMORY_KINDS.map((kind) => ({ kind, value: level(`memory_${kind}`) }))
    .filter(({ value }) => points.some((point) => (value(point) ?? 0) > 0))
    .map(({ kind, value }, i) => line(kind, colourOf(i), value));
}

function busiest(share: number): Value {
  return ({ busy }) => [...busy].sort((a, b) => b - a)[Math.round(share * (busy.length - 1))] ?? null;
}

// More workers than an eye tells apart are told by their extremes.
function workers(points: readonly Point[]): readonly Series[] {
  const count = points.reduce((most, { busy }) => Math.max(most, busy.length), 0);
  if (count > COLOURS.length) {
    return [
      line('busiest', 'series-3', busiest(0)),
      line('median', 'series-1', busiest(0.5)),
      line('idlest', 'series-2', busiest(1)),
    ];
  }
  return Array.from({ length: count }, (_, i) =>
    line(`worker ${String(i)}`, colourOf(i), ({ busy }) => busy[i] ?? null),
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
      line('connections', 'series-1', level('connections')),
      dashed('users', 'series-3', level('users')),
    ),
  },
  {
    id: 'logins',
    title: 'Logins',
    hint: 'New sessions, and old ones that a newer login replaced.',
    least: 2,
    format: perSecond,
    empty: NO_DATA,
    series: always(line('logins', 'series-1', rate('logins')), dashed('kicks', 'series-3', rate('kicks'))),
  },
  {
    id: 'refusals',
    title: 'Refused and cut off',
    hint: 'Who found no place or broke off in the opening; who read too slowly, kept silent, or held the most.',
    least: 2,
    stacked: true,
    format: perSecond,
    empty: NO_DATA,
    series: always(
      line('no place', 'series-3', rate('accept_refused')),
      line('bad request', 'series-6', endRate('http_refused')),
      line('slow readers', 'series-4', rate('slow_readers_cut')),
      line('silent', 'series-2', endRate('read_timeout')),
      line('over memory', 'series-5', endRate('overloaded')),
    ),
  },
  {
    id: 'ends',
    title: 'Ends by reason',
    hint: 'Every connection ends for exactly one reason.',
    least: 2,
    stacked: true,
    format: perSecond,
    empty: 'none in this time',
    series: ends,
  },
  {
    id: 'messages',
    title: 'Messages',
    hint: 'Whole messages: in above, heartbeats included, out below, each on its own scale.',
    least: 4,
    mirrored: true,
    format: perSecond,
    empty: NO_DATA,
    series: always(line('in', 'series-1', rate('messages_in')), line('out', 'series-2', rate('messages_out'))),
  },
  {
    id: 'bytes',
    title: 'Bytes',
    hint: 'Read from sockets above, taken by them below, each on its own scale.',
    least: 1024,
    unit: 1024,
    mirrored: true,
    format: bytesPerSecond,
    empty: NO_DATA,
    series: always(line('in', 'series-1', rate('bytes_in')), line('out', 'series-2', rate('bytes_out'))),
  },
  {
    id: 'said',
    title: 'For whom',
    hint: 'Messages of users and backends by whom they are for.',
    least: 4,
    stacked: true,
    format: perSecond,
    empty: NO_DATA,
    series: always(
      line('everybody', 'series-1', rate('said_to_all')),
      line('a room', 'series-2', rate('said_to_room')),
      line('one user', 'series-3', rate('said_to_user')),
      line('one user, by a backend', 'series-4', rate('pushes')),
    ),
  },
  {
    id: 'fanout',
    title: 'Fan-out',
    hint: 'Copies handed to receivers each second.',
    least: 4,
    format: perSecond,
    empty: NO_DATA,
    series: always(line('deliveries', 'series-1', rate('deliveries'))),
  },
  {
    id: 'rooms',
    title: 'Rooms',
    hint: 'Those that have members, and how many sessions are in each, summed up.',
    least: 4,
    format: compact,
    empty: NO_DATA,
    series: always(line('rooms', 'series-1', level('rooms')), dashed('memberships', 'series-3', level('memberships'))),
  },
  {
    id: 'turn',
    title: 'Loop turn',
    hint: 'How long a worker takes for one turn: half and 99 % are quicker.',
    least: 100,
    format: microseconds,
    empty: NO_DATA,
    series: always(line('p50', 'series-1', level('turn_us_p50')), line('p99', 'series-3', level('turn_us_p99'))),
  },
  {
    id: 'cpu',
    title: 'CPU',
    hint: 'Time that the whole process takes, of one core.',
    least: 0.1,
    format: percent,
    empty: NO_DATA,
    series: always(
      line('process', 'series-1', ({ rates }) => (rates.cpu_us === undefined ? null : rates.cpu_us / 1e6)),
    ),
  },
  {
    id: 'workers',
    title: 'Load by worker',
    hint: 'The part of its time in which a worker does not wait.',
    least: 0.1,
    format: percent,
    empty: NO_DATA,
    series: workers,
  },
  {
    id: 'queue',
    title: 'Memory held',
    hint: 'What is not wholly read, not taken or on its way; over the limit who holds the most goes. Rooms have a quarter of it.',
    least: 1024,
    unit: 1024,
    stacked: true,
    format: bytes,
    empty: 'nothing in this time',
    series: memory,
  },
  {
    id: 'memory',
    title: 'Memory per connection',
    hint: 'What one costs: resident memory above that of the start, divided by them.',
    least: 256,
    unit: 1024,
    format: bytes,
    empty: NO_DATA,
    unknown: 'told from 1,000 connections on',
    series: always(line('resident', 'series-1', level('memory_per_connection'))),
  },
];

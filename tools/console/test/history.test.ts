import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HistoryAnswer } from '../src/api_types.js';
import { gapAt, History, reasonsIn } from '../src/history.js';

const START = 1_700_000_000_000; // of the gateway, by this page's clock

// Moments a second, the first of number `from`, as a gateway tells them that was started at `started`.
function answer(from: number, count: number, started = START): HistoryAnswer {
  const numbers = Array.from({ length: count - from }, (_, i) => from + i);
  return {
    started_ms: started,
    now_ms: count * 1000,
    every_ms: 1000,
    span_ms: 900_000,
    count,
    at_ms: numbers.map((number) => (number + 1) * 1000),
    interval_ms: numbers.map(() => 1000),
    levels: { connections: numbers, memory_per_connection: numbers.map(() => null) },
    growth: { logins: numbers.map((number) => number * 2) },
    ends: { kicked: numbers.map((number) => number % 2) },
    busy: [numbers.map(() => 0.25), numbers.map(() => 0.5)],
  };
}

const times = (history: History): number[] => history.points.filter(({ gap }) => !gap).map(({ at }) => (at - START) / 1000);
const gaps = (history: History): number => history.points.filter(({ gap }) => gap).length;

test('whoever opens the page sees what was before', () => {
  const history = new History();
  assert.equal(history.since, 0);
  assert.equal(history.add(answer(0, 4), START + 4000), true);
  assert.deepEqual(times(history), [1, 2, 3, 4]);
  assert.equal(history.since, 4);
  const last = history.points[3];
  assert.equal(last?.levels.connections, 3);
  assert.equal(last?.levels.memory_per_connection, null);
  assert.equal(last?.rates.logins, 6);
  assert.deepEqual(last?.ends, { kicked: 1 });
  assert.deepEqual(history.points[2]?.ends, {});
  assert.deepEqual(last?.busy, [0.25, 0.5]);
});

test('what comes next is added, and nothing twice', () => {
  const history = new History();
  history.add(answer(0, 4), START + 4000);
  history.add(answer(4, 4), START + 4300);
  history.add(answer(4, 6), START + 6100);
  assert.deepEqual(times(history), [1, 2, 3, 4, 5, 6]);
  assert.equal(gaps(history), 0);
});

test('a rate is what grew in the interval, however long it was', () => {
  const late = { ...answer(0, 1), growth: { logins: [80] }, interval_ms: [8000] };
  const history = new History();
  history.add(late, START + 1000);
  assert.equal(history.points[0]?.rates.logins, 10);
});

test('what the gateway did not look at is a gap', () => {
  const history = new History();
  history.add({ ...answer(0, 3), at_ms: [1000, 2000, 9000], interval_ms: [1000, 1000, 7000] }, START + 9000);
  assert.deepEqual(history.points.map(({ gap }) => gap), [false, false, true, false]);
});

test('what this page alone has missed is filled in', () => {
  const history = new History();
  history.add(answer(0, 4), START + 4000);
  history.miss(START + 5000);
  history.miss(START + 6000);
  assert.equal(gaps(history), 2);
  history.add(answer(4, 7), START + 7000);
  assert.deepEqual(times(history), [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(gaps(history), 0);
});

test('a gateway that was started anew: the old moments stay, behind a gap', () => {
  const history = new History();
  history.add(answer(0, 4), START + 4000);
  history.miss(START + 5000);
  const again = START + 60_000;
  assert.equal(history.add(answer(4, 5, again), again + 5000), false);
  assert.equal(history.since, 0);
  assert.equal(history.add(answer(0, 5, again), again + 5000), true);
  assert.deepEqual(times(history), [1, 2, 3, 4, 61, 62, 63, 64, 65]);
  assert.deepEqual(history.points.map(({ gap }) => gap).indexOf(true), 4);
  assert.equal(gaps(history), 1);
  assert.equal(history.points[4]?.rates.logins, undefined);
});

test('times are this page’s, whatever clock the gateway has, and move when a clock is set', () => {
  const history = new History();
  history.add(answer(0, 2), START + 2000 + 3_600_000);
  assert.deepEqual(times(history), [3601, 3602]);
  // An answer that took its time moves nothing.
  history.add(answer(2, 3), START + 3000 + 3_600_000 + 900);
  assert.deepEqual(times(history), [3601, 3602, 3603]);
  history.add(answer(3, 4), START + 4000);
  assert.deepEqual(times(history), [1, 2, 3, 4]);
});

test('no more is kept than the gateway keeps', () => {
  const history = new History();
  for (let count = 1; count <= 1000; count++) {
    history.add(answer(count - 1, count), START + count * 1000);
  }
  assert.equal(history.points.length, 901);
  assert.equal(times(history)[0], 100);
});

test('reasons, the most frequent first', () => {
  const points = [{ a: 1 }, { b: 5 }, { a: 1, c: 2 }].map((ends) => ({ ...gapAt(0), ends }));
  assert.deepEqual(reasonsIn(points), ['b', 'a', 'c']);
});

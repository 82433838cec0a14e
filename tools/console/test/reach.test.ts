import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clock } from '../src/format.js';
import { Reach, ageWords, awayWords, lateWords } from '../src/reach.js';

const NOON = Date.parse('2026-07-01T12:00:00');
const at = (seconds: number): number => NOON + seconds * 1000;

test('away is since the first question without an answer, however many follow', () => {
  const reach = new Reach();
  reach.answered(at(0), false);
  reach.failed(at(1), null);
  reach.failed(at(7), null);
  assert.deepEqual(reach.away, { since: at(1), lastAnswer: at(0), wasDraining: false, instead: null });
  reach.answered(at(13), false);
  assert.deepEqual(reach.away, null);
  reach.failed(at(20), null);
  assert.deepEqual(reach.away, { since: at(20), lastAnswer: at(13), wasDraining: false, instead: null });
});

test('a page that was not looked at has asked nothing: what it shows is older than the absence', () => {
  const reach = new Reach();
  reach.answered(at(0), false);
  reach.failed(at(3600), null);
  assert.ok(reach.away);
  const { title, detail, short } = awayWords(reach.away, at(3665));
  assert.match(title, /^The gateway has not answered since 13:00:00, for 1.min 5.s\.$/);
  assert.match(detail, /^What is shown is of 12:00:00\. .*keeps asking/);
  assert.equal(short, 'away since 13:00:00');
  assert.equal(ageWords(reach.away), 'as it was at 12:00:00');
});

test('a gateway that never answered has nothing to show', () => {
  const reach = new Reach();
  reach.failed(at(0), null);
  assert.ok(reach.away);
  assert.match(awayWords(reach.away, at(1)).detail, /never answered/);
  assert.equal(ageWords(reach.away), 'not seen yet');
});

test('a gateway that refuses is not told as silent, one that wants a token not as away', () => {
  const reach = new Reach();
  reach.failed(at(0), 'There is no memory');
  assert.ok(reach.away);
  const { title, heard } = awayWords(reach.away, at(2));
  assert.match(title, /^The gateway has refused to answer since 12:00:00, .*: There is no memory\.$/);
  assert.equal(heard, 'The gateway refuses to answer');
  reach.found();
  assert.equal(reach.away, null);
});

test('who had been draining was wanted to end', () => {
  const reach = new Reach();
  reach.answered(at(0), true);
  reach.failed(at(1), null);
  assert.ok(reach.away);
  assert.match(awayWords(reach.away, at(2)).detail, /^It was draining: somebody wanted it to end\. What is shown/);
});

test('a clock that is put back makes no time negative', () => {
  const reach = new Reach();
  reach.failed(at(60), null);
  assert.ok(reach.away);
  assert.match(awayWords(reach.away, at(0)).title, /for 0.s\.$/);
});

test('an answer that takes long is told', () => {
  assert.equal(lateWords(null, at(0)), null);
  assert.equal(lateWords(at(0), at(2)), null);
  assert.match(lateWords(at(0), at(3)) ?? '', /^no answer for 3.s$/);
  assert.equal(clock(new Date(at(0))), '12:00:00');
});

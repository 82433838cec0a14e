import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  tell,
  tellBack,
  tellBarred,
  tellEntered,
  tellFailedDial,
  tellHanded,
  tellMembers,
  tellNotHanded,
  tellRefreshed,
  tellWithheld,
  titleOf,
  why,
} from '../src/narrator.js';
import type { Change, Turn } from '../src/narrator.js';

const turn = (given: Partial<Turn>): Turn => ({
  from: 'CONNECTED',
  to: 'RECONNECTING',
  reason: 'network',
  code: null,
  said: '',
  lostMs: null,
  ...given,
});

test('a line that breaks, a deadline that runs dry, a gateway that goes down', () => {
  assert.match(tell(turn({ code: 1006 }))?.text ?? '', /1006, no Close frame/);
  assert.match(tell(turn({ reason: 'timeout' }))?.text ?? '', /deadline ran dry/);
  assert.match(tell(turn({ code: 1012 }))?.text ?? '', /^Close 1012: the gateway restarts/);
  assert.equal(titleOf(turn({ code: 1012 })), 'The gateway goes down');
});

test('coming back says how long it took, and ends the story', () => {
  const told = tell(turn({ from: 'RECONNECTING', to: 'CONNECTED', reason: 'ready', lostMs: 3240 }));
  assert.match(told?.text ?? '', /3\.2.s after/);
  assert.equal(told?.ends, true);
  assert.match(why(turn({ from: 'RECONNECTING', to: 'CONNECTED', reason: 'ready' })), /on a new line/);
});

test('a kick and a logout end for good', () => {
  assert.match(tell(turn({ to: 'CLOSED', reason: 'kicked', code: 4001 }))?.text ?? '', /stays closed/);
  assert.match(tell(turn({ from: 'CLOSING', to: 'CLOSED', reason: 'logout', code: 1000 }))?.text ?? '', /does not come back/);
});

test('a login that fails has a story of its own', () => {
  const failed = turn({ from: 'CONNECTING', to: 'CLOSED', reason: 'timeout' });
  assert.equal(titleOf(failed), 'The login failed');
  assert.match(tell(failed)?.text ?? '', /^Closed: no answer within 5.s/);
});

test('a dial that fails is no line that dies', () => {
  const failed = turn({ from: 'CONNECTING', to: 'CLOSED' });
  assert.equal(tell(failed)?.text, 'Closed: the gateway was not reached, or it refused. It stays closed.');
  assert.match(why(turn({ from: 'CONNECTING', to: 'CLOSED', reason: 'timeout' })), /^no answer within 5.s$/);
  const dial = { attempt: 2, reason: 'network', code: null };
  assert.equal(tellFailedDial(dial), 'Attempt 2 failed: the gateway was not reached, or it refused.');
  assert.match(tellFailedDial({ ...dial, reason: 'timeout' }), /failed: no answer within 5.s\.$/);
  assert.match(tellFailedDial({ ...dial, code: 1013 }), /failed: Close 1013, the gateway is overloaded/);
  assert.match(tellFailedDial({ ...dial, code: 1006 }), /broke before the gateway had answered/);
  assert.match(tellFailedDial({ ...dial, attempt: 0 }), /^The login failed: /);
});

test('the code of a Close says why, whatever the SDK calls it', () => {
  const ends = (code: number, reason: string, to: 'CLOSED' | 'RECONNECTING') => tell(turn({ code, reason, to }))?.text;
  assert.equal(ends(1008, 'auth', 'CLOSED'), 'Closed (1008): refused by policy. It stays closed.');
  // The gateway's deadline, not the client's own.
  assert.equal(ends(3008, 'timeout', 'RECONNECTING'), 'Close 3008: too long silent: the read deadline passed.');
  assert.match(why(turn({ code: 3008, reason: 'timeout' })), /^too long silent/);
  assert.equal(why(turn({ to: 'CLOSED', reason: 'logout', code: 1000 })), 'you logged out');
});

test('who logs out without a line closes none', () => {
  assert.match(tell(turn({ to: 'CLOSING', reason: 'logout' }))?.text ?? '', /^Close 1000 is on its way/);
  assert.match(tell(turn({ from: 'RECONNECTING', to: 'CLOSING', reason: 'logout' }))?.text ?? '', /^There is no line to close/);
});

test('a page that is put aside gives its line up itself', () => {
  assert.equal(tell(turn({ reason: 'pagehide' }))?.text, 'The line is given up: the page was put aside.');
});

test('a reason that is new to this page is passed on', () => {
  assert.equal(why(turn({ reason: 'moonquake' })), 'moonquake');
});

test('whom a client finds in the room', () => {
  assert.equal(tellEntered('#try', []), 'In the room #try, alone.');
  assert.equal(tellEntered('#try', ['bob', 'eve']), 'In the room #try, with bob and eve.');
  assert.match(tellBack('#try', []), /^Back in #try: .* Nobody else is there\.$/);
  assert.match(tellBack('#try', ['bob']), /bob is there\.$/);
  assert.match(tellBack('#try', ['bob', 'eve']), /bob and eve are there\.$/);
});

test('who comes and goes', () => {
  const members = (change: Change['change'], user?: string) => tellMembers('alice', { room: '#try', change, user });
  assert.equal(members('came', 'bob'), 'bob came into #try.');
  assert.equal(members('went', 'bob'), 'bob has left #try.');
  assert.equal(members('came', 'alice'), 'A backend has put alice into #try.');
  assert.equal(members('taken out'), 'A backend has taken alice out of #try.');
  assert.equal(members('counted'), null);
});

test('what became of a text', () => {
  assert.equal(tellHanded(1, null), 'heard by 1 session');
  assert.equal(tellHanded(2, 'bob'), 'only to bob, heard by 2 sessions');
  assert.equal(tellHanded(0, null), 'nobody else is in the room');
  assert.equal(tellHanded(0, 'bob'), 'bob is not there');
  assert.match(tellNotHanded('unknown'), /^not known: the line ended before the answer/);
  assert.equal(tellNotHanded('busy'), 'not sent: a limit is reached');
  assert.match(tellBarred('#try', 'bob', 'too-many-rooms'), /rooms_per_session.*“Only to bob” works all the same\.$/);
});

test('a token that ends, and one that is fresh', () => {
  const expired = turn({ reason: 'auth', code: 3000, said: 'expired' });
  assert.equal(tell(expired)?.text, 'Close 3000 “expired”: not authenticated.');
  assert.equal(tell(turn({ code: 1012, said: 'retry_ms=20' }))?.text, 'Close 1012: the gateway restarts and asks to come back.');
  assert.match(tellFailedDial({ attempt: 1, reason: 'auth', code: null }), /there was no token to show/);
  assert.match(tellWithheld(17_300), /^The token ends in 17\.3.s; 30.s behind its end the gateway closes/);
  assert.match(tellWithheld(0), /^The token has ended; /);
  assert.match(tellRefreshed(20), /^Packet 103 .* 20.s more\.$/);
});

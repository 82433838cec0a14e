// The words for what happens to a client. Pure.

import { duration, seconds } from './format.js';
import type { StateName } from './pulse.js';
import { codeWords } from './reasons.js';
import { some } from './results.js';
import type { Tone } from './story.js';
import { CONNECT_TIMEOUT_MS, GRACE_MS } from './timing.js';

export interface Told {
  readonly text: string;
  readonly tone: Tone;
  readonly ends: boolean; // the story is over: the client has arrived somewhere
}

export interface Turn {
  readonly from: StateName;
  readonly to: StateName;
  readonly reason: string; // the SDK's word
  readonly code: number | null; // of the Close that came on this line, where one did
  readonly said: string; // the reason in that Close
  readonly lostMs: number | null; // how long the client has been without a line
}

export interface FailedDial {
  readonly attempt: number; // 0: the login itself
  readonly reason: string; // the SDK's word
  readonly code: number | null; // as in a turn
}

const LOST = 1006; // what a browser makes of an end without a Close

const UNAUTHENTICATED = 3000; // whose reason says more than its code

const REASONS: Readonly<Record<string, string>> = {
  login: 'you asked for it',
  ready: 'the gateway answered',
  logout: 'you logged out',
  kicked: 'the same user logged in elsewhere',
  timeout: 'the gateway stayed silent too long',
  network: 'the line broke',
  aborted: 'the login was given up',
  auth: 'the login was refused',
  protocol: 'the gateway closed for a broken message',
  closed: 'the gateway closed the line',
  pagehide: 'the page was put aside',
  'reconnect timeout': 'every attempt to come back failed',
};

// What this side wanted: there the code of the Close says no more.
const OWN = new Set(['login', 'ready', 'logout', 'aborted', 'pagehide']);

// Why a dial came to nothing. A browser does not tell a port where nobody listens from a refusal.
function dialWords(reason: string, code: number | null): string {
  if (code === LOST) {
    return 'the line broke before the gateway had answered';
  }
  if (code !== null) {
    return `Close ${String(code)}, ${codeWords(code)}`;
  }
  if (reason === 'auth') {
    return 'there was no token to show';
  }
  if (reason === 'timeout') {
    return `no answer within ${duration(CONNECT_TIMEOUT_MS)}`;
  }
  return 'the gateway was not reached, or it refused';
}

// Why the client is in this state: the line below the diagram. The code of a Close says it best.
export function why({ reason, code, from }: Turn): string {
  if (OWN.has(reason)) {
    return reason === 'ready' && from === 'RECONNECTING' ? 'the gateway answered, on a new line' : (REASONS[reason] ?? reason);
  }
  if (code !== null && code !== LOST) {
    return codeWords(code);
  }
  if (from === 'CONNECTING' && ['network', 'timeout', 'auth'].includes(reason)) {
    return dialWords(reason, code);
  }
  return REASONS[reason] ?? reason;
}

function closeWords(code: number, said: string): string {
  const quoted = code === UNAUTHENTICATED && said !== '' ? ` “${said}”` : '';
  return `${String(code)}${quoted}`;
}

function lost(turn: Turn): string {
  const { reason, code, said } = turn;
  if (code !== null && code !== LOST) {
    return `Close ${closeWords(code, said)}: ${codeWords(code)}.`;
  }
  switch (reason) {
    case 'timeout':
      return 'The read deadline ran dry: the client takes the line for dead and drops it.';
    case 'network':
      return 'The browser reports the end (1006, no Close frame): the line is lost.';
    default:
      return `The line is given up: ${why(turn)}.`;
  }
}

function closed(turn: Turn): Told {
  switch (turn.reason) {
    case 'kicked':
      return {
        text: 'Closed with 4001 “kicked”. It stays closed: coming back would kick the other one, and so on for ever.',
        tone: 'bad',
        ends: true,
      };
    case 'logout':
    case 'aborted':
      return { text: 'Closed. It does not come back: you wanted this end.', tone: 'plain', ends: true };
    default: {
      const code = turn.code === null ? '' : ` (${closeWords(turn.code, turn.said)})`;
      return { text: `Closed${code}: ${why(turn)}. It stays closed.`, tone: 'bad', ends: true };
    }
  }
}

export function tell(turn: Turn): Told | null {
  switch (turn.to) {
    case 'CONNECTING':
      return { text: 'Connecting: the login is part of the address.', tone: 'plain', ends: false };
    case 'CONNECTED':
      return {
        text:
          turn.from === 'RECONNECTING' && turn.lostMs !== null
            ? `Connected again, on a new line, ${seconds(turn.lostMs)} after the old one was lost.`
            : 'Connected and logged in.',
        tone: 'good',
        ends: true,
      };
    case 'RECONNECTING':
      return { text: lost(turn), tone: 'bad', ends: false };
    case 'CLOSING':
      return {
        text:
          turn.from === 'CONNECTED'
            ? 'Close 1000 is on its way; the gateway will echo it.'
            : 'There is no line to close; nothing is dialled any more.',
        tone: 'plain',
        ends: false,
      };
    case 'CLOSED':
      return closed(turn);
    case 'INIT':
      return null;
  }
}

export function tellFailedDial({ attempt, reason, code }: FailedDial): string {
  const what = attempt === 0 ? 'The login' : `Attempt ${String(attempt)}`;
  return `${what} failed: ${dialWords(reason, code)}.`;
}

// The title of a story that nobody on this page began.
export function titleOf({ from, to, reason, code }: Turn): string {
  if (reason === 'kicked') {
    return 'Someone else logged in under this name';
  }
  if (to === 'RECONNECTING' && code === 1012) {
    return 'The gateway goes down';
  }
  if (from === 'CONNECTING') {
    return 'The login failed';
  }
  return to === 'CLOSED' || to === 'RECONNECTING' ? 'The line ended' : 'The client moved on';
}

// --- tokens -------------------------------------------------------------------------------------

export function tellWithheld(leftMs: number): string {
  const ends = leftMs > 0 ? `The token ends in ${seconds(leftMs)}` : 'The token has ended';
  return `${ends}; ${duration(GRACE_MS)} behind its end the gateway closes the session.`;
}

export function tellRefreshed(secondsLeft: number): string {
  return `Packet 103 has brought a fresh token: ${duration(secondsLeft * 1000)} more.`;
}

// --- the room -----------------------------------------------------------------------------------

// Whom a client finds when it has entered the room, anew or for the first time.
export function tellEntered(room: string, others: readonly string[]): string {
  return `In the room ${room}, ${others.length === 0 ? 'alone' : `with ${others.join(' and ')}`}.`;
}

export function tellBack(room: string, others: readonly string[]): string {
  const who = others.length === 0 ? 'Nobody else is there' : `${others.join(' and ')} ${others.length === 1 ? 'is' : 'are'} there`;
  return `Back in ${room}: a membership ends with its line, so the client joined anew. ${who}.`;
}

export interface Change {
  readonly room: string;
  readonly change: 'counted' | 'came' | 'went' | 'taken out';
  readonly user: string | undefined;
}

// What a 122 says of it; null where only a number is told. `user` is who is told.
export function tellMembers(user: string, { room, change, user: who }: Change): string | null {
  switch (change) {
    case 'came':
      return who === user ? `A backend has put ${user} into ${room}.` : `${who ?? ''} came into ${room}.`;
    case 'went':
      return `${who ?? ''} has left ${room}.`;
    case 'taken out':
      return `A backend has taken ${user} out of ${room}.`;
    case 'counted':
      return null;
  }
}

// The SDK's words for a refusal, and for what is not known.
const REFUSALS: Readonly<Record<string, string>> = {
  'not-allowed': 'that is not allowed',
  busy: 'a limit is reached',
  'not-a-member': 'not a member of the room',
  'bad-name': 'no such name is possible',
  'too-many-rooms': 'this gateway lets a session into no more rooms (rooms_per_session)',
  unreachable: 'that node cannot be asked',
  unknown: 'the line ended before the answer: it may have arrived',
  network: 'there is no line',
  aborted: 'the client was logged out',
};

export function refusalWords(code: string): string {
  return REFUSALS[code] ?? code;
}

// Why the two cannot talk in their room, and what is left.
export function tellBarred(room: string, other: string, code: string): string {
  return `Not in the room ${room}: ${refusalWords(code)}. Nobody hears what is said there; “Only to ${other}” works all the same.`;
}

// What became of a text: how many sessions it was handed to. `other` is who alone was to hear it; null: the room.
export function tellHanded(count: number, other: string | null): string {
  if (count === 0) {
    return other === null ? 'nobody else is in the room' : `${other} is not there`;
  }
  return other === null ? `heard by ${some(count, 'session')}` : `only to ${other}, heard by ${some(count, 'session')}`;
}

export function tellNotHanded(code: string): string {
  return code === 'unknown' ? `not known: ${refusalWords(code)}` : `not sent: ${refusalWords(code)}`;
}

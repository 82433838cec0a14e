// What a packet of tidegate.v1 says, in a few words: proto/PROTOCOL.md, section 6. Pure.

import type { Taken, Value } from './fields.js';
import { duration } from './format.js';
import { RESULT, resultWords, some } from './results.js';

const NO_END = 0xffffffff; // of the seconds that a session has left
const TELL_ME = 1; // the flag of a join

const COUNTED = 0;
const CAME = 1;
const WENT = 2;
const TAKEN_OUT = 3;

// A payload's fields by their names.
class Said {
  private readonly values: ReadonlyMap<string, Value>;

  constructor({ fields }: Taken) {
    this.values = new Map(fields.map(({ name, value }) => [name, value]));
  }

  number(name: string): number {
    const value = this.values.get(name);
    return typeof value === 'number' ? value : 0;
  }

  text(name: string): string {
    const value = this.values.get(name);
    return typeof value === 'string' ? value : '';
  }

  list(name: string): readonly string[] {
    const value = this.values.get(name);
    return Array.isArray(value) ? (value as readonly string[]) : [];
  }
}

// An audience as PROTOCOL writes it, but for those that say nothing to who has not read it.
function audienceWords(audience: string): string {
  return audience === '' ? 'everybody' : audience.startsWith('@') ? `${audience.slice(1)} alone` : audience;
}

function session(said: Said): string {
  const seconds = said.number('seconds left');
  const left = seconds === NO_END ? 'without an end' : `${duration(seconds * 1000)} left`;
  const device = said.text('device');
  const who = `you are ${said.text('user')}${device === '' ? '' : ` on ${device}`}`;
  const result = said.number('result');
  return result === RESULT.DONE ? `session: ${who}, ${left}` : `session: ${resultWords(result)}; ${who}, ${left}`;
}

// `asked` is the name of the packet that is answered, where that was seen.
function answer(said: Said, asked: string | undefined): string {
  const result = said.number('result');
  const count = said.number('count');
  const words =
    result !== RESULT.DONE
      ? resultWords(result)
      : asked === 'say'
        ? `handed to ${some(count, 'session')}`
        : asked === 'join' || asked === 'leave'
          ? `done, ${some(count, 'member')} there now`
          : `done, ${String(count)}`;
  return `answer to ${asked ?? 'request'} ${String(said.number('id'))}: ${words}`;
}

function message(said: Said): string {
  const from = said.text('from');
  return `${from === '' ? 'a backend' : from} says to ${audienceWords(said.text('audience'))}: “${said.text('text')}”`;
}

function members(said: Said): string {
  const room = `#${said.text('room')}`;
  const there = `${some(said.number('count'), 'member')} there now`;
  switch (said.number('change')) {
    case COUNTED:
      return `${room}: ${there}`;
    case CAME:
      return `${said.text('user')} came to ${room}: ${there}`;
    case WENT:
      return `${said.text('user')} left ${room}: ${there}`;
    case TAKEN_OUT:
      return `you were taken out of ${room}`;
    default:
      return `${room} changed: ${there}`;
  }
}

function page(said: Said): string {
  const result = said.number('result');
  const users = said.list('user');
  if (result !== RESULT.DONE) {
    return `page of members: ${resultWords(result)}`;
  }
  const names = users.length === 0 ? 'nobody' : users.join(', ');
  return `page of members: ${names}${said.number('last') === 0 ? '; others follow' : ''}`;
}

const WORDS: Readonly<Record<string, (said: Said, asked: string | undefined) => string>> = {
  session,
  gap: (said) => `lost on the way from other nodes: ${String(said.number('batches'))} of their messages or more`,
  answer,
  message,
  members,
  page,
  say: (said) => `say to ${audienceWords(said.text('audience'))}: “${said.text('text')}”`,
  join: (said) =>
    `join #${said.text('room')}${(said.number('flags') & TELL_ME) === 0 ? '' : ', and hear who comes and goes'}`,
  request: (said) => `request ${String(said.number('id'))} to the backend`,
  reply: (said) => `reply to request ${String(said.number('id'))}: ${resultWords(said.number('result'))}`,
  leave: (said) => `leave #${said.text('room')}`,
  list: (said) => {
    const after = said.text('after');
    return `who is in #${said.text('room')}${after === '' ? '' : `, behind ${after}`}?`;
  },
};

// Null of a packet without words of its own.
export function packetWords(name: string, taken: Taken, asked: string | undefined): string | null {
  return WORDS[name]?.(new Said(taken), asked) ?? null;
}

// The id that a request and its answer have in common.
export function idOf(taken: Taken): number | null {
  const [first] = taken.fields;
  return first?.name === 'id' && typeof first.value === 'number' ? first.value : null;
}

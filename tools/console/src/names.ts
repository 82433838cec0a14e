// Names for the two clients of this page, and for the room they talk in, that no other page has: two people who
// try the same gateway must neither kick nor hear each other, nor two tabs of one.

import { getRooms, namesWith } from './api.js';

const KEY = 'tidegate-names';
const STEMS = ['alice', 'bob'] as const;
const ROOM_STEM = 'try';
const TRIES = 20;

// Without what is taken for another when it is read out: i, l, o, 0, 1.
const LETTERS = 'abcdefghjkmnpqrstuvwxyz';
const DIGITS = '23456789';

export interface Names {
  readonly users: readonly [string, string];
  readonly room: string;
}

export function namesOf(tail: string): Names {
  return { users: [`${STEMS[0]}-${tail}`, `${STEMS[1]}-${tail}`], room: `${ROOM_STEM}-${tail}` };
}

// Like x7k. `random` gives numbers as Math.random does.
export function tailOf(random: () => number): string {
  return [LETTERS, DIGITS, LETTERS].map((set) => set.charAt(Math.floor(random() * set.length))).join('');
}

// A lock is held as long as the page lives. A tab that was duplicated finds the names of the first in its storage,
// and their lock held. Without a secure context there are no locks: then only such tabs are not told apart.
function claim(tail: string): Promise<boolean> {
  const locks = navigator.locks as LockManager | undefined;
  if (locks === undefined) {
    return Promise.resolve(true);
  }
  return new Promise((resolve) => {
    void locks.request(`${KEY} ${tail}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? null : new Promise(() => {});
    });
  });
}

async function isTaken(tail: string): Promise<boolean> {
  const { users, room } = namesOf(tail);
  const [{ rooms }, ...taken] = await Promise.all([getRooms(room, 1, null), ...users.map(namesWith)]);
  return rooms.length > 0 || taken.some((names) => names.size > 0);
}

// A page that is loaded again keeps its names.
export async function ownNames(): Promise<Names> {
  let tail = sessionStorage.getItem(KEY) ?? '';
  if (tail === '' || !(await claim(tail))) {
    for (let i = 0; i < TRIES; i++) {
      tail = tailOf(Math.random);
      if ((await claim(tail)) && !(await isTaken(tail).catch(() => false))) {
        break;
      }
    }
    sessionStorage.setItem(KEY, tail);
  }
  return namesOf(tail);
}

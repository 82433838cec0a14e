// Names for the two clients of this page that no other page has: two people who try the same gateway must not
// kick each other, nor two tabs of one.

import { namesWith } from './api.js';

const KEY = 'tidegate-names';
const STEMS = ['alice', 'bob'] as const;
const TRIES = 20;

// Without what is taken for another when it is read out: i, l, o, 0, 1.
const LETTERS = 'abcdefghjkmnpqrstuvwxyz';
const DIGITS = '23456789';

export type Pair = readonly [string, string];

export function pairOf(tail: string): Pair {
  return [`${STEMS[0]}-${tail}`, `${STEMS[1]}-${tail}`];
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
  const users = (await Promise.all(pairOf(tail).map(namesWith))).map((names) => names.size);
  return users.some((count) => count > 0);
}

// A page that is loaded again keeps its names.
export async function ownNames(): Promise<Pair> {
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
  return pairOf(tail);
}

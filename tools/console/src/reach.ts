// Whether the gateway answers, and since when it does not. Pure; times are the clock's, in milliseconds.

import { clock, duration } from './format.js';

export interface Away {
  readonly since: number; // when the first question went out that was not answered
  readonly lastAnswer: number | null; // how old what is shown is; null: nothing was ever answered
  readonly wasDraining: boolean; // then
  readonly instead: string | null; // what came in place of an answer; null: nothing at all
}

export class Reach {
  away: Away | null = null;
  private lastAnswer: number | null = null;
  private wasDraining = false;

  answered(at: number, draining: boolean): void {
    this.lastAnswer = at;
    this.wasDraining = draining;
    this.away = null;
  }

  // It is there, though it answers nothing before it is shown a token.
  found(): void {
    this.away = null;
  }

  failed(askedAt: number, instead: string | null): void {
    this.away = { since: this.away?.since ?? askedAt, lastAnswer: this.lastAnswer, wasDraining: this.wasDraining, instead };
  }
}

export interface AwayWords {
  readonly short: string;
  readonly heard: string;
  readonly title: string;
  readonly detail: string;
}

export function awayWords({ since, lastAnswer, wasDraining, instead }: Away, now: number): AwayWords {
  const from = clock(new Date(since));
  const shown =
    lastAnswer === null ? 'It has never answered this page.' : `What is shown is of ${clock(new Date(lastAnswer))}.`;
  const drained = wasDraining ? 'It was draining: somebody wanted it to end. ' : '';
  return {
    short: `away since ${from}`,
    heard: instead === null ? 'The gateway does not answer' : 'The gateway refuses to answer',
    title:
      instead === null
        ? `The gateway has not answered since ${from}, for ${duration(now - since)}.`
        : `The gateway has refused to answer since ${from}, for ${duration(now - since)}: ${instead}.`,
    detail: `${drained}${shown} This page keeps asking, and goes on by itself.`,
  };
}

// Of what is shown, in a heading.
export function ageWords({ lastAnswer }: Away): string {
  return lastAnswer === null ? 'not seen yet' : `as it was at ${clock(new Date(lastAnswer))}`;
}

// An answer that takes long makes what is shown old, though nobody knows yet that the gateway is away.
const LATE_MS = 2500;

export function lateWords(askedAt: number | null, now: number): string | null {
  return askedAt !== null && now - askedAt >= LATE_MS ? `no answer for ${duration(now - askedAt)}` : null;
}

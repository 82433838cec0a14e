// Where the axes of charts end, and what stands at them. Everything here is pure.

import { clock } from './format.js';

export interface Tick {
  v: number;
  label: string;
}

// The end of an axis from zero that holds `largest`: 1, 2, 4 or 10 times a power of ten, so that half of
// it is a round number too. With `unit` 1024 it is round in the unit that bytes are written in, of which
// 1024 are more than 999.
export function niceTop(largest: number, least: number, unit: 1000 | 1024): number {
  const wanted = Math.max(largest, least);
  const scale = unit ** Math.max(0, Math.floor(Math.log(wanted) / Math.log(unit)));
  const inUnit = wanted / scale;
  const power = 10 ** Math.floor(Math.log10(inUnit));
  const step = [1, 2, 4, 10].find((factor) => factor * power >= inUnit * 0.9999) ?? 10;
  const top = step * power;
  return top >= 1000 ? scale * unit : top * scale;
}

const STEPS_MS = [1, 2, 5, 10].map((minutes) => minutes * 60_000);
const STEPS_MOST = 3;
const ROOM_FOR_NOW = 0.2; // of the axis: what would stand in the way of "now"
const ROOM_AT_THE_LEFT = 0.06;

// Round times of the day, and "now" at the end. Of spans from two minutes to half an hour.
export function timeTicks(now: number, spanMs: number): Tick[] {
  const step = STEPS_MS.find((each) => spanMs / each <= STEPS_MOST) ?? spanMs;
  const first = now - spanMs * (1 - ROOM_AT_THE_LEFT);
  const ticks: Tick[] = [];
  for (let at = Math.ceil(first / step) * step; at < now - spanMs * ROOM_FOR_NOW; at += step) {
    ticks.push({ v: at, label: clock(new Date(at)).slice(0, 'HH:MM'.length) });
  }
  return [...ticks, { v: now, label: 'now' }];
}

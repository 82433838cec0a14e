// How the gateway is, in a few words. Pure. Serving is not enough: one that refuses newcomers, or cuts off who holds
// memory, looks well to those who are in.

import type { Status } from './api_types.js';
import { count, duration } from './format.js';

export type Mood = 'good' | 'wait' | 'bad';

export interface Health {
  readonly mood: Mood;
  readonly text: string;
  readonly heard: string; // the same for the ear, without what changes all the time
}

export function healthOf({ draining, totals, limits, uptime_ms: uptimeMs }: Status): Health {
  const up = `up ${duration(uptimeMs)}`;
  if (draining) {
    return { mood: 'wait', text: `draining, ${count(totals.connections)} left, ${up}`, heard: 'The gateway drains' };
  }
  if (totals.connections >= limits.max_connections) {
    return {
      mood: 'bad',
      text: `full: refuses newcomers, ${up}`,
      heard: `The gateway is full: with ${count(limits.max_connections)} connections it refuses newcomers`,
    };
  }
  if (totals.queue_bytes >= totals.memory_limit) {
    return {
      mood: 'bad',
      text: `out of memory for clients: closes who holds the most, ${up}`,
      heard: 'The gateway holds as much memory for clients as it may, and closes who holds the most',
    };
  }
  return { mood: 'good', text: `serving, ${up}`, heard: 'The gateway serves' };
}

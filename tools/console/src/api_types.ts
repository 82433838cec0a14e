// What the admin side answers: the part of server/admin/openapi.json that the console reads.

import type { MEMORY_KINDS } from './memory_kinds.js';
import type { Histogram } from './quantile.js';

export interface Limits {
  readonly max_connections: number;
  readonly read_deadline_ms: number;
  readonly write_deadline_ms: number;
  readonly ping_interval_ms: number;
}

export type MemoryKind = (typeof MEMORY_KINDS)[number];

export interface Totals extends Readonly<Record<`memory_${MemoryKind}`, number>> {
  readonly connections: number;
  readonly users: number;
  readonly logins: number;
  readonly kicks: number;
  readonly messages_in: number;
  readonly messages_out: number;
  readonly fanout_messages: number;
  readonly deliveries: number;
  readonly memory_limit: number;
  readonly queue_bytes: number;
}

export interface Status {
  readonly node: string;
  readonly version: string;
  readonly uptime_ms: number;
  readonly draining: boolean;
  readonly demo: boolean;
  readonly echo: boolean;
  readonly listen: readonly string[];
  readonly ws_port: number | null;
  readonly limits: Limits;
  readonly totals: Totals;
  readonly ends: Readonly<Record<string, number>>;
  readonly turn_us: Histogram;
  readonly fanout_receivers: Histogram;
  readonly memory: { readonly allocated: number; readonly resident: number; readonly rss: number };
  readonly fds: { readonly open: number; readonly limit: number };
  readonly workers: readonly { readonly id: number; readonly connections: number }[];
}

export interface User {
  readonly user: string;
  readonly address: string;
  readonly worker: number;
  readonly connected_ms: number;
  readonly idle_ms: number;
  readonly queue_bytes: number;
}

export interface UserPage {
  readonly users: readonly User[];
  readonly cursor: string | null;
}

export interface Ended {
  readonly user: string;
  readonly address: string;
  readonly reason: string;
  readonly code: number;
  readonly age_ms: number;
  readonly ended_ms_ago: number;
  readonly worker: number;
}

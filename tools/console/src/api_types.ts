// What the admin side answers: the part of server/admin/openapi.json that the console reads.

export interface Limits {
  readonly max_connections: number;
  readonly read_deadline_ms: number;
  readonly write_deadline_ms: number;
  readonly ping_interval_ms: number;
}

export interface Totals {
  readonly connections: number;
  readonly rooms: number;
  readonly memberships: number;
  readonly logins: number;
  readonly memory_limit: number;
  readonly queue_bytes: number;
}

export interface Status {
  readonly node: string;
  readonly version: string;
  readonly started_ms: number; // since 1970; another one is another run
  readonly uptime_ms: number;
  readonly draining: boolean;
  readonly demo: boolean;
  readonly demo_tokens: boolean; // it makes tokens
  readonly echo: boolean;
  readonly auth: 'open' | 'token';
  readonly listen: readonly string[];
  readonly ws_port: number | null;
  readonly ws_tls: boolean;
  readonly limits: Limits;
  readonly totals: Totals;
  readonly ends: Readonly<Record<string, number>>;
  readonly memory: { readonly rss: number; readonly per_connection: number | null };
  readonly fds: { readonly open: number; readonly limit: number };
  readonly workers: readonly { readonly id: number; readonly connections: number }[];
}

// A session of a user.
export interface User {
  readonly user: string;
  readonly device: string; // empty: without a name
  readonly address: string;
  readonly worker: number;
  readonly connected_ms: number;
  readonly idle_ms: number;
  readonly queue_bytes: number;
}

export type UserKey = Exclude<keyof User, 'device'>; // that they can be sorted by

export interface UserPage {
  readonly users: readonly User[];
  readonly cursor: string | null;
  readonly matched?: number; // of a sorted one
}

export interface Room {
  readonly room: string;
  readonly users: number;
  readonly sessions: number;
}

export type RoomKey = keyof Room;

export interface RoomPage {
  readonly rooms: readonly Room[];
  readonly cursor: string | null;
  readonly matched?: number; // of a sorted one
}

export interface RoomShown extends Room {
  readonly members: readonly string[];
  readonly after: string | null; // the last one of a page that others follow
}

export interface Ended {
  readonly user: string | null;
  readonly address: string;
  readonly reason: string;
  readonly code: number;
  readonly age_ms: number;
  readonly ended_ms_ago: number;
  readonly worker: number;
}

export interface EndedAnswer {
  readonly ended: readonly Ended[];
  readonly matched: number;
  readonly complete_ms: number | null;
}

// A node of the cluster, as the one that was asked sees it.
export interface NodeRow {
  readonly id: string;
  readonly state: string;
  readonly address: string; // of its console; empty: not known
  readonly ws_port?: number | null; // where it takes clients
  readonly ws_tls?: boolean; // is spoken there
  readonly sessions: number;
  readonly rooms: number;
  readonly draining: boolean;
  readonly clock_ms: number; // ahead of the asked one's
  readonly rtt_us: number | null;
  readonly lost: number;
}

export interface NodesAnswer {
  readonly node: string; // that was asked, the first of the rows
  readonly link: { readonly up: boolean; readonly reconnects: number } | null; // null: there is no cluster
  readonly lost: Readonly<Record<string, number>>; // batches, by reason
  readonly nodes: readonly NodeRow[];
}

// Lists of equal length: a moment each.
export interface HistoryAnswer {
  readonly started_ms: number;
  readonly now_ms: number;
  readonly every_ms: number;
  readonly span_ms: number;
  readonly count: number;
  readonly at_ms: readonly number[];
  readonly interval_ms: readonly number[];
  readonly levels: Readonly<Record<string, readonly (number | null)[]>>;
  readonly growth: Readonly<Record<string, readonly number[]>>;
  readonly ends: Readonly<Record<string, readonly number[]>>;
  readonly busy: readonly (readonly number[])[];
}

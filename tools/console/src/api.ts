// The admin side's HTTP API. Errors arrive as problem details (RFC 9457) and leave as ApiError.

import type { Ended, EndedAnswer, HistoryAnswer, NodesAnswer, RoomKey, RoomPage, RoomShown, Status, UserKey, UserPage } from './api_types.js';
import { patience } from './patience.js';
import type { Order } from './sorting.js';
import { keptToken } from './token.js';

export class ApiError extends Error {
  readonly status: number; // 0: no answer at all, so that nobody knows whether it was done

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

// What to say of it.
export function messageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : String(error);
}

export const TIMEOUT_MS = 5000;

interface Problem {
  type?: unknown;
  title?: unknown;
  detail?: unknown;
}

// Of a process that has just handed over: nothing was done, and the same question reaches the new one.
const MOVED = '/problems/moved';

async function problemOf(response: Response): Promise<Problem> {
  try {
    return (await response.json()) as Problem;
  } catch {
    return {}; // No JSON: the status line has to do.
  }
}

function problemText(problem: Problem, response: Response): string {
  const said = [problem.title, problem.detail].filter((part) => typeof part === 'string' && part !== '');
  return said.length > 0 ? said.join(': ') : `${String(response.status)} ${response.statusText}`.trim();
}

async function request(method: string, path: string, body?: object, isAgain = false): Promise<Response> {
  const headers = new Headers();
  const token = keptToken();
  if (token !== null) {
    headers.set('Authorization', `Bearer ${token}`);
  }
  if (method !== 'GET') {
    headers.set('X-Tidegate-Caller', 'console'); // for the log
  }
  const init: RequestInit = { method, headers, cache: 'no-store', signal: patience(TIMEOUT_MS) };
  if (body !== undefined) {
    headers.set('Content-Type', 'application/json');
    init.body = JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError(0, 'the gateway does not answer');
  }
  if (response.ok) {
    return response;
  }
  const problem = await problemOf(response);
  if (problem.type === MOVED && !isAgain) {
    return request(method, path, body, true);
  }
  throw new ApiError(response.status, problemText(problem, response));
}

async function get<T>(path: string): Promise<T> {
  const response = await request('GET', path);
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError(0, 'the answer broke off');
  }
}

// A browser takes `.` and `..` out of a path, however they are encoded: those go into the query, as `named`.
function target(start: string, named: 'name' | 'room', name: string, end: string, query: URLSearchParams): string {
  const isDots = name === '.' || name === '..';
  if (isDots) {
    query.set(named, name);
  }
  const path = `${start}${isDots ? '-' : encodeURIComponent(name)}${end}`;
  const rest = encoded(query);
  return rest === '' ? path : `${path}?${rest}`;
}

// In a name a plus is a plus, where URLSearchParams means a blank.
function encoded(query: URLSearchParams): string {
  return query.toString().replaceAll('+', '%20');
}

export function getStatus(): Promise<Status> {
  return get('/v1/status');
}

export function getNodes(): Promise<NodesAnswer> {
  return get('/v1/nodes');
}

// What came from number `since` on.
export function getHistory(since: number): Promise<HistoryAnswer> {
  return get(`/v1/history?since=${String(since)}`);
}

function sortQuery(order: Order<string>): Record<string, string> {
  return { sort: order.key, order: order.descending ? 'desc' : 'asc' };
}

// Sorted where there is an order.
function listQuery(prefix: string, limit: number, cursor: string | null, order: Order<string> | null): string {
  const query = new URLSearchParams({ limit: String(limit), ...(order === null ? {} : sortQuery(order)) });
  if (prefix !== '') {
    query.set('prefix', prefix);
  }
  if (cursor !== null) {
    query.set('cursor', cursor);
  }
  return encoded(query);
}

export function getUsers(
  prefix: string,
  limit: number,
  cursor: string | null,
  order: Order<UserKey> | null = null,
): Promise<UserPage> {
  return get(`/v1/users?${listQuery(prefix, limit, cursor, order)}`);
}

export function getRooms(
  prefix: string,
  limit: number,
  cursor: string | null,
  order: Order<RoomKey> | null = null,
): Promise<RoomPage> {
  return get(`/v1/rooms?${listQuery(prefix, limit, cursor, order)}`);
}

// The members behind `after`, or the first.
export function getRoom(room: string, limit: number, after: string | null): Promise<RoomShown> {
  const query = new URLSearchParams({ limit: String(limit), ...(after === null ? {} : { after }) });
  return get(target('/v1/rooms/', 'room', room, '', query));
}

// The names with this prefix, of a few pages at most. Asked this way an absent user is no 404, which the
// browser would report as an error.
export async function namesWith(prefix: string): Promise<Set<string>> {
  const names = new Set<string>();
  let cursor: string | null = null;
  for (let page = 0; page < 5; page++) {
    const answer: UserPage = await getUsers(prefix, 1000, cursor);
    for (const { user } of answer.users) {
      names.add(user);
    }
    cursor = answer.cursor;
    if (cursor === null) {
      break;
    }
  }
  return names;
}

// Those of one reason, or of all.
export function getEnded(
  limit: number,
  order: Order<keyof Ended>,
  reason: string | null,
  normal: boolean,
): Promise<EndedAnswer> {
  const query = new URLSearchParams({ limit: String(limit), normal: String(normal), ...sortQuery(order) });
  if (reason !== null) {
    query.set('reason', reason);
  }
  return get(`/v1/ended?${encoded(query)}`);
}

// Of one session of the user: the device's, or the one that has no name.
export async function disconnect(name: string, device: string, code: number, reason: string): Promise<void> {
  const query = new URLSearchParams({ code: String(code), device });
  if (reason !== '') {
    query.set('reason', reason);
  }
  await request('DELETE', userTarget('/v1/users/', name, '', query));
}

export async function cutLine(name: string): Promise<void> {
  await request('POST', demoPath(name, 'cut'), {});
}

export async function mute(name: string, muted: boolean): Promise<void> {
  await request('POST', demoPath(name, 'mute'), { muted });
}

// A token for a user, of a demonstration that signs its own.
export async function mintToken(name: string, seconds: number): Promise<string> {
  const response = await request('POST', demoPath(name, 'token'), { seconds });
  const { token } = (await response.json()) as { token: string };
  return token;
}

function demoPath(name: string, fault: string): string {
  return userTarget('/v1/demo/users/', name, `/${fault}`, new URLSearchParams());
}

function userTarget(start: string, name: string, end: string, query: URLSearchParams): string {
  return target(start, 'name', name, end, query);
}

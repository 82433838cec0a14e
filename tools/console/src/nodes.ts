// What is said of nodes. Pure.

import type { NodeRow, NodesAnswer } from './api_types.js';
import { count, duration } from './format.js';

const CLOCK_SHOWN_MS = 1000; // less is the round trip's

export function stateWords({ state, draining }: NodeRow, isSelf: boolean): string {
  const words: Readonly<Record<string, string>> = {
    up: isSelf ? 'serves' : 'up',
    self: 'serves',
    suspect: 'silent: it may be down',
    down: 'down',
    fenced: 'on its own: its clock is off',
    clock: 'its clock is off: its logins replace nobody',
  };
  return draining ? 'drains' : (words[state] ?? state);
}

export function clockWords(clockMs: number): string {
  const size = Math.abs(clockMs);
  return size < CLOCK_SHOWN_MS ? '' : `its clock is ${duration(size)} ${clockMs < 0 ? 'behind' : 'ahead'}`;
}

export function linkWords(link: NodesAnswer['link']): string {
  if (link === null) {
    return 'This gateway is alone.';
  }
  const again = link.reconnects === 0 ? '' : `, after ${count(link.reconnects)} ${link.reconnects === 1 ? 'interruption' : 'interruptions'}`;
  return link.up ? `The line to NATS is up${again}.` : `There is no line to NATS${again}: this node serves its own users alone.`;
}

export function lostOf(lost: NodesAnswer['lost']): string {
  const some = Object.entries(lost).filter(([, batches]) => batches > 0);
  if (some.length === 0) {
    return 'Nothing was lost between nodes.';
  }
  const total = some.reduce((sum, [, batches]) => sum + batches, 0);
  return `${count(total)} ${total === 1 ? 'batch was' : 'batches were'} lost between nodes (${some
    .map(([reason, batches]) => `${reason} ${count(batches)}`)
    .join(', ')}).`;
}

export interface Place {
  readonly node: string;
  readonly port: number;
  readonly isTls: boolean;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\./.test(host);
}

// Another node that a page of `host` can reach as well: one on the same machine.
export function otherPlace({ node, nodes }: NodesAnswer, host: string): Place | null {
  for (const row of nodes) {
    if (row.id !== node && row.state === 'up' && typeof row.ws_port === 'number' && row.address !== '') {
      const { hostname } = new URL(row.address);
      if (hostname === host || (isLoopback(hostname) && isLoopback(host))) {
        return { node: row.id, port: row.ws_port, isTls: row.ws_tls === true };
      }
    }
  }
  return null;
}

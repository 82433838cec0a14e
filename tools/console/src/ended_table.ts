// Who ended recently, and why.

import { getEnded } from './api.js';
import type { Ended } from './api_types.js';
import { el } from './dom.js';
import { duration } from './format.js';
import { codeWords, endWords } from './reasons.js';

const SHOWN = 50;

const HEADINGS = ['When', 'User', 'Address', 'Reason', 'Code', 'Lasted', 'Worker'];

function row(ended: Ended): HTMLElement {
  const code =
    ended.code === 0 ? el('td', { class: 'muted' }, 'none') : el('td', { title: codeWords(ended.code) }, String(ended.code));
  return el(
    'tr',
    {},
    el('td', {}, `${duration(ended.ended_ms_ago)} ago`),
    el('th', { scope: 'row', class: 'col-user' }, ended.user || '–'),
    el('td', {}, ended.address),
    el('td', {}, endWords(ended.reason)),
    code,
    el('td', {}, duration(ended.age_ms)),
    el('td', {}, String(ended.worker)),
  );
}

export class EndedTable {
  readonly element: HTMLElement;
  private readonly body = el('tbody');
  private readonly empty = el('p', { class: 'muted' }, 'Nobody has left since the gateway was started.');
  private readonly table = el(
    'div',
    { class: 'scroll-x', tabindex: 0, role: 'group', 'aria-labelledby': 'ended-title', hidden: true },
    el(
      'table',
      { class: 'rows' },
      el('caption', { class: 'heard' }, 'Connections that ended, the newest first'),
      el('thead', {}, el('tr', {}, ...HEADINGS.map((text) => el('th', { scope: 'col' }, text)))),
      this.body,
    ),
  );
  private asking = false;

  constructor() {
    this.element = el(
      'section',
      { class: 'panel ended', 'aria-labelledby': 'ended-title' },
      el('h2', { id: 'ended-title' }, 'Recently ended'),
      this.empty,
      this.table,
    );
  }

  async refresh(): Promise<void> {
    if (this.asking) {
      return;
    }
    this.asking = true;
    try {
      const ended = await getEnded(SHOWN);
      this.body.replaceChildren(...ended.map(row));
      this.table.hidden = ended.length === 0;
      this.empty.hidden = ended.length > 0;
    } catch {
      // What is shown stays; the header already says that the gateway is away.
    } finally {
      this.asking = false;
    }
  }
}

// The nodes of the cluster as a table: who is there for this one, with how many users, what was lost between them.

import { getNodes } from './api.js';
import type { NodeRow, NodesAnswer } from './api_types.js';
import { el, setText } from './dom.js';
import { count, microseconds } from './format.js';
import { clockWords, linkWords, lostOf, stateWords } from './nodes.js';

const HEADINGS = ['Node', 'State', 'Users', 'Rooms', 'Round trip', 'Lost from it'];

export class NodesTable {
  readonly element: HTMLElement;
  private readonly way: HTMLElement; // the link to it at the page's head
  private readonly body = el('tbody');
  private readonly link = el('p', { class: 'summary', role: 'status' });

  constructor(way: HTMLElement) {
    this.way = way;
    this.element = el(
      'section',
      { class: 'panel listing nodes', 'aria-labelledby': 'nodes-title', hidden: true },
      el('div', { class: 'table-head' }, el('h2', { id: 'nodes-title' }, 'Nodes')),
      el(
        'div',
        { class: 'scroll-x', tabindex: 0, role: 'group', 'aria-labelledby': 'nodes-title' },
        el(
          'table',
          { class: 'rows' },
          el('caption', { class: 'heard' }, 'The nodes of the cluster, as this one sees them'),
          el('thead', {}, el('tr', {}, ...HEADINGS.map((text) => el('th', { scope: 'col' }, text)))),
          this.body,
        ),
      ),
      el('div', { class: 'row end' }, this.link),
    );
  }

  // Without a cluster there is nothing to be seen, and nothing said about it.
  async refresh(): Promise<void> {
    const answer = await getNodes().catch(() => null);
    if (answer !== null) {
      this.show(answer);
    }
  }

  private show(answer: NodesAnswer): void {
    const isCluster = answer.link !== null;
    this.element.hidden = !isCluster;
    this.way.hidden = !isCluster;
    if (isCluster) {
      this.body.replaceChildren(...answer.nodes.map((row) => line(row, answer.node)));
      setText(this.link, `${linkWords(answer.link)} ${lostOf(answer.lost)}`);
    }
  }
}

function line(row: NodeRow, self: string): HTMLElement {
  const isSelf = row.id === self;
  const name = isSelf || row.address === '' ? row.id : el('a', { href: row.address }, row.id);
  return el(
    'tr',
    { 'data-node': row.id, 'data-state': row.state },
    el('th', { scope: 'row' }, name, isSelf ? ', this one' : ''),
    el('td', {}, [stateWords(row, isSelf), clockWords(row.clock_ms)].filter((text) => text !== '').join(', ')),
    el('td', {}, count(row.sessions)),
    el('td', {}, count(row.rooms)),
    el('td', {}, row.rtt_us === null ? '–' : microseconds(row.rtt_us)),
    el('td', {}, isSelf ? '–' : count(row.lost)),
  );
}

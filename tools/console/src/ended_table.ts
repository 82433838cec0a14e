// Who ended recently, and why: chosen and sorted by the gateway, over all that it remembers.

import { getEnded } from './api.js';
import type { Ended, EndedAnswer } from './api_types.js';
import { el, setAttribute, setText } from './dom.js';
import { count, duration } from './format.js';
import { codeWords, endWords } from './reasons.js';
import { SortHeadings } from './sort_headings.js';
import type { Heading } from './sort_headings.js';

const SHOWN = 50;
const SHOWN_MOST = 256; // that the gateway tells at once

type Key = keyof Ended;

const HEADINGS: readonly Heading<Key>[] = [
  { key: 'ended_ms_ago', title: 'Ago' },
  { key: 'user', title: 'User' },
  { key: 'reason', title: 'Reason' },
  { key: 'code', title: 'Code', largestFirst: true },
  { key: 'age_ms', title: 'Lasted', largestFirst: true },
  { key: 'address', title: 'Address' },
  { key: 'worker', title: 'Worker' },
];

function row(ended: Ended): HTMLElement {
  const code =
    ended.code === 0 ? el('td', { class: 'muted' }, 'none') : el('td', { title: codeWords(ended.code) }, String(ended.code));
  return el(
    'tr',
    {},
    el('td', {}, duration(ended.ended_ms_ago)),
    el('th', { scope: 'row', class: 'col-user' }, ended.user ?? '–'),
    el('td', { class: 'col-reason' }, endWords(ended.reason)),
    code,
    el('td', {}, duration(ended.age_ms)),
    el('td', {}, ended.address),
    el('td', {}, String(ended.worker)),
  );
}

interface Total {
  readonly item: HTMLElement;
  readonly button: HTMLElement;
  readonly amount: HTMLElement;
}

export class EndedTable {
  readonly element: HTMLElement;
  private readonly headings: SortHeadings<Key>;
  private readonly body = el('tbody');
  private readonly totals = el(
    'ul',
    { class: 'totals', 'aria-label': 'Ends since the start, by reason', hidden: true },
    el('li', { class: 'muted', 'aria-hidden': 'true' }, 'Since the start:'),
  );
  private readonly totalOf = new Map<string, Total>();
  private readonly hideNormal = el('input', { type: 'checkbox', id: 'hide-normal' });
  private readonly summary = el('p', { class: 'summary', role: 'status' });
  private readonly more = el('button', { type: 'button' }, 'Show more');
  private readonly table: HTMLElement;
  private reason: string | null = null; // that is shown alone
  private limit = SHOWN;
  private hasEnds = false; // by the totals
  private asked = 0; // answers to older questions are thrown away
  private asking = false;

  constructor() {
    this.headings = new SortHeadings<Key>(HEADINGS, { key: 'ended_ms_ago', descending: false }, () => void this.load());
    this.table = el(
      'div',
      { class: 'scroll-x', tabindex: 0, role: 'group', 'aria-labelledby': 'ended-title', hidden: true },
      el(
        'table',
        { class: 'rows' },
        el('caption', { class: 'heard' }, 'Connections that ended; the headings sort'),
        el('thead', {}, el('tr', {}, ...this.headings.cells)),
        this.body,
      ),
    );
    this.element = el(
      'section',
      { class: 'panel ended', 'aria-labelledby': 'ended-title' },
      el(
        'div',
        { class: 'table-head' },
        el('h2', { id: 'ended-title' }, 'Recently ended'),
        el(
          'label',
          { class: 'tick', title: 'Closed by the client with 1000 or 1001, or without a code' },
          this.hideNormal,
          'Hide normal ends',
        ),
      ),
      this.totals,
      this.table,
      el('div', { class: 'row end' }, this.summary, this.more),
    );
    this.more.hidden = true;
    this.hideNormal.addEventListener('change', () => void this.load());
    this.more.addEventListener('click', () => {
      this.limit = SHOWN_MOST;
      void this.load();
    });
  }

  // All ends since the start, by reason; a press shows those of one. They stay in their places.
  showTotals(ends: Readonly<Record<string, number>>): void {
    this.hasEnds = Object.values(ends).some((amount) => amount > 0);
    this.totals.hidden = !this.hasEnds && this.reason === null;
    for (const [reason, amount] of Object.entries(ends)) {
      const total = this.totalOf.get(reason) ?? this.makeTotal(reason);
      total.item.hidden = amount === 0 && reason !== this.reason;
      setText(total.amount, count(amount));
    }
  }

  private makeTotal(reason: string): Total {
    const amount = el('strong');
    const button = el(
      'button',
      { type: 'button', class: 'quiet', 'aria-pressed': 'false', 'data-reason': reason },
      `${endWords(reason)} `,
      amount,
    );
    button.addEventListener('click', () => {
      this.choose(reason === this.reason ? null : reason);
    });
    const total = { item: el('li', {}, button), button, amount };
    this.totalOf.set(reason, total);
    this.totals.append(total.item);
    return total;
  }

  private choose(reason: string | null): void {
    this.reason = reason;
    for (const [each, { button }] of this.totalOf) {
      setAttribute(button, 'aria-pressed', String(each === reason));
    }
    void this.load();
  }

  // Looks again, unless that is under way.
  async refresh(): Promise<void> {
    if (!this.asking) {
      await this.load();
    }
  }

  private async load(): Promise<void> {
    this.asked += 1;
    const question = this.asked;
    this.asking = true;
    try {
      const answer = await getEnded(this.limit, this.headings.order, this.reason, !this.hideNormal.checked);
      if (question === this.asked) {
        this.write(answer);
      }
    } catch {
      // What is shown stays; the header already says that the gateway is away.
    } finally {
      if (question === this.asked) {
        this.asking = false;
      }
    }
  }

  private write({ ended, matched, complete_ms }: EndedAnswer): void {
    this.body.replaceChildren(...ended.map(row));
    this.table.hidden = ended.length === 0;
    this.more.hidden = ended.length >= Math.min(matched, SHOWN_MOST);
    const since =
      complete_ms === null
        ? ''
        : `, complete for the last ${duration(complete_ms)}; of what was before, some are forgotten`;
    if (ended.length > 0) {
      setText(this.summary, `${count(ended.length)} of ${count(matched)} that are remembered${since}.`);
    } else if (!this.hasEnds) {
      setText(this.summary, 'Nobody has left since the gateway was started.');
    } else if (this.reason === null && !this.hideNormal.checked) {
      setText(this.summary, 'None of these got through the opening, or they have left only just now.');
    } else {
      setText(this.summary, `None of them is remembered${since}. Who did not get through the opening is counted only.`);
    }
  }
}

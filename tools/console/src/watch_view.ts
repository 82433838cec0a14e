// The view "Watch it": charts, who is connected, who left.

import type { Status } from './api_types.js';
import { Chart } from './chart.js';
import { SPECS } from './chart_specs.js';
import { byId, el, setText } from './dom.js';
import { EndedTable } from './ended_table.js';
import { bytes, count, duration } from './format.js';
import { Freeze } from './freeze.js';
import { History } from './rates.js';
import { ageWords } from './reach.js';
import type { Away } from './reach.js';
import { UsersTable } from './users_table.js';

const SPAN_MS = 120_000;
const TABLES_EVERY = 3; // polls

interface Fact {
  readonly name: string;
  readonly text: (status: Status) => string;
}

const FACTS: readonly Fact[] = [
  { name: 'Connections', text: ({ totals, limits }) => `${count(totals.connections)} of ${count(limits.max_connections)}` },
  { name: 'Logins since start', text: ({ totals }) => count(totals.logins) },
  { name: 'Up for', text: ({ uptime_ms }) => duration(uptime_ms) },
  { name: 'Workers', text: ({ workers }) => count(workers.length) },
  { name: 'Resident memory', text: ({ memory }) => bytes(memory.rss) },
  { name: 'Held for clients', text: ({ totals }) => `${bytes(totals.queue_bytes)} of ${bytes(totals.memory_limit)}` },
  { name: 'File descriptors', text: ({ fds }) => `${count(fds.open)} of ${count(fds.limit)}` },
  { name: 'Read deadline', text: ({ limits }) => duration(limits.read_deadline_ms) },
  { name: 'Listens on', text: ({ listen }) => listen.join(', ') },
];

export class WatchView {
  private readonly place = byId('view-watch');
  private readonly title = byId('watch-title');
  private readonly tables = new Freeze();
  private readonly history = new History(SPAN_MS);
  private readonly facts = FACTS.map(() => el('dd', {}, '–'));
  private readonly charts: readonly Chart[];
  private readonly users: UsersTable;
  private readonly ended = new EndedTable();
  private shown = false;
  private polls = 0;

  constructor() {
    this.charts = SPECS.map(
      (spec) =>
        new Chart(spec, SPAN_MS, (at) => {
          for (const chart of this.charts) {
            chart.hover(at);
          }
        }),
    );
    this.users = new UsersTable();
    this.place.append(
      el(
        'dl',
        { class: 'facts panel' },
        ...FACTS.map(({ name }, i) => el('div', {}, el('dt', {}, name), this.facts[i] ?? '')),
      ),
      el(
        'section',
        { 'aria-labelledby': 'charts-title' },
        el('h2', { id: 'charts-title', class: 'heard' }, 'The last two minutes'),
        el('div', { class: 'charts' }, ...this.charts.map(({ element }) => element)),
      ),
      this.tables.element,
    );
    this.tables.element.append(this.users.element, this.ended.element);
  }

  setShown(shown: boolean): void {
    this.shown = shown;
    this.polls = 0;
    if (shown) {
      this.draw();
    }
  }

  onStatus(status: Status, at: number): void {
    this.history.add({ at, status });
    FACTS.forEach(({ text }, i) => {
      const fact = this.facts[i];
      if (fact !== undefined) {
        setText(fact, text(status));
      }
    });
    if (this.shown) {
      this.draw();
      if (this.polls % TABLES_EVERY === 0) {
        void this.users.refresh();
        void this.ended.refresh();
      }
      this.polls += 1;
    }
  }

  // What is shown stays, as it was, and charts can be read. The tables' controls need a gateway that answers;
  // one that refuses its state alone may still do as it is asked.
  setAway(away: Away | null): void {
    const isGone = away !== null && away.instead === null;
    this.tables.set(isGone);
    this.users.setGone(isGone);
    setText(this.title, away === null ? 'The gateway, live' : `The gateway, ${ageWords(away)}`);
  }

  // The charts show a gap.
  onFailure(at: number): void {
    this.history.add({ at, status: null });
    if (this.shown) {
      this.draw();
    }
  }

  private draw(): void {
    for (const chart of this.charts) {
      chart.show(this.history.points);
    }
  }
}

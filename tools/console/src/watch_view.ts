// The view "Watch it": charts, who is connected, which rooms there are, who left.

import { getHistory } from './api.js';
import type { Status } from './api_types.js';
import { Chart } from './chart.js';
import { SPECS } from './chart_specs.js';
import { byId, el, setAttribute, setText } from './dom.js';
import { EndedTable } from './ended_table.js';
import { bytes, count, duration } from './format.js';
import { Freeze } from './freeze.js';
import { History } from './history.js';
import { NodesTable } from './nodes_table.js';
import { ageWords } from './reach.js';
import type { Away } from './reach.js';
import { RoomsTable } from './rooms_table.js';
import { UsersTable } from './users_table.js';

const MINUTE_MS = 60_000;
const SPAN_MOST_MIN = 15; // as much as the gateway remembers
const SPANS_MIN = [2, 5, SPAN_MOST_MIN];
const TABLES_EVERY = 3; // polls

interface Fact {
  readonly name: string;
  readonly text: (status: Status) => string;
}

const FACTS: readonly Fact[] = [
  { name: 'Connections', text: ({ totals, limits }) => `${count(totals.connections)} of ${count(limits.max_connections)}` },
  { name: 'Rooms', text: ({ totals }) => count(totals.rooms) },
  { name: 'Memberships', text: ({ totals }) => count(totals.memberships) },
  { name: 'Logins since start', text: ({ totals }) => count(totals.logins) },
  { name: 'Up for', text: ({ uptime_ms }) => duration(uptime_ms) },
  { name: 'Workers', text: ({ workers }) => count(workers.length) },
  { name: 'Resident memory', text: ({ memory }) => bytes(memory.rss) },
  {
    name: 'Per connection',
    text: ({ memory }) => (memory.per_connection === null ? '– (from 1,000 on)' : bytes(memory.per_connection)),
  },
  { name: 'Held for clients', text: ({ totals }) => `${bytes(totals.queue_bytes)} of ${bytes(totals.memory_limit)}` },
  { name: 'File descriptors', text: ({ fds }) => `${count(fds.open)} of ${count(fds.limit)}` },
  { name: 'Read deadline', text: ({ limits }) => duration(limits.read_deadline_ms) },
  { name: 'Listens on', text: ({ listen }) => listen.join(', ') },
];

export class WatchView {
  private readonly place = byId('view-watch');
  private readonly title = byId('watch-title');
  private readonly tables = new Freeze();
  private readonly history = new History();
  private readonly facts = FACTS.map(() => el('dd', {}, '–'));
  private readonly charts: readonly Chart[];
  private readonly users: UsersTable;
  private readonly nodes = new NodesTable(byId('to-nodes'));
  private readonly rooms = new RoomsTable();
  private readonly ended = new EndedTable();
  private readonly spanButtons: readonly HTMLElement[];
  private spanMin: number | null = null; // as chosen; else as much as there is
  private shown = false;
  private heard = false; // from the gateway
  private polls = 0;
  private asking = false;

  constructor() {
    this.charts = SPECS.map(
      (spec) =>
        new Chart(spec, (at) => {
          for (const chart of this.charts) {
            chart.hover(at);
          }
        }),
    );
    this.spanButtons = SPANS_MIN.map((minutes) => this.spanButton(minutes));
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
        el(
          'div',
          { class: 'table-head' },
          el('h2', { id: 'charts-title' }, 'The last minutes'),
          el('div', { class: 'spans', role: 'group', 'aria-label': 'How far back' }, ...this.spanButtons),
        ),
        el('div', { class: 'charts' }, ...this.charts.map(({ element }) => element)),
      ),
      this.tables.element,
    );
    this.tables.element.append(this.nodes.element, this.users.element, this.rooms.element, this.ended.element);
  }

  private spanButton(minutes: number): HTMLElement {
    const button = el('button', { type: 'button', class: 'quiet', 'aria-pressed': 'false' }, `${String(minutes)} min`);
    button.addEventListener('click', () => {
      this.spanMin = minutes;
      this.draw();
    });
    return button;
  }

  setShown(shown: boolean): void {
    this.shown = shown;
    this.polls = 0;
    if (shown) {
      this.draw();
      if (this.heard) {
        void this.look();
      }
    }
  }

  onStatus(status: Status): void {
    FACTS.forEach(({ text }, i) => {
      const fact = this.facts[i];
      if (fact !== undefined) {
        setText(fact, text(status));
      }
    });
    this.heard = true;
    this.ended.showTotals(status.ends);
    if (this.shown) {
      void this.look();
      if (this.polls % TABLES_EVERY === 0) {
        void this.nodes.refresh();
        void this.users.refresh();
        void this.rooms.refresh();
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
    this.history.miss(at);
    if (this.shown) {
      this.draw();
    }
  }

  // Fetches what is new; of a gateway that was started anew, all.
  private async look(): Promise<void> {
    if (this.asking) {
      return;
    }
    this.asking = true;
    try {
      if (!this.history.add(await getHistory(this.history.since), Date.now())) {
        this.history.add(await getHistory(0), Date.now());
      }
      this.draw();
    } catch {
      // The next status says what is wrong.
    } finally {
      this.asking = false;
    }
  }

  private draw(): void {
    const { points } = this.history;
    const last = points[points.length - 1];
    const past = (last?.at ?? 0) - (points[0]?.at ?? 0);
    const spanMin = this.spanMin ?? SPANS_MIN.find((minutes) => past <= minutes * MINUTE_MS) ?? SPAN_MOST_MIN;
    const spanMs = spanMin * MINUTE_MS;
    this.spanButtons.forEach((button, i) => {
      setAttribute(button, 'aria-pressed', String(SPANS_MIN[i] === spanMin));
    });
    const first = points.findIndex(({ at }) => last !== undefined && at >= last.at - spanMs);
    const shown = points.slice(Math.max(0, first - 1));
    for (const chart of this.charts) {
      chart.show(shown, spanMs);
    }
  }
}

// The connections as a table: searched and sorted by the gateway, which looks at all of them, or says that it
// does not.

import { announce } from './announcer.js';
import { ApiError, disconnect, getUsers } from './api.js';
import type { User, UserPage } from './api_types.js';
import { Confirm } from './confirm.js';
import { el, hidden, setText } from './dom.js';
import { bytes, clock, count, duration } from './format.js';
import { SortHeadings } from './sort_headings.js';
import type { Heading } from './sort_headings.js';
import { sorted } from './sorting.js';

const PAGE = 100;
const SHOWN_MOST = 1000; // that the gateway tells at once
const REFRESHED_MOST = 300; // more are left as they are: looking again would cost the gateway too much
const PARTS_MOST = 16; // of 65,536 places each, that are searched for a name
const SEARCH_PAUSE_MS = 250;

type Key = keyof User;

interface Column extends Heading<Key> {
  readonly text: (user: User) => string;
}

const COLUMNS: readonly Column[] = [
  { key: 'user', title: 'User', text: ({ user }) => user },
  { key: 'connected_ms', title: 'Age', largestFirst: true, text: (user) => duration(user.connected_ms) },
  { key: 'idle_ms', title: 'Idle', largestFirst: true, text: (user) => duration(user.idle_ms) },
  { key: 'queue_bytes', title: 'Queue', largestFirst: true, text: (user) => bytes(user.queue_bytes) },
  { key: 'address', title: 'Address', text: ({ address }) => address },
  { key: 'worker', title: 'Worker', text: ({ worker }) => String(worker) },
];

// What was found, the first of it in the order that was asked for.
interface Found {
  readonly users: readonly User[];
  readonly matched: number;
  readonly parts: number; // that it took
  readonly isAll: boolean; // there is nobody who was not looked at
}

interface Line {
  readonly row: HTMLTableRowElement;
  readonly cells: readonly HTMLElement[];
}

export class UsersTable {
  readonly element: HTMLElement;
  private readonly confirm = new Confirm();
  private readonly body = el('tbody');
  private readonly headings: SortHeadings<Key>;
  private readonly search = el('input', {
    id: 'search',
    type: 'search',
    autocomplete: 'off',
    spellcheck: 'false',
    placeholder: 'beginning of a name',
  });
  private readonly more = el('button', { type: 'button' }, 'Show more');
  private readonly summary = el('p', { class: 'summary', role: 'status' });
  private readonly fault = el('p', { class: 'fault', role: 'alert' });
  private readonly outcome = el('p', { class: 'note' }); // of the last *Disconnect*
  private readonly lines = new Map<string, Line>();
  private found: Found = { users: [], matched: 0, parts: 1, isAll: true };
  private limit = PAGE;
  private asked = 0; // answers to older questions are thrown away
  private asking = false;

  constructor() {
    this.headings = new SortHeadings<Key>(COLUMNS, { key: 'connected_ms', descending: true }, () => void this.load());
    this.element = el(
      'section',
      { class: 'panel users', 'aria-labelledby': 'users-title' },
      el(
        'div',
        { class: 'table-head' },
        el('h2', { id: 'users-title' }, 'Connections'),
        el('div', { class: 'search' }, el('label', { for: 'search' }, 'Search'), this.search),
      ),
      this.outcome,
      this.fault,
      el(
        'div',
        { class: 'scroll-x', tabindex: 0, role: 'group', 'aria-labelledby': 'users-title' },
        el(
          'table',
          { class: 'rows' },
          el('caption', { class: 'heard' }, 'Users who are logged in; the headings sort'),
          el('thead', {}, el('tr', {}, ...this.headings.cells, el('th', { scope: 'col' }, hidden('Disconnect')))),
          this.body,
        ),
      ),
      el('div', { class: 'row end' }, this.summary, this.more),
    );
    this.more.addEventListener('click', () => {
      this.limit = Math.min(this.limit + PAGE, SHOWN_MOST);
      void this.load();
    });
    this.searchAsTyped();
  }

  private searchAsTyped(): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    this.search.addEventListener('input', () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        this.limit = PAGE;
        void this.load();
      }, SEARCH_PAUSE_MS);
    });
  }

  // Looks again at what is shown.
  async refresh(): Promise<void> {
    if (!this.asking && this.limit <= REFRESHED_MOST && this.found.parts === 1) {
      await this.load();
    }
  }

  private tell(text: string, isDone: boolean): void {
    this.outcome.className = isDone ? 'note' : 'fault';
    setText(this.outcome, text);
    announce(text);
  }

  // The question that is open says that nothing can be done now; the rest is the view's.
  setGone(gone: boolean): void {
    this.confirm.setGone(gone);
  }

  private async load(): Promise<void> {
    this.asked += 1;
    const question = this.asked;
    this.asking = true;
    try {
      const found = await this.find();
      if (question === this.asked) {
        this.found = found;
        setText(this.fault, '');
        this.write();
      }
    } catch (error) {
      // Of a gateway that does not answer the whole page says so.
      if (question === this.asked && !(error instanceof ApiError && error.status === 0)) {
        setText(this.fault, `The connections could not be read: ${messageOf(error)}.`);
      }
    } finally {
      if (question === this.asked) {
        this.asking = false;
      }
    }
  }

  // Whoever is searched for is looked for further than the first look goes.
  private async find(): Promise<Found> {
    const { order } = this.headings;
    const prefix = this.searched();
    const partsMost = prefix === '' ? 1 : PARTS_MOST;
    let users: readonly User[] = [];
    let cursor: string | null = null;
    let matched = 0;
    let parts = 0;
    do {
      const answer: UserPage = await getUsers(prefix, this.limit, cursor, order);
      users = parts === 0 ? answer.users : sorted([...users, ...answer.users], order).slice(0, this.limit);
      cursor = answer.cursor;
      matched += answer.matched ?? answer.users.length;
      parts += 1;
    } while (cursor !== null && parts < partsMost);
    return { users, matched, parts, isAll: cursor === null };
  }

  private searched(): string {
    return this.search.value.trim();
  }

  private write(): void {
    const { users } = this.found;
    const gone = new Set(this.lines.keys());
    let place: ChildNode | null = this.body.firstChild;
    for (const user of users) {
      gone.delete(user.user);
      const line = this.line(user);
      line.cells.forEach((cell, i) => {
        setText(cell, COLUMNS[i]?.text(user) ?? '');
      });
      // Rows that are in place already are not touched, so that focus and selection stay.
      if (line.row === place) {
        place = place.nextSibling;
      } else {
        this.body.insertBefore(line.row, place);
      }
    }
    for (const name of gone) {
      this.lines.get(name)?.row.remove();
      this.lines.delete(name);
    }
    this.writeSummary();
  }

  private writeSummary(): void {
    const { users, matched, isAll } = this.found;
    const shown = users.length;
    const searched = this.searched();
    const what = searched === '' ? '' : ` whose name begins with “${searched}”`;
    this.more.hidden = shown >= Math.min(matched, SHOWN_MOST);
    if (!isAll) {
      setText(
        this.summary,
        `${count(shown)} of ${count(matched)}${what} shown, sorted over these. ` +
          'There are more that were not looked at: search for a name to find them.',
      );
    } else if (shown === 0) {
      setText(this.summary, `Nobody${what || ' is logged in'}.`);
    } else {
      const isPart = shown < matched;
      setText(
        this.summary,
        isPart ? `${count(shown)} of ${count(matched)}${what} shown, sorted over all.` : `${count(shown)}${what} shown.`,
      );
    }
  }

  private line({ user }: User): Line {
    const kept = this.lines.get(user);
    if (kept !== undefined) {
      return kept;
    }
    const cells = COLUMNS.map(({ key }) =>
      key === 'user' ? el('th', { scope: 'row', class: 'col-user' }) : el('td', { class: `col-${key}` }),
    );
    const button = el('button', { type: 'button', class: 'quiet' }, 'Disconnect', hidden(` ${user}`));
    button.addEventListener('click', () => void this.disconnect(user));
    const line = { row: el('tr', { 'data-user': user }, ...cells, el('td', { class: 'col-end' }, button)), cells };
    this.lines.set(user, line);
    return line;
  }

  private async disconnect(user: string): Promise<void> {
    const choice = await this.confirm.ask(user);
    if (choice === null) {
      return;
    }
    try {
      await disconnect(user, choice.code, choice.reason);
      this.tell(`${user} was disconnected with ${String(choice.code)} at ${clock(new Date())}, and ${choice.then}.`, true);
    } catch (error) {
      const isUnknown = error instanceof ApiError && error.status === 0;
      const what = isUnknown ? `Whether ${user} was disconnected is not known` : `${user} was not disconnected`;
      this.tell(`${what}: ${messageOf(error)}.`, false);
    }
    await this.load();
    // The button that was pressed has gone with its row.
    if (document.activeElement === document.body) {
      this.body.closest<HTMLElement>('.scroll-x')?.focus({ preventScroll: true });
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : String(error);
}

// The connections as a table: searched by the gateway, sorted here, fetched page by page.

import { announce } from './announcer.js';
import { ApiError, disconnect, getUsers } from './api.js';
import type { User } from './api_types.js';
import { Confirm } from './confirm.js';
import { el, hidden, setAttribute, setText } from './dom.js';
import { bytes, clock, count, duration } from './format.js';
import { nextOrder, sorted } from './sorting.js';
import type { Order, SortKey } from './sorting.js';

const PAGE = 100;
const REFRESHED_PAGES = 3; // more are left as they are: looking again would cost the gateway too much
const SEARCH_PAUSE_MS = 250;

interface Column {
  readonly key: SortKey;
  readonly title: string;
  readonly text: (user: User) => string;
}

const COLUMNS: readonly Column[] = [
  { key: 'user', title: 'User', text: ({ user }) => user },
  { key: 'address', title: 'Address', text: ({ address }) => address },
  { key: 'connected_ms', title: 'Age', text: (user) => duration(user.connected_ms) },
  { key: 'idle_ms', title: 'Idle', text: (user) => duration(user.idle_ms) },
  { key: 'queue_bytes', title: 'Queue', text: (user) => bytes(user.queue_bytes) },
  { key: 'worker', title: 'Worker', text: ({ worker }) => String(worker) },
];

interface Line {
  readonly row: HTMLTableRowElement;
  readonly cells: readonly HTMLElement[];
}

export class UsersTable {
  readonly element: HTMLElement;
  private readonly confirm = new Confirm();
  private readonly body = el('tbody');
  private readonly headings = new Map<SortKey, HTMLElement>();
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
  private users: readonly User[] = [];
  private cursor: string | null = null;
  private pages = 0;
  private order: Order = { key: 'connected_ms', descending: true };
  private asked = 0; // answers to older questions are thrown away
  private asking = false;

  constructor() {
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
          el('thead', {}, el('tr', {}, ...COLUMNS.map((column) => this.heading(column)), el('th', { scope: 'col' }, hidden('Disconnect')))),
          this.body,
        ),
      ),
      el('div', { class: 'row end' }, this.summary, this.more),
    );
    this.more.addEventListener('click', () => void this.load(this.pages + 1));
    this.searchAsTyped();
    this.writeOrder();
  }

  private heading({ key, title }: Column): HTMLElement {
    const button = el('button', { type: 'button', class: 'sort' }, title, el('span', { class: 'sort-mark', 'aria-hidden': 'true' }));
    const heading = el('th', { scope: 'col', class: `col-${key}` }, button);
    button.addEventListener('click', () => {
      this.order = nextOrder(this.order, key);
      this.writeOrder();
      this.write();
    });
    this.headings.set(key, heading);
    return heading;
  }

  private writeOrder(): void {
    for (const [key, heading] of this.headings) {
      const direction = this.order.descending ? 'descending' : 'ascending';
      setAttribute(heading, 'aria-sort', key === this.order.key ? direction : 'none');
    }
  }

  private searchAsTyped(): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    this.search.addEventListener('input', () => {
      clearTimeout(timer);
      timer = setTimeout(() => void this.load(1), SEARCH_PAUSE_MS);
    });
  }

  // Looks again at what is shown.
  async refresh(): Promise<void> {
    if (!this.asking && this.pages <= REFRESHED_PAGES) {
      await this.load(Math.max(1, this.pages));
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

  private async load(pages: number): Promise<void> {
    this.asked += 1;
    const question = this.asked;
    const goesOn = pages === this.pages + 1 && this.cursor !== null;
    const users = goesOn ? [...this.users] : [];
    let cursor = goesOn ? this.cursor : null;
    this.asking = true;
    try {
      for (let page = goesOn ? this.pages : 0; page < pages; page++) {
        const answer = await getUsers(this.search.value.trim(), PAGE, cursor);
        users.push(...answer.users);
        cursor = answer.cursor;
        if (cursor === null) {
          break;
        }
      }
      if (question !== this.asked) {
        return;
      }
      this.users = users;
      this.cursor = cursor;
      this.pages = pages;
      setText(this.fault, '');
      this.write();
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

  private write(): void {
    const users = sorted(this.users.map((user) => ({ ...user })), this.order);
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
    this.writeSummary(users.length);
  }

  private writeSummary(shown: number): void {
    const searched = this.search.value.trim();
    const what = searched === '' ? '' : ` whose name begins with “${searched}”`;
    const tail = this.cursor === null ? '' : ', and there are more; sorting covers what is shown';
    setText(this.summary, shown === 0 && this.cursor === null ? `Nobody${what || ' is logged in'}.` : `${count(shown)} shown${what}${tail}.`);
    this.more.hidden = this.cursor === null;
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
    await this.load(this.pages);
    // The button that was pressed has gone with its row.
    if (document.activeElement === document.body) {
      this.body.closest<HTMLElement>('.scroll-x')?.focus({ preventScroll: true });
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof ApiError ? error.message : String(error);
}

// A table of what the gateway has many of: searched and sorted by the gateway, which looks at all of them, or
// says that it does not.

import { ApiError, messageOf } from './api.js';
import { el, hidden, setText } from './dom.js';
import type { Child } from './dom.js';
import { count } from './format.js';
import { SortHeadings } from './sort_headings.js';
import type { Heading } from './sort_headings.js';
import { sorted } from './sorting.js';
import type { Order } from './sorting.js';

const PAGE = 100;
const SHOWN_MOST = 1000; // that the gateway tells at once
const REFRESHED_MOST = 300; // more are left as they are: looking again would cost the gateway too much
const PARTS_MOST = 16; // of 65,536 places each, that are searched for a name
const SEARCH_PAUSE_MS = 250;

export interface Page<R> {
  readonly rows: readonly R[];
  readonly matched: number;
  readonly cursor: string | null; // null: there are no more
}

export interface Column<R, K extends string> extends Heading<K> {
  readonly text: (row: R) => string;
}

// What is listed.
export interface Listed<R, K extends string> {
  readonly id: string; // of the section, in the names of its parts
  readonly title: string;
  readonly caption: string; // of the table, heard
  readonly hint: string; // in the empty search
  readonly none: string; // said where there are none
  readonly nobody: string; // the same of those whose names begin with what is searched for
  readonly first: Heading<K>; // of the column that names a row
  readonly columns: readonly Column<R, K>[]; // the others
  readonly order: Order<K>; // before anybody has chosen one
  readonly names: readonly (K | (keyof R & string))[]; // by these a row is known; equals are ordered by them
  readonly page: (prefix: string, limit: number, cursor: string | null, order: Order<K>) => Promise<Page<R>>;
  readonly heading: (row: R) => readonly Child[]; // the name, as it is shown
  readonly action: string; // what the last column is for, heard
  readonly button: (row: R) => HTMLElement;
}

type Row<K extends string> = Readonly<Record<K, string | number>>;

// What was found, the first of it in the order that was asked for.
interface Found<R> {
  readonly rows: readonly R[];
  readonly matched: number;
  readonly parts: number; // that it took
  readonly isAll: boolean; // there is none that was not looked at
}

interface Line {
  readonly row: HTMLTableRowElement;
  readonly cells: readonly HTMLElement[]; // those of `columns`
}

export class Listing<R extends Row<K>, K extends string> {
  readonly element: HTMLElement;
  readonly width: number; // in columns
  private readonly listed: Listed<R, K>;
  private readonly body = el('tbody');
  private readonly headings: SortHeadings<K>;
  private readonly search: HTMLInputElement;
  private readonly more: HTMLButtonElement;
  private readonly summary = el('p', { class: 'summary', role: 'status' });
  private readonly fault = el('p', { class: 'fault', role: 'alert' });
  private readonly scroller: HTMLElement;
  private readonly lines = new Map<string, Line>();
  private details: { readonly key: string; readonly row: HTMLTableRowElement } | null = null;
  private found: Found<R> = { rows: [], matched: 0, parts: 1, isAll: true };
  private limit = PAGE;
  private asked = 0; // answers to older questions are thrown away
  private asking = false;

  // `note` stands above the table.
  constructor(listed: Listed<R, K>, note: HTMLElement | null = null) {
    this.listed = listed;
    const { id, first, columns, order } = listed;
    const title = `${id}-title`;
    this.headings = new SortHeadings<K>([first, ...columns], order, () => void this.load());
    this.width = columns.length + 2;
    this.search = el('input', {
      id: `${id}-search`,
      type: 'search',
      autocomplete: 'off',
      spellcheck: 'false',
      placeholder: listed.hint,
    });
    this.more = el('button', { type: 'button' }, 'Show more', hidden(` of ${listed.title}`));
    this.scroller = el(
      'div',
      { class: 'scroll-x', tabindex: 0, role: 'group', 'aria-labelledby': title },
      el(
        'table',
        { class: 'rows' },
        el('caption', { class: 'heard' }, listed.caption),
        el('thead', {}, el('tr', {}, ...this.headings.cells, el('th', { scope: 'col' }, hidden(listed.action)))),
        this.body,
      ),
    );
    this.element = el(
      'section',
      { class: `panel listing ${id}`, 'aria-labelledby': title },
      el(
        'div',
        { class: 'table-head' },
        el('h2', { id: title }, listed.title),
        el('div', { class: 'search' }, el('label', { for: this.search.id }, 'Search'), this.search),
      ),
      ...(note === null ? [] : [note]),
      this.fault,
      this.scroller,
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

  async load(): Promise<void> {
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
        setText(this.fault, `${this.listed.title} could not be read: ${messageOf(error)}.`);
      }
    } finally {
      if (question === this.asked) {
        this.asking = false;
      }
    }
  }

  // For who has lost it, with the button that was pressed.
  takeLostFocus(): void {
    if (document.activeElement === document.body) {
      this.scroller.focus({ preventScroll: true });
    }
  }

  keyOf(row: R): string {
    return this.listed.names.map((name) => row[name as K]).join('\n'); // which is in no name
  }

  // Shows `details` below the row of that key for as long as that is there; null shows none. One row at a time
  // has some.
  show(key: string, details: HTMLTableRowElement | null): void {
    this.details?.row.remove();
    this.details = details === null ? null : { key, row: details };
    this.write();
  }

  // What is searched for is looked for further than the first look goes.
  private async find(): Promise<Found<R>> {
    const { order } = this.headings;
    const { page, names } = this.listed;
    const prefix = this.searched();
    const partsMost = prefix === '' ? 1 : PARTS_MOST;
    let rows: readonly R[] = [];
    let cursor: string | null = null;
    let matched = 0;
    let parts = 0;
    do {
      const answer: Page<R> = await page(prefix, this.limit, cursor, order);
      rows = parts === 0 ? answer.rows : sorted([...rows, ...answer.rows], order, names as K[]).slice(0, this.limit);
      cursor = answer.cursor;
      matched += answer.matched;
      parts += 1;
    } while (cursor !== null && parts < partsMost);
    return { rows, matched, parts, isAll: cursor === null };
  }

  private searched(): string {
    return this.search.value.trim();
  }

  private write(): void {
    const gone = new Set(this.lines.keys());
    let place: ChildNode | null = this.body.firstChild;
    // Rows that are in place already are not touched, so that focus and selection stay.
    const put = (row: HTMLTableRowElement): void => {
      if (row === place) {
        place = place.nextSibling;
      } else {
        this.body.insertBefore(row, place);
      }
    };
    for (const each of this.found.rows) {
      const key = this.keyOf(each);
      gone.delete(key);
      const line = this.line(key, each);
      line.cells.forEach((cell, i) => {
        setText(cell, this.listed.columns[i]?.text(each) ?? '');
      });
      put(line.row);
      if (this.details?.key === key) {
        put(this.details.row);
      }
    }
    for (const key of gone) {
      this.lines.get(key)?.row.remove();
      this.lines.delete(key);
      if (this.details?.key === key) {
        this.details.row.remove();
        this.details = null;
      }
    }
    this.writeSummary();
  }

  private writeSummary(): void {
    const { rows, matched, isAll } = this.found;
    const shown = rows.length;
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
      setText(this.summary, what === '' ? this.listed.none : `${this.listed.nobody}${what}.`);
    } else {
      const isPart = shown < matched;
      setText(
        this.summary,
        isPart ? `${count(shown)} of ${count(matched)}${what} shown, sorted over all.` : `${count(shown)}${what} shown.`,
      );
    }
  }

  private line(key: string, row: R): Line {
    const kept = this.lines.get(key);
    if (kept !== undefined) {
      return kept;
    }
    const { first, columns, names, heading, button } = this.listed;
    const cells = columns.map((column) => el('td', { class: `col-${column.key}` }));
    const data = Object.fromEntries(names.map((name) => [`data-${name}`, row[name as K]]));
    const line = {
      row: el(
        'tr',
        data,
        el('th', { scope: 'row', class: `col-${first.key}` }, ...heading(row)),
        ...cells,
        el('td', { class: 'col-end' }, button(row)),
      ),
      cells,
    };
    this.lines.set(key, line);
    return line;
  }
}

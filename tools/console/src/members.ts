// Who is in a room: a row below that of the room, asked for when somebody wants to know, page by page.

import { ApiError, getRoom, messageOf } from './api.js';
import { el, freshId, hidden, setText } from './dom.js';
import { count } from './format.js';

const PAGE = 100;

export class Members {
  readonly row: HTMLTableRowElement;
  private readonly room: string;
  private readonly list: HTMLUListElement;
  private readonly summary = el('p', { class: 'summary', role: 'status' }, 'Asking …');
  private readonly more: HTMLButtonElement;
  private after: string | null = null; // the last one that is shown, where others follow
  private pages = 0; // that are shown
  private asking = false;

  // `width` is that of the table, in columns.
  constructor(room: string, width: number) {
    this.room = room;
    this.list = el('ul', { class: 'members', 'aria-label': `Members of ${room}` });
    this.more = el('button', { type: 'button', class: 'quiet', hidden: true }, 'Show more', hidden(` of ${room}`));
    this.row = el(
      'tr',
      { class: 'details', id: freshId('members') },
      el('td', { colspan: width }, this.list, el('div', { class: 'row end' }, this.summary, this.more)),
    );
    this.more.addEventListener('click', () => void this.load(this.after));
  }

  // Looks again. Who has been shown more than a page is left in peace: each costs a look at all who are in the room.
  async refresh(): Promise<void> {
    if (this.pages < 2) {
      await this.load(null);
    }
  }

  private async load(after: string | null): Promise<void> {
    if (this.asking) {
      return;
    }
    this.asking = true;
    try {
      const page = await getRoom(this.room, PAGE, after);
      if (after === null) {
        this.list.replaceChildren();
        this.pages = 0;
      }
      this.list.append(...page.members.map((user) => el('li', {}, user)));
      this.after = page.after;
      this.pages += 1;
      this.more.hidden = page.after === null;
      const shown = this.list.children.length;
      setText(this.summary, page.after === null ? `${count(shown)} in the room.` : `${count(shown)} of ${count(page.users)} shown, by name.`);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) {
        setText(this.summary, 'The room is gone: its last member has left.');
      } else if (!(error instanceof ApiError && error.status === 0)) {
        setText(this.summary, `They could not be read: ${messageOf(error)}.`);
      }
    } finally {
      this.asking = false;
    }
  }
}

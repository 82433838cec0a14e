// The rooms as a table, and who is in one of them.

import { getRooms } from './api.js';
import type { Room, RoomKey } from './api_types.js';
import { el, hidden, setAttribute } from './dom.js';
import { count } from './format.js';
import { Listing } from './listing.js';
import { Members } from './members.js';

interface Opened {
  readonly key: string;
  readonly button: HTMLElement;
  readonly members: Members;
}

export class RoomsTable {
  readonly element: HTMLElement;
  private readonly listing: Listing<Room, RoomKey>;
  private opened: Opened | null = null; // one at a time

  constructor() {
    this.listing = new Listing<Room, RoomKey>({
      id: 'rooms',
      title: 'Rooms',
      caption: 'Rooms that have members; the headings sort',
      hint: 'beginning of a name',
      none: 'There is no room: nobody has joined one.',
      nobody: 'No room',
      first: { key: 'room', title: 'Room' },
      columns: [
        { key: 'users', title: 'Users', largestFirst: true, text: ({ users }) => count(users) },
        { key: 'sessions', title: 'Sessions', largestFirst: true, text: ({ sessions }) => count(sessions) },
      ],
      order: { key: 'users', descending: true },
      names: ['room'],
      page: async (...question) => {
        const { rooms, matched, cursor } = await getRooms(...question);
        return { rows: rooms, matched: matched ?? rooms.length, cursor };
      },
      heading: ({ room }) => [room],
      action: 'Members',
      button: (room) => this.button(room),
    });
    this.element = this.listing.element;
  }

  private button(row: Room): HTMLElement {
    const button = el(
      'button',
      { type: 'button', class: 'quiet', 'aria-expanded': 'false' },
      'Members',
      hidden(` of ${row.room}`),
    );
    button.addEventListener('click', () => {
      const wasOpen = this.opened?.button === button;
      this.close();
      if (!wasOpen) {
        this.open(row, button);
      }
    });
    return button;
  }

  private open(row: Room, button: HTMLElement): void {
    const members = new Members(row.room, this.listing.width);
    this.opened = { key: this.listing.keyOf(row), button, members };
    setAttribute(button, 'aria-expanded', 'true');
    setAttribute(button, 'aria-controls', members.row.id);
    this.listing.show(this.opened.key, members.row);
    void members.refresh();
  }

  private close(): void {
    if (this.opened !== null) {
      const { key, button } = this.opened;
      setAttribute(button, 'aria-expanded', 'false');
      button.removeAttribute('aria-controls');
      this.listing.show(key, null);
      this.opened = null;
    }
  }

  // Of a room that is gone, or has lost its place in the table, nobody is asked who is in it.
  async refresh(): Promise<void> {
    await this.listing.refresh();
    const { opened } = this;
    if (opened === null) {
      return;
    }
    if (opened.members.row.isConnected) {
      await opened.members.refresh();
    } else {
      this.close();
    }
  }
}

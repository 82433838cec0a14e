// The connections as a table, and the way to end one.

import { announce } from './announcer.js';
import { ApiError, disconnect, getUsers, messageOf } from './api.js';
import type { User, UserKey } from './api_types.js';
import { Confirm } from './confirm.js';
import { el, hidden, setText } from './dom.js';
import { bytes, clock, duration } from './format.js';
import { Listing } from './listing.js';

// A user with several devices has a row for each.
function nameOf({ user, device }: User): string {
  return device === '' ? user : `${user} on ${device}`;
}

export class UsersTable {
  readonly element: HTMLElement;
  private readonly confirm = new Confirm();
  private readonly outcome = el('p', { class: 'note' }); // of the last *Disconnect*
  private readonly listing: Listing<User, UserKey>;

  constructor() {
    this.listing = new Listing<User, UserKey>(
      {
        id: 'users',
        title: 'Connections',
        caption: 'Users who are logged in; the headings sort',
        hint: 'beginning of a name',
        none: 'Nobody is logged in.',
        nobody: 'Nobody',
        first: { key: 'user', title: 'User' },
        columns: [
          { key: 'connected_ms', title: 'Age', largestFirst: true, text: (user) => duration(user.connected_ms) },
          { key: 'idle_ms', title: 'Idle', largestFirst: true, text: (user) => duration(user.idle_ms) },
          { key: 'queue_bytes', title: 'Queue', largestFirst: true, text: (user) => bytes(user.queue_bytes) },
          { key: 'address', title: 'Address', text: ({ address }) => address },
          { key: 'worker', title: 'Worker', text: ({ worker }) => String(worker) },
        ],
        order: { key: 'connected_ms', descending: true },
        names: ['user', 'device'],
        page: async (...question) => {
          const { users, matched, cursor } = await getUsers(...question);
          return { rows: users, matched: matched ?? users.length, cursor };
        },
        heading: ({ user, device }) =>
          device === '' ? [user] : [user, hidden(' on '), ' ', el('span', { class: 'device' }, device)],
        action: 'Disconnect',
        button: (user) => this.button(user),
      },
      this.outcome,
    );
    this.element = this.listing.element;
  }

  private button(user: User): HTMLElement {
    const button = el('button', { type: 'button', class: 'quiet' }, 'Disconnect', hidden(` ${nameOf(user)}`));
    button.addEventListener('click', () => void this.disconnect(user));
    return button;
  }

  async refresh(): Promise<void> {
    await this.listing.refresh();
  }

  // The question that is open says that nothing can be done now; the rest is the view's.
  setGone(gone: boolean): void {
    this.confirm.setGone(gone);
  }

  private tell(text: string, isDone: boolean): void {
    this.outcome.className = isDone ? 'note' : 'fault';
    setText(this.outcome, text);
    announce(text);
  }

  private async disconnect(user: User): Promise<void> {
    const name = nameOf(user);
    const choice = await this.confirm.ask(name);
    if (choice === null) {
      return;
    }
    try {
      await disconnect(user.user, user.device, choice.code, choice.reason);
      this.tell(`${name} was disconnected with ${String(choice.code)} at ${clock(new Date())}, and ${choice.then}.`, true);
    } catch (error) {
      const isUnknown = error instanceof ApiError && error.status === 0;
      const what = isUnknown ? `Whether ${name} was disconnected is not known` : `${name} was not disconnected`;
      this.tell(`${what}: ${messageOf(error)}.`, false);
    }
    await this.listing.load();
    // The button that was pressed has gone with its row.
    this.listing.takeLostFocus();
  }
}

// The same user in another place: a second client under the name, which the gateway lets win.

import { IMClient, State } from '../../web-sdk/src/v1.js';
import { el, hidden, setText } from './dom.js';
import type { Mint } from './participant.js';
import { codeWords } from './reasons.js';
import * as timing from './timing.js';

export class Elsewhere {
  readonly element: HTMLElement;
  private client: IMClient | null = null;
  private wasThere = false;
  private readonly url: string;
  private readonly user: string;
  private readonly mint: Mint | null;
  private readonly tell: (text: string) => void;
  private readonly changed: () => void;
  private readonly words = el('span');
  private readonly end: HTMLButtonElement;

  constructor(url: string, user: string, mint: Mint | null, tell: (text: string) => void, changed: () => void) {
    this.url = url;
    this.user = user;
    this.mint = mint;
    this.tell = tell;
    this.changed = changed;
    this.end = el('button', { type: 'button', class: 'quiet' }, 'Log out there', hidden(` (${user})`));
    this.end.addEventListener('click', () => {
      this.tell('The other place logged out. Nobody is logged in under this name now.');
      this.leave();
    });
    this.element = el('p', { class: 'elsewhere', hidden: true }, this.words, this.end);
  }

  get isThere(): boolean {
    return this.client !== null;
  }

  setGone(gone: boolean): void {
    this.end.disabled = gone;
  }

  async logIn(): Promise<void> {
    this.leave();
    const { mint } = this;
    const client = new IMClient({
      url: this.url,
      user: this.user,
      connectTimeoutMs: timing.CONNECT_TIMEOUT_MS,
      ...(mint === null ? {} : { getToken: () => mint(this.user) }),
      reconnect: { maxAttempts: Infinity, baseMs: timing.BACKOFF_BASE_MS, capMs: timing.BACKOFF_CAP_MS },
    });
    this.client = client;
    client.on('state', ({ to }) => {
      if (this.client === client) {
        this.show(to);
      }
    });
    client.on('kicked', () => {
      if (this.client === client) {
        this.tell('The other place was kicked in turn: the newest login wins.');
        this.forget();
      }
    });
    client.on('closed', ({ code }) => {
      // Before it was there, login() says what went wrong.
      if (this.client === client && this.wasThere) {
        const why = code === undefined ? '' : `: Close ${String(code)}, ${codeWords(code)}`;
        this.tell(`The other place is closed for good${why}.`);
        this.forget();
      }
    });
    const { error } = await client.login();
    if (this.client === client && error !== undefined) {
      this.tell(`The other place could not log in: ${error.message}.`);
      this.leave();
    }
  }

  private show(state: State): void {
    if (state === State.CONNECTED) {
      this.wasThere = true;
      setText(this.words, `${this.user} is logged in elsewhere, on a line of its own.`);
    } else if (state === State.RECONNECTING) {
      setText(this.words, `${this.user} has lost its line elsewhere, and dials again.`);
    }
    this.element.hidden = !this.wasThere;
    this.changed();
  }

  leave(): void {
    const client = this.client;
    this.forget();
    void client?.logout();
  }

  private forget(): void {
    this.client = null;
    this.wasThere = false;
    this.element.hidden = true;
    this.changed();
  }
}

// The view "Try it": alice and bob, logged in and talking before anybody has clicked.

import { namesWith } from './api.js';
import type { Status } from './api_types.js';
import { Card } from './card.js';
import { byId, el, setText } from './dom.js';
import { onFrame } from './ticker.js';
import { EXPLAINED } from './timing.js';

const NAMES_KEY = 'tidegate-names';
const NAMES = ['alice', 'bob'] as const;
const TRIES = 50; // other pages that may be open at the same time

type Pair = readonly [string, string];

function clientUrl(port: number): string {
  const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
  return `${scheme}://${location.hostname}:${String(port)}/`;
}

// A second page must not kick the clients of the first: it calls its own alice-2 and bob-2. A page that is
// loaded again keeps its names.
async function freeNames(): Promise<Pair> {
  const [first, second] = (sessionStorage.getItem(NAMES_KEY) ?? '').split(' ');
  if (first && second) {
    return [first, second];
  }
  const taken = (await Promise.all(NAMES.map(namesWith))).flatMap((names) => [...names]);
  for (let i = 1; i < TRIES; i++) {
    const tail = i === 1 ? '' : `-${String(i)}`;
    const pair: Pair = [NAMES[0] + tail, NAMES[1] + tail];
    if (!pair.some((name) => taken.includes(name))) {
      sessionStorage.setItem(NAMES_KEY, pair.join(' '));
      return pair;
    }
  }
  return NAMES;
}

// Why the gateway cannot help to play faults; null where it can.
function obstacleOf({ demo }: Status): string | null {
  return demo ? null : 'Only where the gateway runs with --demo.';
}

function explained(): HTMLElement {
  const rows = EXPLAINED.map(({ name, here, usual, why }) =>
    el('tr', {}, el('th', { scope: 'row' }, name), el('td', {}, here), el('td', {}, usual), el('td', {}, why)),
  );
  return el(
    'details',
    { class: 'explained panel' },
    el('summary', {}, 'Times are shortened here. What are the real ones?'),
    el(
      'div',
      { class: 'scroll-x', tabindex: 0, role: 'group', 'aria-label': 'Times here and usually' },
      el(
        'table',
        {},
        el('caption', { class: 'heard' }, 'Times on this page and the defaults of the SDK'),
        el(
          'thead',
          {},
          el('tr', {}, ...['time', 'on this page', 'default', 'why'].map((text) => el('th', { scope: 'col' }, text))),
        ),
        el('tbody', {}, ...rows),
      ),
    ),
  );
}

export class TryView {
  private readonly place = byId('view-try');
  private readonly note = el('p', { class: 'note', role: 'status' });
  private cards: Card[] = [];
  private status: Status | null = null;
  private started = false;
  private shown = false;

  constructor() {
    this.place.append(this.note, el('div', { class: 'cards' }), explained());
    this.say('Asking the gateway where its clients connect …');
  }

  private say(text: string): void {
    setText(this.note, text);
    this.note.hidden = text === '';
  }

  setShown(shown: boolean): void {
    this.shown = shown;
    this.startOnce();
  }

  onStatus(status: Status): void {
    this.status = status;
    for (const card of this.cards) {
      card.setDemoObstacle(obstacleOf(status));
    }
    this.startOnce();
  }

  // Not before it is looked at: who only watches sends nothing.
  private startOnce(): void {
    if (!this.started && this.shown && this.status !== null) {
      this.started = true;
      this.start(this.status);
    }
  }

  onFailure(text: string): void {
    for (const card of this.cards) {
      card.setDemoObstacle(`The admin side is away: ${text}.`);
    }
    if (!this.started) {
      this.say(`The admin side is away: ${text}. This page keeps asking.`);
    }
  }

  private start(status: Status): void {
    const port = status.ws_port;
    if (port === null) {
      this.say('This gateway listens on Unix sockets only, where a browser cannot go: there is nothing to try here.');
    } else if (status.echo) {
      this.say('This gateway runs with --echo: it knows no users and sends every message back, so there is nothing to try here.');
    } else if (status.demo) {
      this.say('');
      void this.open(clientUrl(port), true);
    } else {
      this.offer(clientUrl(port));
    }
  }

  // What alice says is heard by everybody on this gateway, so on one that serves people nothing is said
  // unasked.
  private offer(url: string): void {
    const go = el('button', { type: 'button', class: 'primary' }, 'Log two clients in');
    const words = el(
      'p',
      {},
      'This gateway does not run with --demo, so it may be serving people: what a client says here reaches every user who is logged in. Nothing is sent until you type it.',
    );
    const offer = el('div', { class: 'panel offer' }, words, go);
    this.say('');
    this.note.after(offer);
    go.addEventListener('click', () => {
      offer.remove();
      void this.open(url, false);
    });
  }

  private async open(url: string, talk: boolean): Promise<void> {
    const names = await freeNames().catch((): Pair => NAMES);
    const [alice, bob] = [new Card(url, names[0], 'first'), new Card(url, names[1], 'second')];
    this.cards = [alice, bob];
    this.place.querySelector('.cards')?.replaceChildren(alice.element, bob.element);
    for (const card of this.cards) {
      card.setDemoObstacle(this.status === null ? null : obstacleOf(this.status));
    }
    onFrame((now) => {
      if (this.shown) {
        alice.draw(now);
        bob.draw(now);
      }
    });
    await Promise.all([alice.logIn(), bob.logIn()]);
    if (talk) {
      await greet(alice, bob);
    }
  }
}

// A word each, so that the newcomer sees what a chat is before typing.
async function greet(alice: Card, bob: Card): Promise<void> {
  const [first, second] = [alice.participant.user, bob.participant.user];
  if ((await alice.say(`Hello ${second}, can you hear me?`)) === null) {
    await bob.say(`Loud and clear, ${first}!`);
  }
}

// The view "Try it": alice and bob, logged in and talking before anybody has clicked, in a room of their own. It is
// there only where the gateway runs with --demo, which plays the faults.

import { getNodes, mintToken } from './api.js';
import type { Status } from './api_types.js';
import { Card } from './card.js';
import { byId, el, setText } from './dom.js';
import { ownNames } from './names.js';
import { otherPlace } from './nodes.js';
import type { Place } from './nodes.js';
import type { Away } from './reach.js';
import { onFrame } from './ticker.js';
import { TOKEN_S, explained } from './timing.js';

const MEETING_MS = 5000; // that the two wait for news of each other

function clientUrl(port: number, isTls: boolean): string {
  const scheme = isTls || location.protocol === 'https:' ? 'wss' : 'ws';
  return `${scheme}://${location.hostname}:${String(port)}/`;
}

function timesTable(readDeadlineMs: number, hasTokens: boolean): HTMLElement {
  const rows = explained(readDeadlineMs, hasTokens).map(({ name, here, usual, why }) =>
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
  private readonly note = el('p', { class: 'note', role: 'status' });
  private readonly stage = el('div');
  private cards: readonly Card[] = [];
  private status: Status | null = null;
  private away: Away | null = null;
  private started = false;
  private shown = false;
  private stopDrawing = (): void => {};

  constructor() {
    byId('view-try').append(this.note, this.stage);
  }

  setShown(shown: boolean): void {
    this.shown = shown;
    this.startOnce();
  }

  onStatus(status: Status): void {
    this.status = status;
    if (!status.demo) {
      this.stop();
    }
    this.startOnce();
  }

  setAway(away: Away | null): void {
    this.away = away;
    for (const card of this.cards) {
      card.setAway(away);
    }
  }

  // Not before it is looked at: who only watches sends nothing.
  private startOnce(): void {
    if (!this.started && this.shown && this.away === null && this.status?.demo) {
      this.started = true;
      this.start(this.status);
    }
  }

  private start({ ws_port: port, ws_tls: isTls, echo, auth, demo_tokens: mints, limits }: Status): void {
    const obstacle =
      port === null
        ? 'This gateway listens on Unix sockets only, where a browser cannot go: there is nothing to try here.'
        : echo
          ? 'This gateway runs with --echo: it knows no users and sends every message back, so there is nothing to try here.'
          : auth === 'token' && !mints
            ? 'This gateway takes tokens that others have signed, and has no key to make one for alice or bob: there is nothing to try here. With --demo and without --auth-keys it makes a key.'
            : '';
    setText(this.note, obstacle);
    byId('try-lead').hidden = obstacle !== '';
    if (port !== null && obstacle === '') {
      void this.open(port, isTls, limits.read_deadline_ms, auth === 'token');
    }
  }

  // The gateway was started anew, without --demo: it serves people, among whom these two have no business.
  private stop(): void {
    this.started = false;
    this.stopDrawing();
    for (const card of this.cards) {
      card.logOut();
    }
    this.cards = [];
    this.stage.replaceChildren();
  }

  private async open(port: number, isTls: boolean, readDeadlineMs: number, hasTokens: boolean): Promise<void> {
    const url = clientUrl(port, isTls);
    const {
      users: [first, second],
      room,
    } = await ownNames();
    const place = await placeOfTheSecond();
    const mint = hasTokens ? (user: string) => mintToken(user, TOKEN_S) : null;
    const alice = new Card(url, first, second, room, mint, 'first', null);
    const bob = new Card(place === null ? url : clientUrl(place.port, place.isTls), second, first, room, mint, 'second', place?.node ?? null);
    if (!this.started) {
      return;
    }
    this.cards = [alice, bob];
    this.stage.replaceChildren(el('div', { class: 'cards' }, alice.element, bob.element), timesTable(readDeadlineMs, hasTokens));
    this.setAway(this.away);
    this.stopDrawing = onFrame((now) => {
      if (this.shown) {
        alice.draw(now);
        bob.draw(now);
      }
    });
    await Promise.all([alice.logIn(), bob.logIn()]);
    await greet(alice, bob);
  }
}

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

// Where there are several nodes the two talk across them.
async function placeOfTheSecond(): Promise<Place | null> {
  const answer = await getNodes().catch(() => null);
  return answer === null ? null : otherPlace(answer, location.hostname);
}

// A word each, so that the newcomer sees what a chat is before typing. Where there is no room it is from one to one.
async function greet(alice: Card, bob: Card): Promise<void> {
  const [first, second] = [alice.participant.user, bob.participant.user];
  const to = alice.participant.isIn && bob.participant.isIn ? 'room' : 'other';
  if (to === 'room') {
    // Each one's node has to know of the other, or what is said there is for nobody yet.
    await Promise.race([Promise.all([alice.meets(), bob.meets()]), passed(MEETING_MS)]);
  }
  const heard = bob.hears();
  if (await alice.say(`Hello ${second}, can you hear me?`, to)) {
    await heard;
    await bob.say(`Loud and clear, ${first}!`, to);
  }
}

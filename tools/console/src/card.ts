// Everything about one of the two: state, heartbeat, chat, faults, story and frames.

import { Action } from './action.js';
import { announce } from './announcer.js';
import { ApiError, cutLine, mute } from './api.js';
import { Chat } from './chat.js';
import type { To } from './chat.js';
import { el, freshId, setAttribute, setText } from './dom.js';
import { Elsewhere } from './elsewhere.js';
import { duration, milliseconds, seconds } from './format.js';
import { Gauge } from './gauge.js';
import { Inspector } from './inspector.js';
import * as narrator from './narrator.js';
import type { Change, Turn } from './narrator.js';
import { Participant, codeOf } from './participant.js';
import type { Audience, Mint } from './participant.js';
import { share } from './pulse.js';
import type { Away } from './reach.js';
import { StateDiagram } from './state_diagram.js';
import { Story } from './story.js';
import type { Tone } from './story.js';
import { Strip } from './strip.js';
import * as timing from './timing.js';

export class Card {
  readonly element: HTMLElement;
  readonly participant: Participant;
  private readonly user: string;
  private readonly other: string;
  private readonly room: string;
  private readonly node: string | null;
  private readonly chip = el('span', { class: 'chip' });
  private readonly rtt = el('span');
  private readonly rttPlace = el('span', { class: 'rtt' }, el('span', { class: 'rtt-name' }, 'round trip '), this.rtt);
  private readonly reason = el('p', { class: 'reason' });
  private readonly diagram: StateDiagram;
  private readonly strip: Strip;
  private readonly gauge = new Gauge();
  private readonly tokenGauge = new Gauge();
  private readonly chat: Chat;
  private readonly story: Story;
  private readonly inspector: Inspector;
  private readonly elsewhere: Elsewhere;
  private readonly actions: Readonly<Record<'cut' | 'mute' | 'elsewhere' | 'log' | 'token', Action>>;
  private readonly hasTokens: boolean;
  private isGone = false; // the gateway
  private muted = false;
  private heard = (): void => {};
  private met = (): void => {};
  private readonly meeting = new Promise<void>((resolve) => {
    this.met = resolve;
  });
  private awaitsToken = false; // since it is given one again
  private isAnew = false; // connected, and not yet in the room again

  constructor(
    url: string,
    user: string,
    other: string,
    room: string,
    mint: Mint | null,
    tone: 'first' | 'second',
    node: string | null, // null: the one whose page this is
  ) {
    this.hasTokens = mint !== null;
    this.user = user;
    this.other = other;
    this.room = `#${room}`;
    this.node = node;
    this.diagram = new StateDiagram(user);
    this.story = new Story(user);
    this.inspector = new Inspector(user);
    this.chat = new Chat(user, other, (text, to) => this.send(text, to));
    this.participant = new Participant(url, user, room, mint, {
      onTurn: (turn) => {
        this.onTurn(turn);
      },
      onAttempt: (attempt, delayMs) => {
        this.onAttempt(attempt, delayMs);
      },
      onFailedDial: (failed) => {
        this.story.step(narrator.tellFailedDial(failed), 'bad', 'The client dials');
      },
      onSeen: (seen, isOld) => {
        this.inspector.show(seen, isOld);
      },
      onPing: () => {
        this.onPing();
      },
      onHeard: (text, from, audience) => {
        this.onHeard(text, from, audience);
      },
      onEntered: (others) => {
        this.onEntered(others);
      },
      onBarred: (code) => {
        this.onBarred(code);
      },
      onMembers: (change) => {
        this.onMembers(change);
      },
      onWithheld: () => {
        this.onWithheld();
      },
      onToken: (secondsLeft, isFresh) => {
        this.onToken(secondsLeft, isFresh);
      },
    });
    this.strip = new Strip(this.participant.pulse, timing.STRIP_MS);
    this.elsewhere = new Elsewhere(
      url,
      user,
      mint,
      (text) => {
        this.story.step(text, 'plain', 'In the other place');
      },
      () => {
        this.refresh();
      },
    );
    this.actions = {
      cut: new Action(user, 'cut', () => void this.cut()),
      mute: new Action(user, 'mute', () => void this.toggleMute()),
      elsewhere: new Action(user, 'elsewhere', () => void this.logInElsewhere()),
      log: new Action(user, 'log', () => {
        this.logInOrOut();
      }),
      token: new Action(user, 'token', () => {
        this.toggleTokens();
      }),
    };
    this.element = this.build(tone);
    this.refresh();
  }

  private build(tone: string): HTMLElement {
    const title = freshId('client');
    this.actions.token.element.hidden = !this.hasTokens;
    this.tokenGauge.element.hidden = !this.hasTokens;
    const initial = Array.from(this.user)[0]?.toUpperCase() ?? '?';
    return el(
      'section',
      { class: `card ${tone}`, 'aria-labelledby': title, 'data-user': this.user },
      el(
        'header',
        { class: 'card-head' },
        el('span', { class: 'avatar', 'aria-hidden': 'true' }, initial),
        el('h2', { id: title }, this.user),
        ...(this.node === null ? [] : [el('span', { class: 'place' }, `on ${this.node}`)]),
        this.rttPlace,
        this.chip,
      ),
      this.diagram.element,
      this.reason,
      el(
        'section',
        { class: 'pulse', 'aria-label': `Heartbeat of ${this.user}` },
        el(
          'p',
          { class: 'pulse-key' },
          el('span', { class: 'key-ping' }, 'ping out'),
          el('span', { class: 'key-pong' }, 'pong back'),
          el('span', { class: 'key-other' }, 'other frames'),
        ),
        this.strip.element,
        this.gauge.element,
        this.tokenGauge.element,
      ),
      this.chat.element,
      el(
        'section',
        { class: 'faults', 'aria-label': `What you can do to ${this.user}` },
        ...Object.values(this.actions).map(({ element }) => element),
        this.elsewhere.element,
      ),
      this.story.element,
      this.inspector.element,
    );
  }

  // Nothing can be done with a gateway that does not answer. The clients themselves go on, and show it.
  setAway(away: Away | null): void {
    this.isGone = away !== null && away.instead === null;
    this.refresh();
  }

  async logIn(): Promise<void> {
    await this.participant.logIn();
  }

  // For good, in the other place too.
  logOut(): void {
    this.participant.logOut();
    this.elsewhere.leave();
  }

  // Whether somebody was there to hear it.
  async say(text: string, to: To): Promise<boolean> {
    const other = to === 'other' ? this.other : null;
    const bubble = this.chat.say(text, to);
    try {
      const { count } = await this.participant.say(text, other);
      bubble.settle(narrator.tellHanded(count, other), false);
      return count > 0;
    } catch (error) {
      bubble.settle(narrator.tellNotHanded(codeOf(error)), true);
      return false;
    }
  }

  // Resolves at the next that somebody says.
  hears(): Promise<void> {
    return new Promise((resolve) => {
      this.heard = resolve;
    });
  }

  // Resolves when this one knows of the other in the room, who may be at another node.
  meets(): Promise<void> {
    return this.meeting;
  }

  // What has a line goes out, and shows its fate by itself.
  private send(text: string, to: To): string | null {
    if (this.participant.state !== 'CONNECTED') {
      return `Not sent: ${this.user} has no line.`;
    }
    void this.say(text, to);
    return null;
  }

  // --- what happens to the client ---------------------------------------------------------------

  private onTurn(turn: Turn): void {
    const told = narrator.tell(turn);
    this.diagram.enter(turn.from, turn.to);
    this.muted = this.muted && turn.to === 'CONNECTED';
    setText(this.reason, `${turn.to} because ${narrator.why(turn)}`);
    // The first login is no story unless it fails: nothing has happened yet.
    const isFirst = (turn.to === 'CONNECTING' || turn.to === 'CONNECTED') && !this.story.isUnderWay;
    if (told !== null && !isFirst) {
      this.story.step(told.text, told.tone, narrator.titleOf(turn));
      // Who is connected has arrived when it is back in the room.
      this.isAnew = turn.to === 'CONNECTED';
      if (told.ends && !this.isAnew) {
        this.story.end();
      }
    } else if (turn.to === 'CONNECTED') {
      announce(`${this.user} is connected`);
    }
    this.refresh();
  }

  private onEntered(others: readonly string[]): void {
    this.chat.setObstacle('');
    this.chat.note(narrator.tellEntered(this.room, others));
    if (others.includes(this.other)) {
      this.met();
    }
    this.arrive(narrator.tellBack(this.room, others), 'good');
  }

  private onBarred(code: string): void {
    const text = narrator.tellBarred(this.room, this.other, code);
    this.chat.setObstacle(text);
    this.arrive(text, 'bad');
  }

  // The end of a story that led to a new line.
  private arrive(text: string, tone: Tone): void {
    if (this.isAnew) {
      this.isAnew = false;
      this.story.step(text, tone, 'Back in the room');
      this.story.end();
    }
  }

  private onMembers(change: Change): void {
    const room = `#${change.room}`;
    const text = narrator.tellMembers(this.user, { ...change, room });
    if (text === null) {
      return;
    }
    this.chat.note(text);
    if (room !== this.room) {
      return;
    }
    if (change.user === this.user) {
      this.chat.setObstacle('');
    }
    if (change.user === this.other && change.change === 'came') {
      this.met();
    }
    if (change.change === 'taken out') {
      this.chat.setObstacle(narrator.tellBarred(this.room, this.other, 'not-a-member'));
      this.story.step(text, 'bad', 'Taken out of the room');
      this.story.end();
    }
  }

  private onHeard(text: string, from: string, audience: Audience): void {
    this.chat.hear(text, from, audience === 'me' ? `only to ${this.user}` : audience === 'all' ? 'to everybody' : '');
    this.heard();
  }

  private onAttempt(attempt: number, delayMs: number): void {
    const when = Number.isFinite(delayMs) ? `in ${seconds(delayMs)}` : 'when the network is back';
    this.story.step(`Reconnecting: attempt ${String(attempt)} ${when}.`, 'plain', 'The client dials');
  }

  private onPing(): void {
    const left = share(this.participant.lastReadAt, timing.READ_TIMEOUT_MS, performance.now());
    // One that goes out with the deadline itself has no time to be missed.
    if (this.muted && left > 0.05) {
      this.story.step(
        `A ping went out; nothing comes back. ${seconds(left * timing.READ_TIMEOUT_MS)} of the read deadline left.`,
        'plain',
        'The server falls silent',
      );
    }
  }

  private onWithheld(): void {
    if (this.participant.state === 'CONNECTED') {
      this.story.step('The client asks for a fresh token, and gets none.', 'bad', 'Tokens are withheld');
    }
  }

  // That it goes on as it should is no story, unless it is one's end.
  private onToken(secondsLeft: number, isFresh: boolean): void {
    if (this.awaitsToken && isFresh) {
      this.story.step(narrator.tellRefreshed(secondsLeft), 'good', 'A fresh token');
      this.story.end();
    }
    this.awaitsToken = false;
  }

  // --- what the visitor does --------------------------------------------------------------------

  private async cut(): Promise<void> {
    this.story.begin('You cut the network');
    this.story.step('The gateway is asked to reset the socket, without a Close.', 'plain', '');
    await this.ask(cutLine(this.user), null);
  }

  private async toggleMute(): Promise<void> {
    const muted = !this.muted;
    if (muted) {
      this.story.begin('You stopped the server’s answers');
      this.muted = true;
    }
    const done = await this.ask(
      mute(this.user, muted),
      muted
        ? 'The gateway still reads this line, but sends nothing on it any more.'
        : 'The gateway answers again: the next pong refills the read deadline.',
    );
    this.muted = done ? muted && this.participant.state === 'CONNECTED' : !muted;
    if (done && !muted) {
      this.story.end();
    }
    this.refresh();
  }

  // Tells `done` when the gateway has done it; else why not.
  private async ask(request: Promise<void>, done: string | null): Promise<boolean> {
    try {
      await request;
    } catch (error) {
      const text = error instanceof ApiError ? error.message : String(error);
      const isUnknown = error instanceof ApiError && error.status === 0;
      const what = isUnknown ? 'Whether the gateway did it is not known' : 'The gateway did not do it';
      this.story.step(`${what}: ${text}.`, 'bad', 'Nothing happened');
      this.story.end();
      return false;
    }
    if (done !== null) {
      this.story.step(done, 'plain', 'Done');
    }
    return true;
  }

  private async logInElsewhere(): Promise<void> {
    this.story.begin('You logged in elsewhere');
    this.story.step(`A second client logs in as ${this.user}.`, 'plain', '');
    await this.elsewhere.logIn();
  }

  private logInOrOut(): void {
    if (this.isOut()) {
      this.story.begin('You logged in');
      void this.participant.logIn();
    } else {
      this.story.begin('You logged out');
      this.participant.logOut();
    }
  }

  private toggleTokens(): void {
    const { participant } = this;
    participant.withholds = !participant.withholds;
    this.awaitsToken = false;
    if (participant.withholds) {
      this.story.begin('You withhold fresh tokens');
      if (participant.tokenMs !== null) {
        this.story.step(narrator.tellWithheld(participant.tokenLeftMs(performance.now())), 'plain', '');
      }
    } else {
      this.awaitsToken = participant.state === 'CONNECTED';
      this.story.step('The next time that the client asks, it gets a token.', 'plain', 'You give tokens again');
    }
    this.refresh();
  }

  private isOut(): boolean {
    return this.participant.state === 'CLOSED' || this.participant.state === 'INIT';
  }

  // --- what is shown ----------------------------------------------------------------------------

  private refresh(): void {
    const { state } = this.participant;
    const gone = this.isGone ? 'Not now: the gateway does not answer.' : null;
    const online = gone ?? (state === 'CONNECTED' ? null : `Not now: ${this.user} is not connected.`);
    const faults = online ?? (this.node === null ? null : `Not here: the console of ${this.node} plays faults there.`);
    this.chat.setLine(state === 'CONNECTED');
    this.elsewhere.setGone(this.isGone);
    setText(this.chip, state);
    setAttribute(this.chip, 'data-state', state);
    setAttribute(this.element, 'data-state', state);
    if (this.reason.textContent === '') {
      setText(this.reason, 'INIT because nobody has logged in yet');
    }
    this.actions.cut.show(
      {
        name: 'Cut the network',
        before: `The line breaks without a Close. The client dials again after ${timing.BACKOFF_WORDS}.`,
      },
      faults,
    );
    this.actions.mute.show(
      this.muted
        ? { name: 'Let the server answer', before: 'Pongs come again and refill the read deadline, if it is in time.' }
        : {
            name: 'Stop the server’s answers',
            before: `Pings go unanswered. ${duration(timing.READ_TIMEOUT_MS)} after the last frame the client gives the line up, and dials ${timing.BACKOFF_WORDS} later.`,
          },
      faults,
    );
    this.actions.elsewhere.show(
      {
        name: 'Log in elsewhere',
        before: `A second ${this.user} wins. This one is told “kicked” and stays away.`,
      },
      online,
    );
    this.actions.log.show(
      this.isOut()
        ? {
            name: 'Log in',
            before: this.elsewhere.isThere
              ? 'A new line. The newest login wins: the one elsewhere is kicked.'
              : 'A new line, which counts as connected when the gateway has spoken on it.',
          }
        : {
            name: 'Log out',
            before:
              state === 'CONNECTED'
                ? 'Close 1000: a wanted end, so the client does not come back.'
                : 'The client gives up coming back.',
          },
      gone ?? (state === 'CLOSING' ? 'One moment: the line is closing.' : null),
    );
    this.actions.token.show(
      this.participant.withholds
        ? { name: 'Give fresh tokens again', before: 'The next time that the client asks for one, it gets it.' }
        : {
            name: 'Withhold fresh tokens',
            before: `The session ends ${duration(timing.GRACE_MS)} after its token, with 3000 “expired”. The client dials on, but has none to show.`,
          },
      gone,
    );
  }

  draw(now: number): void {
    this.strip.draw(now);
    this.drawGauge(now);
    if (this.hasTokens) {
      this.drawToken(now);
    }
    const { rttMs } = this.participant;
    this.rttPlace.hidden = rttMs === null;
    setText(this.rtt, rttMs === null ? '' : milliseconds(rttMs));
  }

  private drawToken(now: number): void {
    const { tokenMs, tokenAt, withholds } = this.participant;
    if (tokenMs === null) {
      this.tokenGauge.show('Token', 0, timing.TOKEN_S * 1000, 'no session, no token', 'idle');
      return;
    }
    const left = this.participant.tokenLeftMs(now);
    if (left > 0) {
      const words = `${seconds(left)} until it ends${withholds ? '' : ', a fresh one comes before'}`;
      this.tokenGauge.show('Token', left / tokenMs, tokenMs, words, withholds ? 'low' : 'live');
    } else {
      const grace = share(tokenAt + tokenMs, timing.GRACE_MS, now);
      const words = `${seconds(grace * timing.GRACE_MS)} until the gateway ends the session`;
      this.tokenGauge.show('Token ended', grace, timing.GRACE_MS, words, 'low');
    }
  }

  private drawGauge(now: number): void {
    const { state, lastReadAt, attempt, attemptAt, attemptMs } = this.participant;
    if (state === 'CONNECTED') {
      const left = share(lastReadAt, timing.READ_TIMEOUT_MS, now);
      const words = `${seconds(left * timing.READ_TIMEOUT_MS)} until the line is given up`;
      this.gauge.show('Read deadline', left, timing.READ_TIMEOUT_MS, words, left < 0.6 ? 'low' : 'live');
    } else if (state === 'RECONNECTING') {
      const offline = !Number.isFinite(attemptMs);
      const left = offline ? 0 : share(attemptAt, attemptMs, now);
      const words = offline
        ? 'this computer is offline'
        : left > 0
          ? `attempt ${String(attempt)} in ${seconds(left * attemptMs)}`
          : `attempt ${String(attempt)} under way`;
      this.gauge.show('Back-off', left, offline ? 0 : attemptMs, words, 'wait');
    } else {
      this.gauge.show('Read deadline', 0, timing.READ_TIMEOUT_MS, 'no line, no deadline', 'idle');
    }
  }
}

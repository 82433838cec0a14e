// What happened, as short stories: one for each thing the visitor did or that befell the line.

import { announce } from './announcer.js';
import { el, freshId, hidden } from './dom.js';
import { Follow } from './follow.js';
import { clock, seconds } from './format.js';

export type Tone = 'good' | 'bad' | 'plain';

const KEPT = 8;

export class Story {
  readonly element: HTMLElement;
  private readonly user: string;
  private readonly list = el('ol', { class: 'episodes', tabindex: 0 });
  private readonly follow = new Follow(this.list);
  private readonly empty: HTMLElement;
  private steps: HTMLOListElement | null = null;
  private beganAt = 0;

  constructor(user: string) {
    this.user = user;
    const title = freshId('story');
    this.list.setAttribute('aria-labelledby', title);
    this.list.hidden = true; // of the keyboard's way too
    this.empty = el('p', { class: 'muted' }, 'Nothing yet. Press one of the buttons above.');
    this.element = el(
      'section',
      { class: 'story', 'aria-labelledby': title },
      el('div', { class: 'part-head' }, el('h3', { id: title }, 'What happened', hidden(` to ${user}`))),
      this.empty,
      this.list,
    );
  }

  // The visitor begins a story, and wants to see what comes of it.
  begin(title: string): void {
    this.open(title);
    this.follow.toEnd();
  }

  private open(title: string): void {
    this.empty.hidden = true;
    this.list.hidden = false;
    this.beganAt = performance.now();
    this.steps = el('ol', { class: 'steps' });
    this.list.append(
      el(
        'li',
        { class: 'episode' },
        el('p', { class: 'episode-title' }, el('time', {}, clock(new Date())), ' ', el('strong', {}, title)),
        this.steps,
      ),
    );
    while (this.list.children.length > KEPT) {
      this.list.firstElementChild?.remove();
    }
  }

  // The next step of the story that is under way; of one named `title` where there is none.
  step(text: string, tone: Tone, title: string): void {
    if (this.steps === null) {
      this.open(title);
    }
    this.steps?.append(
      el(
        'li',
        { class: tone },
        el('span', { class: 'offset' }, `+${seconds(performance.now() - this.beganAt)}`),
        ' ',
        text,
      ),
    );
    this.follow.grown();
    announce(`${this.user}: ${text}`);
  }

  end(): void {
    this.steps = null;
  }

  get isUnderWay(): boolean {
    return this.steps !== null;
  }
}

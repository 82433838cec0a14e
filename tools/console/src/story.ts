// What happened, as short stories: one for each thing the visitor did or that befell the line.

import { announce } from './announcer.js';
import { el, freshId, hidden } from './dom.js';
import { clock, seconds } from './format.js';

export type Tone = 'good' | 'bad' | 'plain';

const KEPT = 8;

export class Story {
  readonly element: HTMLElement;
  private readonly user: string;
  private readonly list = el('ol', { class: 'episodes', reversed: true });
  private readonly empty: HTMLElement;
  private steps: HTMLOListElement | null = null;
  private beganAt = 0;

  constructor(user: string) {
    this.user = user;
    const title = freshId('story');
    this.empty = el('p', { class: 'muted' }, 'Nothing yet. Press one of the buttons above.');
    this.element = el(
      'section',
      { class: 'story', 'aria-labelledby': title },
      el('div', { class: 'part-head' }, el('h3', { id: title }, 'What happened', hidden(` to ${user}`))),
      this.empty,
      this.list,
    );
  }

  begin(title: string): void {
    this.empty.hidden = true;
    this.beganAt = performance.now();
    this.steps = el('ol', { class: 'steps' });
    this.list.prepend(
      el(
        'li',
        { class: 'episode' },
        el('p', { class: 'episode-title' }, el('time', {}, clock(new Date())), ' ', el('strong', {}, title)),
        this.steps,
      ),
    );
    while (this.list.children.length > KEPT) {
      this.list.lastElementChild?.remove();
    }
  }

  // The next step of the story that is under way; of one named `title` where there is none.
  step(text: string, tone: Tone, title: string): void {
    if (this.steps === null) {
      this.begin(title);
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
    announce(`${this.user}: ${text}`);
  }

  end(): void {
    this.steps = null;
  }

  get isUnderWay(): boolean {
    return this.steps !== null;
  }
}

// The tide gauge: a time that runs out, drawn as water that drains, and refills when something arrives.

import { el, freshId, setAttribute, setText } from './dom.js';
import { seconds } from './format.js';

export type Mood = 'live' | 'low' | 'wait' | 'idle';

export class Gauge {
  readonly element: HTMLElement;
  private readonly water = el('div', { class: 'gauge-water' });
  private readonly meter: HTMLElement;
  private readonly label = el('span', { class: 'gauge-label', id: freshId('gauge') });
  private readonly words = el('span', { class: 'gauge-words' });

  constructor() {
    this.meter = el(
      'div',
      { class: 'gauge-tank', role: 'meter', 'aria-labelledby': this.label.id, 'aria-valuemin': 0, 'aria-valuemax': 0, 'aria-valuenow': 0 },
      this.water,
    );
    this.element = el('div', { class: 'gauge' }, el('div', { class: 'gauge-text' }, this.label, this.words), this.meter);
  }

  // `share` of `spanMs` is left.
  show(label: string, share: number, spanMs: number, words: string, mood: Mood): void {
    const left = (share * spanMs) / 1000;
    setText(this.label, label);
    setText(this.words, words);
    setAttribute(this.element, 'data-mood', mood);
    this.water.style.transform = `scaleX(${share.toFixed(4)})`;
    // In whole seconds: who listens is not told of every picture.
    setAttribute(this.meter, 'aria-valuemax', String(Math.max(1, Math.round(spanMs / 1000))));
    setAttribute(this.meter, 'aria-valuenow', String(Math.ceil(left)));
    setAttribute(this.meter, 'aria-valuetext', mood === 'idle' ? words : `${seconds(Math.ceil(left) * 1000)} left`);
  }
}

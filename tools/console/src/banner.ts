// Says above everything else that the gateway is away, since when, and how old the page is by now.

import { byId, el, setText } from './dom.js';
import type { AwayWords } from './reach.js';

export class Banner {
  private readonly place = byId('away');
  private readonly title = el('strong');
  private readonly detail = el('span');

  constructor() {
    this.place.append(el('p', {}, this.title, ' ', this.detail));
  }

  show(words: AwayWords | null): void {
    this.place.hidden = words === null;
    setText(this.title, words?.title ?? '');
    setText(this.detail, words?.detail ?? '');
  }
}

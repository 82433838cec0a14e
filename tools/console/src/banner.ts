// Says above everything else what is wrong with the gateway: that it is away, since when, and how old the page is
// by now; or that it was started anew, until the reader has taken note.

import { byId, el, setText } from './dom.js';

export class Banner {
  private readonly place = byId('banner');
  private readonly title = el('strong');
  private readonly detail = el('span');
  private readonly noted = el('button', { type: 'button', class: 'quiet' }, 'Noted');
  private absence: { title: string; detail: string } | null = null;
  private news = '';

  constructor() {
    this.place.append(el('div', { class: 'banner-inner' }, el('p', {}, this.title, ' ', this.detail), this.noted));
    this.noted.addEventListener('click', () => {
      this.tell('');
      byId('main').focus({ preventScroll: true });
    });
    // What is sticky below it stays in sight.
    new ResizeObserver(() => {
      document.documentElement.style.setProperty('--banner-height', `${String(this.place.offsetHeight)}px`);
    }).observe(this.place);
  }

  // Null: it is here.
  setAway(words: { title: string; detail: string } | null): void {
    this.absence = words;
    this.write();
  }

  tell(news: string): void {
    this.news = news;
    this.write();
  }

  private write(): void {
    const { absence, news } = this;
    this.place.hidden = absence === null && news === '';
    this.place.dataset['mood'] = absence === null ? 'wait' : 'bad';
    this.noted.hidden = absence !== null;
    setText(this.title, absence?.title ?? '');
    setText(this.detail, absence?.detail ?? news);
  }
}

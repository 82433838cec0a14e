// A button that says before what will happen. Where it cannot be used it stays reachable by keyboard and
// says why.

import { el, freshId, hidden, setAttribute, setText } from './dom.js';

export interface ActionText {
  readonly name: string;
  readonly before: string; // what will happen
}

export class Action {
  readonly element: HTMLButtonElement;
  private readonly name = el('span', { class: 'action-name' });
  private readonly words = el('span', { class: 'action-words', id: freshId('action') });
  private blocked = false;

  constructor(user: string, kind: string, press: () => void) {
    const name = el('span', { id: freshId('name') }, this.name, hidden(` (${user})`));
    this.element = el(
      'button',
      {
        type: 'button',
        class: 'action',
        'data-action': kind,
        'aria-labelledby': name.id,
        'aria-describedby': this.words.id,
      },
      name,
      this.words,
    );
    this.element.addEventListener('click', () => {
      if (!this.blocked) {
        press();
      }
    });
  }

  // `obstacle` is why it cannot be used now, null where it can.
  show(text: ActionText, obstacle: string | null): void {
    this.blocked = obstacle !== null;
    setText(this.name, text.name);
    setText(this.words, obstacle ?? text.before);
    setAttribute(this.element, 'aria-disabled', String(this.blocked));
  }
}

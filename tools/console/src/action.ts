// A button that says before what will happen. Where it cannot be used it stays reachable by keyboard and
// says why.

import { el, freshId, hidden, setAttribute, setText } from './dom.js';

export interface ActionText {
  readonly name: string;
  readonly before: string; // what will happen
}

export class Action {
  readonly element: HTMLElement;
  private readonly button: HTMLButtonElement;
  private readonly name = el('span');
  private readonly words = el('p', { class: 'action-words', id: freshId('action') });
  private blocked = false;

  constructor(user: string, kind: string, press: () => void) {
    this.button = el(
      'button',
      { type: 'button', class: 'action-name', 'data-action': kind, 'aria-describedby': this.words.id },
      this.name,
      hidden(` (${user})`),
    );
    this.element = el('div', { class: 'action' }, this.button, this.words);
    this.button.addEventListener('click', () => {
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
    setAttribute(this.button, 'aria-disabled', String(this.blocked));
  }
}

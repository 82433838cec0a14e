// What one of the two says and hears.

import { el, freshId, hidden, setAttribute, setText } from './dom.js';
import { Follow } from './follow.js';

const KEPT = 60;

export class Chat {
  readonly element: HTMLElement;
  private readonly list: HTMLOListElement;
  private readonly follow: Follow;
  private readonly input: HTMLInputElement;
  private readonly button: HTMLButtonElement;
  private readonly fault = el('p', { class: 'fault', role: 'status' });

  // `send` resolves to what went wrong, or to null.
  constructor(user: string, send: (text: string) => Promise<string | null>) {
    const title = freshId('chat');
    this.list = el('ol', { class: 'bubbles', tabindex: 0, 'aria-labelledby': title });
    this.follow = new Follow(this.list);
    this.input = el('input', {
      id: freshId('say'),
      type: 'text',
      autocomplete: 'off',
      maxlength: 500,
      placeholder: `Say something as ${user}`,
    });
    this.button = el('button', { type: 'submit' }, 'Send', hidden(` as ${user}`));
    const form = el(
      'form',
      { class: 'say' },
      el('label', { for: this.input.id, class: 'heard' }, `Say something as ${user}`),
      this.input,
      this.button,
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.submit(send);
    });
    this.element = el(
      'section',
      { class: 'chat', 'aria-labelledby': title },
      el('h3', { id: title, class: 'heard' }, `Chat of ${user}`),
      this.list,
      form,
      this.fault,
    );
  }

  private async submit(send: (text: string) => Promise<string | null>): Promise<void> {
    const text = this.input.value.trim();
    if (text === '') {
      return;
    }
    const fault = await send(text);
    setText(this.fault, fault ?? '');
    // What did not go out stays, to be sent again.
    if (fault === null && this.input.value.trim() === text) {
      this.input.value = '';
    }
  }

  // Without a line nothing can be sent, and why that is was said of the line before.
  setLine(isOpen: boolean): void {
    setAttribute(this.button, 'aria-disabled', String(!isOpen));
    if (isOpen) {
      setText(this.fault, '');
    }
  }

  // `from` is null for what was said here.
  add(text: string, from: string | null): void {
    const isMine = from === null;
    this.list.append(
      el(
        'li',
        { class: isMine ? 'bubble mine' : 'bubble' },
        isMine ? hidden('said: ') : el('span', { class: 'from' }, `${from} `),
        el('span', { class: 'words' }, text),
      ),
    );
    while (this.list.children.length > KEPT) {
      this.list.firstElementChild?.remove();
    }
    if (isMine) {
      this.follow.toEnd();
    } else {
      this.follow.grown();
    }
  }
}

// What one of the two says and hears.

import { el, freshId, hidden, setText } from './dom.js';

const KEPT = 60;

export class Chat {
  readonly element: HTMLElement;
  private readonly list: HTMLOListElement;
  private readonly input: HTMLInputElement;
  private readonly fault = el('p', { class: 'fault', role: 'status' });

  // `send` resolves to what went wrong, or to null.
  constructor(user: string, send: (text: string) => Promise<string | null>) {
    const title = freshId('chat');
    this.list = el('ol', { class: 'bubbles', tabindex: 0, 'aria-labelledby': title });
    this.input = el('input', {
      id: freshId('say'),
      type: 'text',
      autocomplete: 'off',
      maxlength: 500,
      placeholder: `Say something as ${user}`,
    });
    const form = el(
      'form',
      { class: 'say' },
      el('label', { for: this.input.id, class: 'heard' }, `Say something as ${user}`),
      this.input,
      el('button', { type: 'submit' }, 'Send', hidden(` as ${user}`)),
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
    this.list.scrollTop = this.list.scrollHeight;
  }
}

// What one of the two says and hears, in the room of this page and from one to the other.

import { el, freshId, hidden, setAttribute, setText } from './dom.js';
import { Follow } from './follow.js';

const KEPT = 60;

export type To = 'room' | 'other';

// What was said here. What becomes of it is known later.
export interface Bubble {
  settle(fate: string, isFault: boolean): void;
}

export class Chat {
  readonly element: HTMLElement;
  private readonly list: HTMLOListElement;
  private readonly follow: Follow;
  private readonly input: HTMLInputElement;
  private readonly toRoom: HTMLButtonElement;
  private readonly toOther: HTMLButtonElement;
  private readonly obstacle = el('p', { class: 'fault', role: 'status' }); // why nobody in the room hears
  private readonly fault = el('p', { class: 'fault', role: 'status' });

  // `send` returns why it cannot be sent now, or null.
  constructor(user: string, other: string, send: (text: string, to: To) => string | null) {
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
    this.toRoom = el('button', { type: 'submit' }, 'Send', hidden(` to the room as ${user}`));
    this.toOther = el('button', { type: 'submit', class: 'aside' }, `Only to ${other}`);
    const form = el(
      'form',
      { class: 'say' },
      el('label', { for: this.input.id, class: 'heard' }, `Say something as ${user}`),
      this.input,
      this.toRoom,
      this.toOther,
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit(event.submitter === this.toOther ? 'other' : 'room', send);
    });
    this.element = el(
      'section',
      { class: 'chat', 'aria-labelledby': title },
      el('h3', { id: title, class: 'heard' }, `Chat of ${user}`),
      this.list,
      form,
      this.obstacle,
      this.fault,
    );
  }

  // What cannot go out stays, to be sent again.
  private submit(to: To, send: (text: string, to: To) => string | null): void {
    const text = this.input.value.trim();
    if (text === '') {
      return;
    }
    const fault = send(text, to);
    setText(this.fault, fault ?? '');
    if (fault === null) {
      this.input.value = '';
    }
  }

  // Without a line nothing can be sent, and why that is was said of the line before.
  setLine(isOpen: boolean): void {
    setAttribute(this.toRoom, 'aria-disabled', String(!isOpen));
    setAttribute(this.toOther, 'aria-disabled', String(!isOpen));
    if (isOpen) {
      setText(this.fault, '');
    }
  }

  // Empty: the room hears.
  setObstacle(text: string): void {
    setText(this.obstacle, text);
  }

  say(text: string, to: To): Bubble {
    const fate = el('span', { class: 'fate' });
    const bubble = el(
      'li',
      { class: to === 'other' ? 'bubble mine aside' : 'bubble mine' },
      hidden('said: '),
      el('span', { class: 'words' }, text),
      ' ',
      fate,
    );
    this.append(bubble);
    this.follow.toEnd();
    return {
      settle: (words, isFault) => {
        setText(fate, words);
        bubble.classList.toggle('lost', isFault);
        this.follow.grown();
      },
    };
  }

  // `aside`: from one to one; empty for what was said in the room.
  hear(text: string, from: string, aside: string): void {
    this.append(
      el(
        'li',
        { class: aside === '' ? 'bubble' : 'bubble aside' },
        el('span', { class: 'from' }, `${from}${aside === '' ? '' : `, ${aside}`} `),
        el('span', { class: 'words' }, text),
      ),
    );
    this.follow.grown();
  }

  // Who came and went.
  note(text: string): void {
    this.append(el('li', { class: 'notice' }, text));
    this.follow.grown();
  }

  private append(item: HTMLElement): void {
    this.list.append(item);
    while (this.list.children.length > KEPT) {
      this.list.firstElementChild?.remove();
    }
  }
}

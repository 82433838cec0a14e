// Asks before a user's line is closed, and whether the client may come back.

import { el, freshId, setText } from './dom.js';

export interface Choice {
  readonly code: number;
  readonly reason: string;
  readonly then: string; // what the client does, in words
}

interface Option {
  readonly code: number;
  readonly name: string;
  readonly words: string; // what will happen
  readonly then: string; // the same, of what has happened
}

// What clients make of a code: the table of proto/PROTOCOL.md, section 5.
const OPTIONS: readonly [Option, Option] = [
  {
    code: 4003,
    name: 'May come back',
    words: 'Close 4003. The client takes a new line by itself within seconds, as after a lost one.',
    then: 'may come back',
  },
  {
    code: 1008,
    name: 'Stays away',
    words: 'Close 1008. The client does not come back by itself. This is no lock: who logs in anew is let in.',
    then: 'stays away',
  },
];

export class Confirm {
  // In focus at first: a second Enter, meant for the button before, does nothing.
  private readonly title = el('h2', { id: 'confirm-title', tabindex: -1, autofocus: true });
  private readonly radios = OPTIONS.map(({ code }) =>
    el('input', { id: freshId('confirm'), type: 'radio', name: 'code', value: code, required: true }),
  );
  private readonly reason = el('input', { id: 'confirm-reason', type: 'text', maxlength: 100, autocomplete: 'off' });
  private readonly go = el('button', { type: 'submit', class: 'danger' }, 'Disconnect');
  private readonly obstacle = el('p', { class: 'fault', role: 'status' });
  private readonly dialog: HTMLDialogElement;
  private answer: ((choice: Choice | null) => void) | null = null;

  constructor() {
    const cancel = el('button', { type: 'button' }, 'Leave it');
    const form = el(
      'form',
      {},
      this.title,
      el(
        'fieldset',
        { class: 'choices' },
        el('legend', {}, 'The line ends now. Then the client …'),
        ...OPTIONS.map((option, i) => this.option(option, this.radios[i])),
      ),
      el('label', { for: 'confirm-reason' }, 'Reason, told to the client (may stay empty)'),
      this.reason,
      this.obstacle,
      el('div', { class: 'row end' }, cancel, this.go),
    );
    this.dialog = el('dialog', { class: 'confirm', 'aria-labelledby': 'confirm-title' }, form);
    cancel.addEventListener('click', () => {
      this.dialog.close();
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const { code, then } = OPTIONS[this.radios.findIndex(({ checked }) => checked)] ?? OPTIONS[0];
      this.settle({ code, reason: this.reason.value.trim(), then });
    });
    this.dialog.addEventListener('close', () => {
      this.settle(null);
    });
    document.body.append(this.dialog);
  }

  private option({ name, words }: Option, radio: HTMLInputElement | undefined): HTMLElement {
    const about = el('span', { id: freshId('about'), class: 'choice-words' }, words);
    radio?.setAttribute('aria-describedby', about.id);
    return el('div', { class: 'choice' }, radio ?? '', el('label', { for: radio?.id }, name), about);
  }

  // Resolves to null where the visitor thinks better of it.
  ask(user: string): Promise<Choice | null> {
    this.title.textContent = `Disconnect ${user}?`;
    this.reason.value = '';
    for (const [i, radio] of this.radios.entries()) {
      radio.checked = i === 0;
    }
    this.dialog.showModal();
    return new Promise((resolve) => {
      this.answer = resolve;
    });
  }

  // The question stays open, with what was typed: the gateway may be back before it is answered.
  setGone(gone: boolean): void {
    this.go.disabled = gone;
    setText(this.obstacle, gone ? 'The gateway does not answer: nothing can be done now.' : '');
  }

  private settle(choice: Choice | null): void {
    const answer = this.answer;
    this.answer = null;
    if (this.dialog.open) {
      this.dialog.close();
    }
    answer?.(choice);
  }
}

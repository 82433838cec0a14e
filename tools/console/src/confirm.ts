// Asks before a user's line is closed, and with which code.

import { el } from './dom.js';

export interface Choice {
  readonly code: number;
  readonly reason: string;
}

interface Option {
  readonly code: number;
  readonly words: string;
}

const OPTIONS: readonly Option[] = [
  { code: 4003, words: '4003 disconnected (comes back by itself)' },
  { code: 1012, words: '1012 restart (comes back by itself)' },
  { code: 1008, words: '1008 policy (stays away)' },
  { code: 1000, words: '1000 normal end (stays away)' },
];

export class Confirm {
  private readonly title = el('h2', { id: 'confirm-title' });
  private readonly select = el(
    'select',
    { id: 'confirm-code' },
    ...OPTIONS.map(({ code, words }) => el('option', { value: code }, words)),
  );
  private readonly reason = el('input', { id: 'confirm-reason', type: 'text', maxlength: 100, autocomplete: 'off' });
  private readonly dialog: HTMLDialogElement;
  private answer: ((choice: Choice | null) => void) | null = null;

  constructor(place: HTMLElement) {
    const cancel = el('button', { type: 'button' }, 'Leave it');
    const go = el('button', { type: 'submit', class: 'danger' }, 'Disconnect');
    const form = el(
      'form',
      {},
      this.title,
      el('p', {}, 'The line is closed from this side, with the code and reason you choose. Nothing else is touched.'),
      el('label', { for: 'confirm-code' }, 'Close code'),
      this.select,
      el('label', { for: 'confirm-reason' }, 'Reason, told to the client (may stay empty)'),
      this.reason,
      el('div', { class: 'row end' }, cancel, go),
    );
    this.dialog = el('dialog', { class: 'confirm', 'aria-labelledby': 'confirm-title' }, form);
    cancel.addEventListener('click', () => {
      this.dialog.close();
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.settle({ code: Number(this.select.value), reason: this.reason.value.trim() });
    });
    this.dialog.addEventListener('close', () => {
      this.settle(null);
    });
    place.append(this.dialog);
  }

  // Resolves to null where the visitor thinks better of it.
  ask(user: string): Promise<Choice | null> {
    this.title.textContent = `Disconnect ${user}?`;
    this.reason.value = '';
    this.select.selectedIndex = 0;
    this.dialog.showModal();
    return new Promise((resolve) => {
      this.answer = resolve;
    });
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

// The bearer token: asked for when the admin side wants one, kept for this tab and no longer.

import { byId, el, setText } from './dom.js';

const KEY = 'tidegate-token';

export function keptToken(): string | null {
  return sessionStorage.getItem(KEY);
}

// The form in index.html's #token, shown while /v1 answers 401.
export class TokenForm {
  private readonly place = byId('token');
  private readonly input = el('input', {
    id: 'token-input',
    type: 'password',
    autocomplete: 'off',
    spellcheck: 'false',
    required: true,
    'aria-describedby': 'token-hint token-fault',
  });
  private readonly fault = el('p', { id: 'token-fault', class: 'fault', role: 'alert' });

  constructor(onToken: () => void) {
    const form = el(
      'form',
      { class: 'token panel', 'aria-labelledby': 'token-title' },
      el('h1', { id: 'token-title' }, 'This gateway asks for its token'),
      el(
        'p',
        { id: 'token-hint' },
        'It is a line of the file named by --admin-token. It stays in this tab and is forgotten when the tab is closed.',
      ),
      el('label', { for: 'token-input' }, 'Bearer token'),
      el('div', { class: 'row' }, this.input, el('button', { type: 'submit', class: 'primary' }, 'Open the console')),
      this.fault,
    );
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      const token = this.input.value.trim();
      // What is no header value cannot be the token, and fetch would not take it.
      if (!/^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(token)) {
        setText(this.fault, 'A token is printable characters only.');
        return;
      }
      sessionStorage.setItem(KEY, token);
      this.input.value = '';
      onToken();
    });
    this.place.append(form);
  }

  // Shown again after a wrong one was tried, it says so.
  show(): void {
    if (keptToken() !== null) {
      sessionStorage.removeItem(KEY);
      setText(this.fault, 'The gateway does not know this token.');
    }
    if (this.place.hidden) {
      this.place.hidden = false;
      this.input.focus();
    }
  }

  hide(): void {
    this.place.hidden = true;
    setText(this.fault, '');
  }
}

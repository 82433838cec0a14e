// A part of the page whose controls are out of use for a time. It gives back the focus that one of them had.

import { el } from './dom.js';

export class Freeze {
  readonly element = el('fieldset', { class: 'controls' });
  private focused: HTMLElement | null = null;

  set(frozen: boolean): void {
    if (frozen === this.element.disabled) {
      return;
    }
    if (frozen) {
      const { activeElement } = document;
      this.focused = activeElement instanceof HTMLElement && this.element.contains(activeElement) ? activeElement : null;
    }
    this.element.disabled = frozen;
    // The browser takes the focus from what cannot be used, and leaves it nowhere.
    if (!frozen && document.activeElement === document.body) {
      this.focused?.focus({ preventScroll: true });
    }
  }
}

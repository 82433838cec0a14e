// Takes the buttons of a part of the page out of use for a time, and gives back the focus that one of them had.

export class Freeze {
  private readonly place: HTMLFieldSetElement;
  private focused: HTMLElement | null = null;

  constructor(place: HTMLFieldSetElement) {
    this.place = place;
  }

  set(frozen: boolean): void {
    if (frozen === this.place.disabled) {
      return;
    }
    if (frozen) {
      const { activeElement } = document;
      this.focused = activeElement instanceof HTMLElement && this.place.contains(activeElement) ? activeElement : null;
    }
    this.place.disabled = frozen;
    // The browser takes the focus from what cannot be used, and leaves it nowhere.
    if (!frozen && document.activeElement === document.body) {
      this.focused?.focus({ preventScroll: true });
    }
  }
}

// The headings of a table that sort it: buttons, of which one says that it does, and which way.

import { el, setAttribute } from './dom.js';
import { nextOrder } from './sorting.js';
import type { Order } from './sorting.js';

export interface Heading<K extends string> {
  readonly key: K;
  readonly title: string;
  readonly largestFirst?: boolean; // its natural direction
}

export class SortHeadings<K extends string> {
  readonly cells: readonly HTMLElement[];
  private readonly headings: readonly Heading<K>[];
  private current: Order<K>;

  constructor(headings: readonly Heading<K>[], order: Order<K>, changed: () => void) {
    this.headings = headings;
    this.current = order;
    this.cells = headings.map(({ key, title, largestFirst }) => {
      const mark = el('span', { class: 'sort-mark', 'aria-hidden': 'true' });
      const button = el('button', { type: 'button', class: 'sort' }, title, mark);
      button.addEventListener('click', () => {
        this.current = nextOrder(this.current, key, largestFirst ?? false);
        this.write();
        changed();
      });
      return el('th', { scope: 'col', class: `col-${key}` }, button);
    });
    this.write();
  }

  get order(): Order<K> {
    return this.current;
  }

  private write(): void {
    const direction = this.current.descending ? 'descending' : 'ascending';
    this.headings.forEach(({ key }, i) => {
      const cell = this.cells[i];
      if (cell !== undefined) {
        setAttribute(cell, 'aria-sort', key === this.current.key ? direction : 'none');
      }
    });
  }
}

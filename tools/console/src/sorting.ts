// The order of the table's rows. Pure.

export type SortKey = 'user' | 'address' | 'connected_ms' | 'idle_ms' | 'queue_bytes' | 'worker';

export interface Order {
  readonly key: SortKey;
  readonly descending: boolean;
}

type Row = Readonly<Record<SortKey, string | number>>;

const collator = new Intl.Collator('en', { numeric: true });

function compare(a: string | number, b: string | number): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b));
}

// Equal rows are ordered by user, so that they do not jump about from one look to the next.
export function sorted<T extends Row>(rows: readonly T[], { key, descending }: Order): T[] {
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(a[key], b[key]) || compare(a.user, b.user));
}

// A click on a heading: the other way round where it is the one already, else its natural direction.
export function nextOrder(order: Order, key: SortKey): Order {
  if (order.key === key) {
    return { key, descending: !order.descending };
  }
  return { key, descending: key !== 'user' && key !== 'address' && key !== 'worker' };
}

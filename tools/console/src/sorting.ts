// The order of a table's rows. Pure.

export interface Order<K extends string> {
  readonly key: K;
  readonly descending: boolean;
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

// Of what the gateway has sorted in parts. Equal rows are ordered by user, as it does it.
export function sorted<K extends string, T extends Readonly<Record<K | 'user', string | number>>>(
  rows: readonly T[],
  { key, descending }: Order<K>,
): T[] {
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(a[key], b[key]) || compare(a.user, b.user));
}

// A click on a heading: the other way round where it is the one already, else its natural direction.
export function nextOrder<K extends string>(order: Order<K>, key: K, largestFirst: boolean): Order<K> {
  return { key, descending: order.key === key ? !order.descending : largestFirst };
}

// The order of a table's rows. Pure.

export interface Order<K extends string> {
  readonly key: K;
  readonly descending: boolean;
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

// Of what the gateway has sorted in parts. Equal rows are ordered by `names`, as it does it.
export function sorted<K extends string, N extends string, T extends Readonly<Record<K | N, string | number>>>(
  rows: readonly T[],
  { key, descending }: Order<K>,
  names: readonly N[],
): T[] {
  const sign = descending ? -1 : 1;
  const byName = (a: T, b: T): number => names.reduce((order, name) => order || compare(a[name], b[name]), 0);
  return [...rows].sort((a, b) => sign * compare(a[key], b[key]) || byName(a, b));
}

// A click on a heading: the other way round where it is the one already, else its natural direction.
export function nextOrder<K extends string>(order: Order<K>, key: K, largestFirst: boolean): Order<K> {
  return { key, descending: order.key === key ? !order.descending : largestFirst };
}

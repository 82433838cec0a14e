// Quantiles of what happened between two looks at a histogram that only ever grows.

export interface Histogram {
  readonly bounds: readonly number[]; // upper bounds, ascending
  readonly counts: readonly number[]; // per bucket; the one more is for what lies above the last bound
}

// What was counted since `before`; null where the two do not belong together (a restart).
export function since(before: Histogram, now: Histogram): Histogram | null {
  if (before.counts.length !== now.counts.length) {
    return null;
  }
  const counts = now.counts.map((value, i) => value - (before.counts[i] ?? 0));
  return counts.some((value) => value < 0) ? null : { bounds: now.bounds, counts };
}

// The value that the share `q` of all observations does not exceed, taken as evenly spread within a
// bucket. Above the last bound nothing is known but the bound, so that is given. Null without any.
export function quantile(histogram: Histogram, q: number): number | null {
  const { bounds, counts } = histogram;
  const total = counts.reduce((sum, value) => sum + value, 0);
  if (total === 0) {
    return null;
  }
  const rank = q * total;
  let below = 0;
  for (let i = 0; i < bounds.length; i++) {
    const inside = counts[i] ?? 0;
    const upper = bounds[i] ?? 0;
    if (inside > 0 && below + inside >= rank) {
      const lower = i > 0 ? (bounds[i - 1] ?? 0) : 0;
      return lower + ((upper - lower) * (rank - below)) / inside;
    }
    below += inside;
  }
  return bounds[bounds.length - 1] ?? null;
}

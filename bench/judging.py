"""What a series of rounds says: an interval for the true ratio, and a verdict."""

import math
import statistics

BUILDS_MEDIAN = 0.99  # a build may lose that much against another before it is slower
BUILDS_LOW = 0.97     # and so wide may the interval still be
INSTRUCTIONS = 1.005  # times those of the other build


def mean_of(slices):
    """Of a round's measurements of one server."""
    return {figure: statistics.fmean(its[figure] for its in slices) for figure in slices[0]}


def interval(values, confidence=0.9):
    """Order statistics around the median: the narrowest symmetric pair that holds it with that
    confidence (the sign test); the extremes where even they do not."""
    values = sorted(values)
    n = len(values)
    best = (values[0], values[-1])
    for k in range(1, n // 2 + 1):
        outside = 2 * sum(math.comb(n, i) for i in range(k)) / 2**n
        if 1 - outside < confidence:
            break
        best = (values[k - 1], values[n - k])
    return best


def percentile(buckets, percent):
    """Of [value, how many] in ascending order: the value that so many percent do not exceed."""
    rank = max(1, math.ceil(sum(count for _, count in buckets) * percent / 100))
    for value, count in buckets:
        rank -= count
        if rank <= 0:
            return value
    return math.inf


def verdict(low, high, target, more_is_better):
    if target is None:
        return ""
    if more_is_better:
        return "pass" if low >= target else "miss" if high < target else "open"
    return "pass" if high <= target else "miss" if low > target else "open"


def verdict_of_builds(low, median, high):
    """Of ratios in which more is better. A build that is as good as the other is always told in the
    end, and so is one that loses 2 %, however narrow its interval becomes."""
    if median >= BUILDS_MEDIAN and low >= BUILDS_LOW:
        return "pass"
    return "miss" if high < BUILDS_MEDIAN else "open"


def shown(value):
    return f"{value:,.0f}" if value >= 100 or value <= -100 else f"{value:.1f}"

"""What the comparisons of bench/ make of a series of rounds."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

from judging import INSTRUCTIONS, interval, verdict, verdict_of_builds  # noqa: E402


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0], (1.0, 1.0)),
        ([3, 1, 2], (1, 3)),
        ([5, 4, 3, 2, 1], (1, 5)),
        (range(1, 8), (1, 7)),
        (range(1, 9), (2, 7)),
        (range(1, 41), (15, 26)),
    ],
)
def test_interval_holds_the_median_with_nine_in_ten(values, expected):
    assert interval(values) == expected


@pytest.mark.parametrize(
    ("low", "high", "target", "more_is_better", "expected"),
    [
        (0.97, 1.1, 0.97, True, "pass"),
        (0.96, 1.1, 0.97, True, "open"),
        (0.90, 0.96, 0.97, True, "miss"),
        (0.90, 1.1, 1.1, False, "pass"),
        (0.90, 1.2, 1.1, False, "open"),
        (1.15, 1.2, 1.1, False, "miss"),
        (0.1, 0.2, None, True, ""),
    ],
)
def test_a_target_is_held_against_the_interval(low, high, target, more_is_better, expected):
    assert verdict(low, high, target, more_is_better) == expected


@pytest.mark.parametrize(
    ("low", "median", "high", "expected"),
    [
        (0.97, 0.99, 1.00, "pass"),
        (1.20, 1.30, 1.40, "pass"),
        (0.969, 1.00, 1.05, "open"),
        (0.97, 0.989, 1.00, "open"),
        (0.90, 0.95, 0.99, "open"),
        (0.975, 0.98, 0.985, "miss"),
        (0.90, 0.95, 0.96, "miss"),
    ],
)
def test_two_builds_are_as_good_or_told_apart(low, median, high, expected):
    assert verdict_of_builds(low, median, high) == expected


def test_instructions_may_grow_by_half_a_percent():
    assert verdict(1.005, 1.005, INSTRUCTIONS, False) == "pass"
    assert verdict(1.0051, 1.0051, INSTRUCTIONS, False) == "miss"

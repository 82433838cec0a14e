"""bench/handover: what it calls a fault, and that it sees one."""

import argparse
import types

import pytest

from test_bench_scripts import load_script, run_judged


@pytest.fixture(scope="module")
def bench():
    return load_script("handover")


MS = 1_000_000


def load_of(*longest_ms, name="rooms", series=(), **faults):
    """One that has measured such pauses, each of another line."""
    none = dict.fromkeys(("lost", "duplicated", "connections_cut"), 0)
    result = {
        "longest_of_connection_ns": {"buckets": [[ms * MS, 1] for ms in sorted(longest_ms)], "max": max(longest_ms) * MS},
        "faults": {**none, **faults},
        "count": len(longest_ms),
        "generator": {"lag_ns": {"p99": 0}},
        "series": [{"at_s": at, "max_ns": ms * MS} for at, ms in series],
    }
    return types.SimpleNamespace(name=name, opened=100, result=result)


def handover_of(bench, asked=103, refused=""):
    import upgraded

    return upgraded.Handover(asked, asked + 1, 10, 0.2, refused)


def verdict(bench, loads, handovers, goal=1):
    return bench.judge(argparse.Namespace(goal=goal), loads, handovers)


def test_a_pause_is_judged_by_the_longest(bench):
    one = [handover_of(bench)]
    assert verdict(bench, [load_of(20, 990), load_of(5)], one)["verdict"] == "pass"
    assert verdict(bench, [load_of(20, 1010), load_of(5)], one)["verdict"] == "miss"
    pause = verdict(bench, [load_of(*range(1, 100)), load_of(100)], one)["pause_ms"]
    assert pause == {"p50": 50, "p99": 99, "most": 100}


@pytest.mark.parametrize("fault", ["lost", "duplicated", "connections_cut"])
def test_one_fault_is_enough(bench, fault):
    figures = verdict(bench, [load_of(5), load_of(5, name="direct, TLS", **{fault: 1})], [handover_of(bench)])
    assert figures["verdict"] == "miss" and figures["faults"] == {f"direct, TLS: {fault}": 1}


def test_without_a_hand_over_nothing_was_shown(bench):
    assert verdict(bench, [load_of(5)], [])["verdict"] == "miss"
    figures = verdict(bench, [load_of(5)], [handover_of(bench), handover_of(bench, refused="no memory")])
    assert (figures["verdict"], figures["handovers"], figures["refused"]) == ("miss", 1, ["no memory"])


def test_what_is_the_hand_over_s_and_what_is_not(bench):
    """Two loads that began at different times; a sample belongs to the time when it was told."""
    early, late = load_of(5, series=[(1.0, 7), (3.5, 300)]), load_of(5, series=[(1.0, 40), (2.5, 200)])
    late.opened = 101
    figures = verdict(bench, [early, late], [handover_of(bench)])
    assert (figures["during_ms"], figures["between_ms"]) == (300, 40)


def test_loads_are_of_all_kinds(bench):
    loads = list(bench.loads_of(argparse.Namespace(connections=18000, beat=1, rate=1000)))
    assert sum(count for _, count in loads) > 17_900
    assert sum(count for load, count in loads if load.is_secure) * 2 == sum(count for _, count in loads)
    assert {load.kind for load, _ in loads} == {"heartbeats", "rooms", "direct"}
    spoken = sum(load.words[load.words.index("-r") + 1] for load, _ in loads if load.kind != "heartbeats")
    assert spoken == 1000


def test_a_look(tmp_path):
    said, figures = run_judged("handover", "-c", 432, "--handovers", 2, "--every", 1, "--goal", 60, "--json", tmp_path / "json",
                               "-o", tmp_path / "page.html")
    assert figures["verdict"] == "pass", said
    assert figures["handovers"] == 2 and figures["lines"] == 432 and figures["watched"] > 300
    assert [each["refused"] for each in figures["each"]] == ["", ""]
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1 and "2 hand-overs under" in page

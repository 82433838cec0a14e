"""The bench's scripts: results become a page, and a sweep says what this machine can tell."""

import importlib.machinery
import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys

import pytest

from gateway import BINARY
from test_bench import BENCH, run_json
from waiting import TIMEOUT

ROOT = BINARY.parents[3]
SCRIPTS = ROOT / "bench"

pytestmark = [
    pytest.mark.release,
    pytest.mark.skipif(not BENCH.exists(), reason=f"{BENCH} is not built: is jansson there?"),
]


def run_script(name, *words, code=0):
    done = subprocess.run([sys.executable, SCRIPTS / name, *map(str, words)], capture_output=True, text=True,
                          timeout=TIMEOUT + 60)
    assert done.returncode == code, f"exit code {done.returncode}, not {code}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def test_report_draws_what_was_measured(gateway, tmp_path):
    results = []
    for count in (10, 40):
        path = tmp_path / f"at-{count}.json"
        run_json(path, "echo", "--packet", "-c", count, "-r", 500, "-t", 1, "--warmup", 0.2,
                 "--server-pid", gateway.pid, f"ws://127.0.0.1:{gateway.port}/")
        results.append(path)
    page = tmp_path / "report.html"
    run_script("report", "-o", page, *results)
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") >= 3, "latency, throughput, memory"
    assert "at-10" in text and "at-40" in text
    assert os.uname().release in text, "the machine is named"
    assert "http://" not in text.replace("http://www.w3.org/", "").replace(
        "http://purl.org/", "").replace("http://creativecommons.org/", ""), "the page holds everything it shows"


def test_report_refuses_what_is_no_result(tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"some": "thing"}', encoding="utf-8")
    said = run_script("report", "-o", tmp_path / "report.html", path, code=1)
    assert "other.json" in said
    assert not (tmp_path / "report.html").exists()


def test_tune_says_when_there_are_too_few_cores():
    if len(os.sched_getaffinity(0)) > 2:
        pytest.skip("this machine has enough of them")
    said = run_script("tune", code=1)
    assert "too few" in said


def run_judged(name, *words):
    """A script whose verdict is the machine's, not this test's: what it printed, what it wrote."""
    path = words[words.index("--json") + 1]
    done = subprocess.run([sys.executable, SCRIPTS / name, "--build", BINARY.parents[1], *map(str, words)],
                          capture_output=True, text=True, timeout=TIMEOUT + 60, check=False)
    assert done.returncode in (0, 1) and path.exists(), done.stdout + done.stderr
    return done.stdout, json.loads(path.read_text(encoding="utf-8"))


def load_script(name):
    """The script as a module, for what it decides without any process."""
    sys.path.insert(0, str(SCRIPTS))
    loader = importlib.machinery.SourceFileLoader(name, str(SCRIPTS / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


needs_two_cores = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="gateway and generator need a core each")
needs_valgrind = pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is missing: tools/setup --tests")


@needs_two_cores
def test_scrape_says_what_scrapes_cost(tmp_path):
    path = tmp_path / "scrape.json"
    said, measured = run_judged("scrape", "--rows", "echo-16", "--rounds", 2, "--seconds", 0.5, "--warmup", 0.1,
                                "--every", 0.02, "--json", path)
    assert 0 < measured["scrape_cpu_s"] < 1
    assert [line["figure"] for line in measured["lines"]] == ["rate", "per_cpu_s"]
    for line in measured["lines"]:
        assert line["without"] > 0 and line["with"] > 0 and line["low"] <= line["ratio"] <= line["high"]
        assert line["scrapes"] > 0
        assert line["verdict"] in said


@needs_two_cores
def test_compare_adds_rounds_while_two_builds_are_not_told_apart(tmp_path):
    said, measured = run_judged("compare", "--against", BINARY.parents[1], "--rows", "echo-16", "--rounds", 1,
                                "--rounds-max", 2, "--seconds", 0.3, "--warmup", 0.1, "--json", tmp_path / "json")
    [line] = measured["lines"]
    assert line["gateway"] > 0 and line["other"] > 0 and line["low"] <= line["ratio"] <= line["high"]
    assert line["rounds"] == len(measured["rounds"]["echo-16"])
    assert line["rounds"] == 2 or line["verdict"] in ("pass", "miss")
    assert line["verdict"] in said


def test_compare_names_the_build_that_is_not_there(tmp_path):
    said = run_script("compare", "--build", BINARY.parents[1], "--against", tmp_path, code=1)
    assert f"{tmp_path}/server/tidegate is missing" in said


@needs_valgrind
def test_instructions_of_one_build_are_the_same(tmp_path):
    said, measured = run_judged("instructions", "--against", BINARY.parents[1], "--loads", "packet", "--rounds", 1,
                                "--scale", 0.1, "--json", tmp_path / "json")
    [line] = measured["lines"]
    assert 100 < line["gateway"] < 100_000
    assert 0.9 < line["ratio"] < 1.1  # a few turns more or less, on a busy machine
    assert line["verdict"] in said


def test_instructions_says_what_to_install(tmp_path):
    done = subprocess.run([sys.executable, SCRIPTS / "instructions"], capture_output=True, text=True, timeout=TIMEOUT,
                          env={"PATH": str(tmp_path)}, check=False)
    assert done.returncode == 1 and "apt-get install valgrind" in done.stderr


# --- fairness -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fairness():
    return load_script("fairness")


def result_of(buckets, **faults):
    """What tidegate-bench writes of victims whose texts took so many ms."""
    none = dict.fromkeys(("connections_cut", "connections_failed", "lost", "corrupt", "reordered", "duplicated"), 0)
    return {
        "last_receiver_ns": {"count": sum(count for _, count in buckets),
                             "buckets": [[ms * 1_000_000, count] for ms, count in buckets]},
        "faults": {**none, **faults},
        "close_code": 1013 if faults else 0,
        "generator": {"lag_ns": {"p99": 0}, "cpu": [0.1]},
    }


def verdicts(fairness, *results):
    [threat] = [threat for threat in fairness.THREATS if threat.name == "texts"]
    seconds = 5
    alone = fairness.figures_of(result_of([(1, threat.victims.rate * seconds)]), threat.victims, seconds)
    rounds = [{False: alone, True: fairness.figures_of(result, threat.victims, seconds)} for result in results]
    return [(line["verdict"], line["cut"]) for line in fairness.judge(threat, rounds)]


def test_fairness_judges_the_whole_interval(fairness):
    good, late = result_of([(2, 95), (90, 5)]), result_of([(2, 95), (130, 5)])
    assert verdicts(fairness, good, good, good) == [("pass", 0)]
    assert verdicts(fairness, late, late, late) == [("miss", 0)]
    assert verdicts(fairness, good, late, good) == [("open", 0)]


def test_fairness_takes_no_cut_for_a_pass(fairness):
    good = result_of([(2, 100)])
    assert verdicts(fairness, good, result_of([(2, 100)], connections_cut=1)) == [("miss", 1)]
    assert verdicts(fairness, good, result_of([(2, 100)], connections_failed=2)) == [("miss", 2)]
    assert verdicts(fairness, good, result_of([(2, 100)], reordered=1)) == [("miss", 0)]


def test_fairness_counts_what_never_came_as_late(fairness):
    [threat] = [threat for threat in fairness.THREATS if threat.name == "texts"]
    figures = fairness.figures_of(result_of([(2, 95)]), threat.victims, 5)
    assert figures["p50"] == 2 and math.isinf(figures["p99"])
    assert math.isinf(fairness.figures_of(result_of([]), threat.victims, 5)["p50"])
    # One may belong to the next window.
    assert fairness.figures_of(result_of([(2, 99)]), threat.victims, 5)["p99"] == 2
    assert verdicts(fairness, result_of([])) == [("miss", 0)]


def test_percentiles_are_those_of_the_ranks(fairness):
    ranks = [[value, 1] for value in range(1, 101)]
    assert [fairness.percentile(ranks, percent) for percent in (1, 50, 95, 99, 100)] == [1, 50, 95, 99, 100]
    assert fairness.percentile([[7, 1]], 1) == 7
    assert math.isinf(fairness.percentile([], 50))


SLOW = """#!{python}
import sys
sys.path.insert(0, {here!r})
import time, faulty

def late(answer):
    time.sleep(0.3)  # more than any newcomer may have to wait
    return answer

host, _, port = sys.argv[sys.argv.index("--listen") + 1].partition(":")
with faulty.Faulty(lambda: faulty.intact, late, address=(host, int(port))):
    time.sleep(60)
"""


@needs_two_cores
def test_fairness_misses_a_slow_server(tmp_path):
    gateway = tmp_path / "slow"
    gateway.write_text(SLOW.format(python=sys.executable, here=os.path.dirname(__file__)), encoding="utf-8")
    gateway.chmod(0o755)
    said, measured = run_judged("fairness", "--gateway", gateway, "--rows", "new-silent", "--scale", 0.01,
                                "--rounds", 1, "--seconds", 1, "--warmup", 0.1, "--json", tmp_path / "json")
    [line] = measured["lines"]
    assert line["verdict"] == "miss" and line["cut"] == 0 and line["with"]["p50"] >= 300
    assert "missed: " in said


@needs_two_cores
def test_fairness_measures_beside_attackers(tmp_path):
    said, measured = run_judged("fairness", "--rows", "packets-64,new-silent", "--scale", 0.05, "--rounds", 1,
                                "--seconds", 1, "--warmup", 0.1, "--json", tmp_path / "json")
    readers, newcomers = measured["lines"]
    for line in readers, newcomers:
        assert line["without"]["p50"] > 0 and line["with"]["p50"] > 0
        assert line["low"] <= line["high"] and line["verdict"] in said
    [tally] = measured["rounds"]["packets-64"][0]["true"]["attackers"]
    assert tally["sent"] > 1_000_000 and tally["cpu_s"] > 0

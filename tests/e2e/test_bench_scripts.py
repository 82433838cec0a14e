"""The bench's scripts: results become a page, and a sweep says what this machine can tell."""

import json
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

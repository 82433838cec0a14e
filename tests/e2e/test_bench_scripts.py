"""The bench's scripts: where they find what they measure, what they print, and what they make of it."""

import argparse
import importlib.machinery
import importlib.util
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.request

import pytest

from gateway import BINARY, ROOT, free_port
from test_bench import BENCH, run_json
from waiting import TIMEOUT

BUILD = BINARY.parents[1]
SCRIPTS = ROOT / "bench"

pytestmark = [
    pytest.mark.release,
    pytest.mark.skipif(not BENCH.exists(), reason=f"{BENCH} is not built: is jansson there?"),
]


def run_script(name, *words, code=0, folder=ROOT):
    done = subprocess.run([sys.executable, SCRIPTS / name, *map(str, words)], capture_output=True, text=True,
                          timeout=TIMEOUT + 60, cwd=folder, check=False)
    assert done.returncode == code, f"exit code {done.returncode}, not {code}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def run_judged(name, *words):
    """A script whose verdict is the machine's, not this test's: what it printed, what it wrote. Under valgrind, and on
    a busy machine, that takes its time."""
    path = words[words.index("--json") + 1]
    done = subprocess.run([sys.executable, SCRIPTS / name, "--build", BINARY.parents[1], *map(str, words)],
                          capture_output=True, text=True, timeout=TIMEOUT + 250, check=False)
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


# --- what is measured -----------------------------------------------------------------------------

SCRIPTS_OF_BUILDS = ("cluster", "compare", "fairness", "handover", "idle", "instructions", "scrape", "tune")


@pytest.mark.parametrize("name", SCRIPTS_OF_BUILDS)
def test_what_is_not_built_is_named_with_what_builds_it(name, tmp_path):
    words = ["--force"] if name == "tune" else []
    said = run_script(name, "--build", tmp_path / "none", *words, code=1)
    assert said.splitlines()[-2:] == [
        f"{name}: {tmp_path}/none/server/tidegate is missing. To build it, type",
        f"    meson setup {tmp_path}/none -Dbuildtype=release -Db_lto=true && ninja -C {tmp_path}/none server/tidegate",
    ]
    words += ["--gateway", tmp_path / "other"]
    assert f"{tmp_path}/other is no program" in run_script(name, *words, code=1)


@pytest.mark.parametrize("name", SCRIPTS_OF_BUILDS)
def test_scripts_look_where_the_readme_builds(name):
    said = " ".join(run_script(name, "--help").split())
    assert f"(default: {ROOT}/build/release)" in said.replace("/ ", "/")
    for page in SCRIPTS.glob("*.md"):
        built = re.findall(r"meson setup (\S+) -Dbuildtype=release -Db_lto=true && ninja -C (\S+)",
                           page.read_text(encoding="utf-8"))
        assert built and set(built) == {("build/release", "build/release")}, page


def test_a_folder_that_is_set_up_needs_ninja_only(tmp_path):
    """And none of its options is lost; what it does not make is added."""
    programs = load_script("programs.py")
    folder = tmp_path / "set up"
    folder.mkdir()
    (folder / "build.ninja").write_text("rule cc\nbuild server/tidegate: link a.o\n", encoding="utf-8")
    assert programs.how_to_build(folder, "server/tidegate") == f"ninja -C '{folder}' server/tidegate"
    more = programs.how_to_build(folder, "bench/lws_peer")
    assert more.startswith("tools/setup --tests && meson setup --reconfigure -Dbench=enabled ")
    assert more.endswith(f"&& ninja -C '{folder}' bench/lws_peer")


def test_a_build_for_debugging_is_no_measure(tmp_path, capsys):
    programs = load_script("programs.py")
    (tmp_path / "meson-info").mkdir()
    for kind, sanitizers, complaint in (("release", "none", ""), ("release", [], ""), ("debug", "none", "type debug"),
                                        ("release", "address", "with sanitizers"), ("release", ["address"], "sanitizers")):
        options = [{"name": "buildtype", "value": kind}, {"name": "b_sanitize", "value": sanitizers}]
        (tmp_path / "meson-info/intro-buildoptions.json").write_text(json.dumps(options), encoding="utf-8")
        programs.warn_unless_release(tmp_path)
        said = capsys.readouterr().err
        assert complaint in said and bool(complaint) == bool(said)


@pytest.mark.parametrize("words", [(), ("--token",), ("--tls",)])
def test_idle_says_what_a_user_costs(words):
    said = run_script("idle", "--build", BUILD, "--connections", 1000, "--settle", 0, "--interval", 0.5, "--seconds", 0.5,
                      *words)
    memory = re.search(r"^memory  (\d+) bytes resident per connection \(([\d,]+) with 1,000, ([\d,]+) at the start\)$",
                       said, re.MULTILINE)
    each, now, start = (int(figure.replace(",", "")) for figure in memory.groups())
    assert each == round((now - start) / 1000) and each > 100
    [(answered, sent)] = re.findall(r"^cpu     [\d.]+ % of one core for 1,000 connections that heartbeat every 0.5 s "
                                    r"\(([\d,]+) of ([\d,]+) answered\)$", said, re.MULTILINE)
    assert answered == sent != "0"


def test_idle_refuses_what_would_tell_nothing():
    assert "--connections is at least 1,000" in run_script("idle", "--connections", 999, code=2)


@needs_two_cores
@pytest.mark.slow
def test_compare_measures_memory_as_idle_does(tmp_path):
    """Both begin with a gateway that nobody has called: what it touches for the first one is in the figure."""
    _, measured = run_judged("compare", "--rows", "memory", "--rounds", 1, "--settle", 0, "--json", tmp_path / "json")
    [line] = measured["lines"]
    assert line["figure"] == "rss" and 150 < line["gateway"] < 400


@needs_two_cores
def test_a_room_is_measured_by_direct_messages(tmp_path):
    """The same gateway under another load, in place of a peer."""
    compare, loads = load_script("compare"), load_script("loads.py")
    row = loads.Row("rooms-4", "a room of 4 among 100", loads.rooms_words(100, 1, 4, 1, 1), {"cost": (1.1, False)},
                    beside={"direct": loads.direct_words(100, 3, 1)})
    assert compare.others_of(row, ["floor"]) == ["direct"] and compare.others_of(row, ["old"]) == ["old"]
    rounds = [{"gateway": {"cost": cost}, "direct": {"cost": 100}} for cost in (90, 100, 105)]
    [line] = compare.judge(row, "gateway", "direct", rounds)
    assert (line["low"], line["ratio"], line["high"], line["verdict"]) == (0.9, 1.0, 1.05, "pass")
    assert next(compare.judge(row, "gateway", "direct", [{"gateway": {"cost": 120}, "direct": {"cost": 100}}]))["verdict"] == "miss"
    said, measured = run_judged("compare", "--rows", "direct", "--rounds", 1, "--seconds", 0.3, "--warmup", 0.1,
                                "--json", tmp_path / "json")
    [line] = measured["lines"]
    assert line["peer"] == "floor" and line["gateway"] > 0 and line["other"] > 0, said


@needs_two_cores
@pytest.mark.slow
def test_two_workers_are_measured_by_one_and_the_floor_likewise(tmp_path):
    """What the bare floor loses on two threads is the machine's."""
    compare, loads = load_script("compare"), load_script("loads.py")
    by_name = {row.name: row for row in loads.ROWS}
    assert compare.pairs_of(by_name["workers-16"], ["floor"]) == [("gateway", "one"), ("floor-2", "floor-1")]
    assert compare.pairs_of(by_name["workers-8x8"], ["floor"]) == [("gateway", "one")]
    assert compare.pairs_of(by_name["workers-16"], ["old"]) == [("gateway", "old")]
    _, measured = run_judged("compare", "--rows", "workers-16", "--rounds", 1, "--seconds", 0.3, "--warmup", 0.1,
                             "--json", tmp_path / "json")
    lines = {(line["peer"], line["figure"]): line for line in measured["lines"]}
    assert set(lines) == {(peer, figure) for peer in ("one", "floor-1") for figure in ("per_cpu_s", "rate")}
    assert lines["floor-1", "rate"]["gateway"] > 0 and lines["floor-1", "rate"]["verdict"] == ""


def test_tokens_are_measured_by_open_logins():
    """The same gateway without them, in place of a peer; two builds both with them."""
    compare, loads, running = load_script("compare"), load_script("loads.py"), load_script("running.py")
    [row] = [row for row in loads.ROWS if row.name == "login-es256"]
    assert compare.others_of(row, ["floor"]) == ["open"] and compare.others_of(row, ["old"]) == ["old"]
    args = argparse.Namespace(build=BUILD, gateway=None, against=BUILD)
    servers = running.Servers(args)
    for name, asks in (("gateway", True), ("old", True), ("open", False)):
        assert ("--auth-keys" in servers.known[name](row, 1)) is asks, name
    [plain] = [row for row in loads.ROWS if row.name == "login"]
    assert "--auth-keys" not in servers.known["gateway"](plain, 1)


@needs_two_cores
@pytest.mark.slow
def test_compare_measures_tokens(tmp_path):
    said, measured = run_judged("compare", "--rows", "login-hs256", "--rounds", 1, "--json", tmp_path / "json")
    line = measured["lines"][0]
    assert line["peer"] == "open" and line["gateway"] > 0 and line["other"] > 0, said


def test_scale_runs_every_phase(tmp_path):
    """The gateway's code without sockets: a call on a connection that has no stand-in would reach the kernel."""
    path = tmp_path / "scale.json"
    done = subprocess.run([BUILD / "bench/scale/tidegate-scale", "--sessions", "5000", "--members", "7", "--json", path],
                          capture_output=True, text=True, timeout=TIMEOUT + 60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads(path.read_text(encoding="utf-8"))
    rows = {row["name"]: row["count"] for row in result["phases"]}
    assert {"herd of logins", "heartbeat, packet 100", "broadcast", "kick storm", "drain"} <= set(rows)
    assert (result["rooms"], result["members"]) == (5000 // 7, 7)
    assert rows["join"] == rows["leave"] == 5000 // 7 * 7 and rows["a text to each room"] == 5000 // 7 * 6
    assert result["bytes_per_room"] > 7 * 16, "what a session keeps of a room"


def test_scale_of_a_cluster_runs_every_phase():
    """Each phase ends with a look at all directories: whoever differs ends the run."""
    done = subprocess.run([BUILD / "bench/scale/tidegate-scale-cluster", "--nodes", "5", "--users", "3000"],
                          capture_output=True, text=True, timeout=TIMEOUT + 60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = [line.split(" ")[0] for line in done.stdout.splitlines()[2:] if not line.startswith(" ")]
    assert said == ["memory", "growth", "come", "look", "logins", "heartbeats", "loss", "join", "death", "come"]


# --- what is made of it ---------------------------------------------------------------------------

LONG = "a name that somebody gave to what came out, and that holds all there is to say about it, " * 2
OVER_THE_EDGE = """<script>
const edge = document.documentElement.clientWidth + 1
const over = [...document.querySelectorAll("body *")].filter((it) => it.getBoundingClientRect().right > edge)
document.title = "over the edge: " + over.map((it) => it.outerHTML.slice(0, 200)).join()
</script>"""


def over_the_edge(page, width):
    """What of a page lies beyond its right side, where nobody looks."""
    copy = page.with_name(f"at {width}.html")
    copy.write_text(page.read_text(encoding="utf-8").replace("</body>", OVER_THE_EDGE + "</body>"), encoding="utf-8")
    done = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={page.parent}/chromium",
         f"--window-size={width},900", "--dump-dom", copy.as_uri()],
        capture_output=True, text=True, timeout=TIMEOUT + 60, check=False)
    return re.search(r"<title>over the edge: (.*?)</title>", done.stdout, re.DOTALL)[1]


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

    # Whole, whatever the names and however narrow the screen.
    for path in results[:]:
        results.append(path.with_name(f"{LONG}{path.name}"))
        shutil.copy(path, results[-1])
    run_script("report", "-o", page, *results)
    assert LONG in page.read_text(encoding="utf-8")
    assert [over_the_edge(page, width) for width in (1280, 500)] == ["", ""]


def test_report_refuses_what_is_no_result(tmp_path):
    path = tmp_path / "other.json"
    path.write_text('{"some": "thing"}', encoding="utf-8")
    said = run_script("report", "-o", tmp_path / "report.html", path, code=1)
    assert "other.json" in said
    assert not (tmp_path / "report.html").exists()


def test_tune_s_lines_are_the_gateway_s(start, tmp_path):
    """What it prints for the config file is taken there, and the folder of the other line is the build's."""
    tune = load_script("tune")
    said = tune.advice({"workers": 3, "acceptors": 2}, BUILD)
    config = tmp_path / "tidegate.conf"
    config.write_text("\n".join(re.findall(r"^\w+ = .*$", said, re.MULTILINE)), encoding="utf-8")
    assert config.read_text(encoding="utf-8") == "workers = 3\nacceptors = 2"
    admin_port = free_port()
    gateway = start("--config", config, "--admin", f"127.0.0.1:{admin_port}")
    with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/metrics", timeout=TIMEOUT) as answer:
        assert "\ntidegate_workers 3\n" in answer.read().decode()
    assert gateway.is_running
    folder, options, again = re.search(r"^meson configure (\S+) (.*) && ninja -C (\S+)$", said, re.MULTILINE).groups()
    assert folder == again and pathlib.Path(folder).resolve() == BUILD
    assert options == "-Dworkers=3 -Dacceptors=2"
    known = (ROOT / "meson_options.txt").read_text(encoding="utf-8")
    assert "option('workers'" in known and "option('acceptors'" in known


def test_tune_says_when_there_are_too_few_cores():
    if len(os.sched_getaffinity(0)) > 2:
        pytest.skip("this machine has enough of them")
    said = run_script("tune", code=1)
    assert "too few" in said


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
    assert f"{tmp_path}/server/tidegate is missing" in said and "in a checkout of that commit" in said
    assert "meson setup" not in said, "which would build this commit there"
    (tmp_path / "build.ninja").write_text("rule cc\nbuild server/tidegate: link a.o\n", encoding="utf-8")
    said = run_script("compare", "--build", BUILD, "--against", tmp_path, code=1)
    assert f"ninja -C {tmp_path} server/tidegate" in said


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


def test_fairness_compares_storms(fairness):
    """Where it is their ratio that counts: what is ten times as late beside open logins may be so with tokens."""
    [storm] = [threat for threat in fairness.THREATS if "ratio" in threat.goals]

    def figures(ms, **faults):
        result = result_of([(1, 90), (ms, 10)], **faults)
        return fairness.figures_of({**result, "latency_ns": result["last_receiver_ns"]}, storm.victims)

    def verdict(*rounds):
        [line] = fairness.judge(storm, [{False: without, True: beside} for without, beside in rounds])
        return line["verdict"]

    assert verdict((figures(100), figures(140)), (figures(100), figures(150))) == "pass"
    assert verdict((figures(10), figures(16)), (figures(10), figures(20))) == "miss"
    assert verdict((figures(10), figures(12)), (figures(10), figures(20))) == "open"
    # Who never had his answer, or was cut off, is no pass, however late all were.
    assert verdict((figures(100), figures(100, lost=5))) == "miss"
    assert verdict((figures(100), figures(100, connections_cut=1))) == "miss"


@needs_two_cores
def test_fairness_measures_storms(tmp_path):
    said, measured = run_judged("fairness", "--rows", "logins-es256,logins-es256-2", "--scale", 0.02, "--rounds", 1,
                                "--seconds", 0.5, "--json", tmp_path / "json")
    for line in measured["lines"]:
        assert line["without"]["p50"] > 0 and line["with"]["p99"] > 0 and line["cut"] == 0, said
        assert line["verdict"] in said


# --- several nodes --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_cluster_s_checker_finds_no_fault(tmp_path):
    """A small one, through all its phases. Whether they know the same in time is the machine's."""
    path = tmp_path / "json"
    done = subprocess.run([sys.executable, SCRIPTS / "cluster", "--build", BUILD, "--rows", "checks", "--users", "540",
                           "--races", "400", "--talk", "40", "--json", path], capture_output=True, text=True, timeout=800,
                          check=False)  # fmt: skip
    assert path.exists(), done.stdout + done.stderr
    lines = json.loads(path.read_text(encoding="utf-8"))["lines"]
    assert len(lines) == 8
    for line in lines:
        assert not any(line.get(fault) for fault in ("lost", "wrong", "false", "doubles", "refused")), done.stdout
        assert line["deliveries"] > 0 and line["verdict"] in done.stdout
    assert lines[0]["logins"] == 540 and lines[1]["logins"] == 400


@needs_two_cores
def test_cluster_says_what_it_costs(tmp_path):
    path = tmp_path / "json"
    said, measured = run_judged("cluster", "--rows", "cost,stopped", "--pairs", 2, "--seconds", 0.5, "--stops", 1, "--stop", 4,
                                "--json", path)
    *costs, stopped = measured["lines"]
    assert len(costs) == 3
    for line in costs:
        assert 0 < line["low"] <= line["ratio"] <= line["high"] and line["verdict"] in said
    assert stopped["ratio"] > 0 and stopped["grown"] < 1 << 30


@needs_two_cores
def test_fairness_measures_across_nodes(tmp_path):
    said, measured = run_judged("fairness", "--rows", "cluster", "--scale", 0.2, "--rounds", 1, "--seconds", 1, "--warmup", 0.1,
                                "--json", tmp_path / "json")
    [line] = measured["lines"]
    assert line["without"]["p50"] > 0 and line["with"]["p50"] > 0 and line["verdict"] in said
    [tally] = measured["rounds"]["cluster"][0]["true"]["attackers"]
    assert tally["sent"] > 1000

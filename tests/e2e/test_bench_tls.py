"""The bench over TLS: it verifies, finds the same faults, and attacks no further than it is told."""

import argparse
import copy
import json
import os
import socket
import ssl
import subprocess
import sys

import pytest

import faulty
from gateway import ROOT, free_port
from test_bench import ATTACK, BENCH, ECHO, ECHO_CLOSED, FAULTS, FLOOR, NAMES, run, run_json
from test_bench_scripts import BUILD, load_script, needs_two_cores, run_judged
from tls import Pair
from waiting import FACTOR, TIMEOUT, wait_until

sys.path.insert(0, str(ROOT / "bench"))
import tls_pair  # noqa: E402
import loads  # noqa: E402

pytestmark = pytest.mark.skipif(not BENCH.exists(), reason=f"{BENCH} is not built: is jansson there?")


def trust():
    return ["--ca", tls_pair.make()[0]]


@pytest.fixture
def start_floor():
    """Starts floors that speak TLS; returns the URL and the process's id."""
    floors = []

    def start(*options):
        port = free_port()
        floors.append(subprocess.Popen([FLOOR, "--listen", f"127.0.0.1:{port}", *tls_pair.showing(), *map(str, options)]))
        url = f"wss://127.0.0.1:{port}/"
        wait_until(lambda: subprocess.run([BENCH, "login", "-c", "1", *trust(), url], capture_output=True, check=False).returncode == 0)
        return url, floors[-1].pid

    yield start
    for floor in floors:
        floor.kill()
        floor.wait()


def server_context(certificate=None, key=None, version=ssl.TLSVersion.TLSv1_3):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*((certificate, key) if certificate else tls_pair.make()))
    context.maximum_version = version
    return context


# --- servers that are right -----------------------------------------------------------------------


@pytest.mark.parametrize("scenario", [
    "echo --packet -c 20 -r 500 -t 1 --warmup 0.2",
    "echo --packet --closed -c 7 -d 9 -p 31 --count 5001 --threads 2",
    "heartbeat -c 50 --every 0.2 -t 1 --warmup 0.2",
    "fanout --closed -c 20 --senders 3 -d 4 --count 500 --threads 2",
    "chat -c 30 -r 50 --churn 20 --every 0.5 -t 1 --warmup 0.2 --threads 2",
    "rooms -c 60 -r 300 -t 1 --warmup 0.2 --threads 2",
    "direct --closed -c 40 --senders 40 -d 4 --count 1000 --threads 2",
    "churn -r 100 -t 1 --warmup 0.2",
    "churn --closed --count 200 --openings 10",
    f"login -c {300 // FACTOR}",
    f"login -c {100 // FACTOR} --ramp {200 // FACTOR} --threads 3",
])
def test_gateway_passes(start, scenario):
    port = free_port()
    start(*tls_pair.showing(), listen=[f"wss://127.0.0.1:{port}"])
    name, *options = scenario.split()
    assert run(name, *options, *trust(), f"wss://localhost:{port}/").endswith("passed\n")


@pytest.mark.parametrize("payload", [6, 125, 126, 16384, 65535, 65536])
def test_gateway_echoes_any_size(start, payload):
    port = free_port()
    start("--echo", *tls_pair.showing(), listen=[f"wss://127.0.0.1:{port}"])
    run("echo", "--closed", "-c", 5, "-d", 3, "-p", payload, "--count", 100, *trust(), f"wss://127.0.0.1:{port}/")


@pytest.mark.parametrize("payload", [6, 1024, 16384, 65536])
@pytest.mark.parametrize("words", ["", "--no-gather"])
def test_floor_is_blind_ground(tmp_path, start_floor, payload, words):
    [row] = [row for row in loads.ROWS if row.name == "tls-echo-6"]
    assert row.floor == ["--request-bytes", "12", "--answer-bytes", "8"]
    url, pid = start_floor("--request-bytes", loads.frame_len(payload, True), "--answer-bytes", loads.frame_len(payload), *words.split())
    result = run_json(tmp_path / "result", "echo", "--blind", "--closed", "-c", 10, "-d", 16, "-p", payload, "--count", 3000,
                      "--threads", 2, "--server-pid", pid, *trust(), url)
    assert result["count"] == 3000 and result["suite"].startswith("TLS_")
    assert result["server"]["per_cpu_s"] > 0 and result["generator"]["ns_per_answer"] > 0


def test_floor_takes_logins_of_many(tmp_path, start_floor):
    url, pid = start_floor("--mode", "login")
    result = run_json(tmp_path / "result", "login", "-c", 1000, "--threads", 2, "--server-pid", pid, *trust(), url)
    assert result["count"] == 1000 and result["server"]["rss_per_connection"] > 5000, "an SSL of OpenSSL's each"


def test_floor_fans_out(tmp_path, start_floor):
    url, _ = start_floor("--mode", "fanout", "--request-bytes", loads.frame_len(32, True), "--answer-bytes",
                         loads.frame_len(32 + loads.SUFFIX))
    result = run_json(tmp_path / "result", "fanout", "--blind", "--closed", "-c", 50, "--count", 100, *trust(), url)
    assert result["count"] == 50 * 100


@pytest.mark.parametrize("suite", [loads.AES_128, loads.AES_256, "TLS_CHACHA20_POLY1305_SHA256"])
def test_the_suite_is_the_one_that_is_offered(tmp_path, start_floor, suite):
    url, _ = start_floor("--mode", "login")
    path = tmp_path / "result"
    said = run("login", "-c", 3, "--suite", suite, "--json", path, *trust(), url)
    assert json.loads(path.read_text(encoding="utf-8"))["suite"] == suite and f", {suite}, to {url}\n" in said


def test_several_processes_are_one_server(tmp_path, start_floor):
    """As a proxy and what is behind it."""
    url, pid = start_floor("--mode", "login")
    _, other = start_floor("--mode", "login")
    alone, both = (run_json(tmp_path / "result", "login", "-c", 3, "--server-pid", pids, *trust(), url)["server"]["rss_after"]
                   for pids in (pid, f"{pid},{other}"))
    assert both > 1.5 * alone


def test_names_of_any_length(start):
    gateway = start()
    run("login", "-c", 3, "--name-bytes", 16, "--first-user", 999990, f"ws://127.0.0.1:{gateway.port}/")
    gateway.wait_for_line("user u000000000999992 in")


# --- servers that are wrong -----------------------------------------------------------------------


@pytest.mark.parametrize("load", [ECHO, ECHO_CLOSED], ids=["echo", "echo-closed"])
@pytest.mark.parametrize("make_fault, counted", FAULTS, ids=NAMES)
def test_fault_fails_the_run(tmp_path, load, make_fault, counted):
    with faulty.Faulty(make_fault, tls=server_context()) as server:
        result = run_json(tmp_path / "result", *load, *trust(), server.url, code=1)
    assert result["passed"] is False and result["faults"][counted] > 0 and result["tls_fault"] is None


@pytest.mark.parametrize("load", [ECHO, ECHO_CLOSED, [*ECHO, "-p", "40000"]], ids=["echo", "echo-closed", "long"])
def test_the_same_server_without_a_fault_passes(load):
    with faulty.Faulty(lambda: faulty.intact, tls=server_context()) as server:
        run(*load, *trust(), server.url)


def chop(number, answer):
    """No fault: a record for each byte."""
    return [answer[at:at + 1] for at in range(len(answer))]


def test_records_are_no_frames():
    with faulty.Faulty(lambda: chop, tls=server_context()) as server:
        run(*ECHO_CLOSED, *trust(), server.url)


def test_an_end_without_a_close_is_a_cut(tmp_path):
    class Truncating(faulty.Faulty):
        """Ends with the end of file, and no word of TLS before it."""

        def _on_frame(self, sock, say, user, opcode, payload):
            sock.shutdown(socket.SHUT_RDWR)

    with Truncating(lambda: faulty.intact, tls=server_context()) as server:
        result = run_json(tmp_path / "result", *ECHO, *trust(), server.url, code=1)
    assert result["faults"]["connections_cut"] > 0 and result["close_code"] == 0


def test_nobody_else_is_believed(tmp_path):
    """Whom neither the system knows nor --ca names; and there is no way around it."""
    stranger = Pair(tmp_path, "localhost", "127.0.0.1")
    with faulty.Faulty(lambda: faulty.intact, tls=server_context(stranger.cert, stranger.key)) as server:
        for words in ([], trust()):
            assert "TLS ended a connection: self-signed certificate" in run("login", "-c", 3, *words, server.url, code=1)


def test_the_name_counts(tmp_path):
    with faulty.Faulty(lambda: faulty.intact, address=("127.0.0.2", 0), tls=server_context()) as server:
        url = server.url.replace("127.0.0.1", "127.0.0.2")
        assert "TLS ended a connection: IP address mismatch" in run("login", "-c", 3, *trust(), url, code=1)


def test_a_server_without_tls_13():
    with faulty.Faulty(lambda: faulty.intact, tls=server_context(version=ssl.TLSVersion.TLSv1_2)) as server:
        assert "TLS ended a connection: tlsv1 alert protocol version" in run("login", "-c", 3, *trust(), server.url, code=1)


def test_a_server_without_tls(gateway):
    said = run("login", "-c", 3, *trust(), f"wss://127.0.0.1:{gateway.port}/", code=1)
    assert "TLS ended a connection: wrong version number" in said


def test_a_server_that_says_nothing():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        run("login", "-c", 3, "--timeout", 0.5, *trust(), f"wss://127.0.0.1:{listener.getsockname()[1]}/", code=1)


def test_nobody_listens():
    assert "Connection refused" in run("login", "-c", 3, *trust(), f"wss://127.0.0.1:{free_port()}/", code=1)


@pytest.mark.parametrize("words, said", [
    ("login --ca /dev/null ws://127.0.0.1:1/", "are for wss://"),
    ("login --suite TLS_AES_128_GCM_SHA256 ws://127.0.0.1:1/", "are for wss://"),
    ("login --ca /none wss://127.0.0.1:1/", "certificates to trust /none"),
    ("login --suite NONE wss://127.0.0.1:1/", "suite NONE"),
    ("login --server-pid 1,x ws://127.0.0.1:1/", "--server-pid takes"),
    ("login --server-pid 1,2,3,4,5 ws://127.0.0.1:1/", "up to 4 processes"),
    ("login --name-bytes 65 ws://127.0.0.1:1/", "--name-bytes takes"),
    ("fanout --name-bytes 16 ws://127.0.0.1:1/", "have 7 bytes"),
    ("rooms --name-bytes 16 ws://127.0.0.1:1/", "have 7 bytes"),
])
def test_usage(words, said):
    assert said in run(*words.split(), code=2)


@pytest.mark.parametrize("words, code, said", [
    (["--tls-cert", "/none"], 2, "go together"),
    (["--tls-cert", "/none", "--tls-key", "/none"], 1, "certificate /none"),
])
def test_floor_s_usage(words, code, said):
    done = subprocess.run([FLOOR, *words], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == code and said in done.stderr


# --- the attackers --------------------------------------------------------------------------------


def attack(kind, url, *words, code=0):
    done = subprocess.run([ATTACK, kind, *map(str, words), url], capture_output=True, text=True, timeout=TIMEOUT + 30, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    if code:
        return done.stderr
    begun, tally = done.stdout.splitlines()
    assert begun == "in place"
    return json.loads(tally)


def test_hellos_are_answered_and_said_again(start_floor):
    tally = attack("tls-hellos", start_floor("--mode", "login")[0], "-c", 20, "-t", 1)
    assert tally["dials"] > 20 and tally["refused"] == 0  # somebody came back
    assert tally["received"] > 500 * (tally["dials"] - 20), "each had a flight with a certificate"


def test_hellos_of_each_group(start_floor):
    """All but two are refused, with an alert of seven bytes."""
    groups = 10  # of OpenSSL 3.0; a later one knows more
    tally = attack("tls-groups", start_floor("--mode", "login")[0], "-c", 32, "-t", 1)
    assert tally["dials"] > 32 and tally["refused"] == 0
    assert 7 < tally["received"] / tally["dials"] < 1.5 * 2000 * 2 / groups


def test_half_handshakes_stay(start_floor):
    url, pid = start_floor("--mode", "login")
    before = len(os.listdir(f"/proc/{pid}/fd"))
    with subprocess.Popen([ATTACK, "tls-half", "-c", "30", "-t", "60", url], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "in place\n"
            wait_until(lambda: len(os.listdir(f"/proc/{pid}/fd")) == before + 30)
            run("login", "-c", 10, *trust(), url)
            process.terminate()
            tally = json.loads(process.communicate(timeout=TIMEOUT)[0])
        finally:
            process.kill()
    assert tally["dials"] == 30 and tally["cuts"] == 0
    assert tally["sent"] > 30 * 200 and tally["received"] > 30 * 500


@pytest.mark.parametrize("kind, url, said", [
    ("tls-hellos", "ws://127.0.0.1:1/", "attacks wss://"),
    ("tls-half", "ws://127.0.0.1:1/", "attacks wss://"),
    ("texts", "wss://127.0.0.1:1/", "attacks ws://"),
    ("heads", "wss://127.0.0.1:1/", "attacks ws://"),
    ("tls-hellos", "wss://192.0.2.1/", "another machine"),
])
def test_attackers_are_told_where_they_are_wrong(kind, url, said):
    assert said in attack(kind, url, code=2)


@pytest.mark.parametrize("kind", ["dials", "silent"])
def test_who_says_nothing_attacks_tls_too(start_floor, kind):
    assert attack(kind, start_floor("--mode", "login")[0], "-c", 3, "-t", 0.5)["sent"] == 0


# --- the scripts ----------------------------------------------------------------------------------


def rows():
    return {row.name: row for row in loads.ROWS}


def test_who_is_measured_in_rows_of_tls():
    compare = load_script("compare")
    everybody = ["floor", "lws", "ws", "nginx"]
    assert compare.others_of(rows()["tls-echo-6"], everybody) == ["floor", "ws", "nginx"]
    assert compare.others_of(rows()["echo-1000"], everybody) == ["floor", "lws", "ws"]
    assert compare.others_of(rows()["tls-fanout-1000"], everybody) == ["plain"]


def test_all_of_a_row_speak_tls_but_those_who_are_plain():
    running = load_script("running.py")
    servers = running.Servers(argparse.Namespace(build=BUILD, gateway=None, against=BUILD))
    for name in ("gateway", "old", "floor", "ws"):
        for row in ("tls-echo-6", "echo-1000"):
            words = [str(word) for word in servers.known[name](rows()[row], 1)]
            assert (str(tls_pair.make()[0]) in words) is row.startswith("tls-"), (name, row)
    assert "wss://" not in " ".join(map(str, servers.known["plain"](rows()["tls-fanout-1000"], 1)))
    told = running.trusting(rows()["tls-idle-256"], "wss://127.0.0.1:1/", ["login"])
    assert told[-4:] == ["--suite", loads.AES_256, "--openings", "64"]
    told = running.trusting(rows()["tls-idle-256"], "wss://127.0.0.1:1/", ["login", "--openings", "16"])
    assert told[-2:] == ["--suite", loads.AES_256]
    assert running.trusting(rows()["tls-fanout-1000"], "ws://127.0.0.1:1/", ["fanout"]) == []


@needs_two_cores
@pytest.mark.release
def test_compare_measures_tls(tmp_path):
    said, measured = run_judged("compare", "--rows", "tls-echo-6", "--peers", "floor,nginx", "--rounds", 1, "--seconds", 0.5,
                                "--warmup", 0.1, "--json", tmp_path / "json")
    lines = {line["peer"]: line for line in measured["lines"]}
    assert set(lines) == {"floor", "nginx"} and all(line["other"] > 0 for line in lines.values()), said
    assert all(0 < line["generator_cpu"] <= 1.1 for line in lines.values())
    assert lines["nginx"]["other"] < lines["floor"]["other"], "two processes for the work of one"


@needs_two_cores
@pytest.mark.release
def test_compare_measures_tls_by_the_same_without(tmp_path):
    said, measured = run_judged("compare", "--rows", "tls-fanout-1000", "--rounds", 1, "--seconds", 0.5, "--warmup", 0.1,
                                "--json", tmp_path / "json")
    [line] = measured["lines"]
    assert line["peer"] == "plain" and line["gateway"] > 0 and line["other"] > 0, said


@needs_two_cores
@pytest.mark.slow
@pytest.mark.release
def test_what_a_line_of_tls_keeps_is_measured():
    """As the rows do, with a thousand users; what all share is much of that."""
    running = load_script("running.py")
    args = argparse.Namespace(build=BUILD, gateway=None, server_cpu=0, bench_cpu=1, settle=6)
    bench, servers = running.Bench(args), running.Servers(args)
    row = copy.copy(rows()["tls-idle"])
    row.bench = ["login", "-c", "1000", "--name-bytes", "16", "--openings", "16"]
    assert 300 < bench.measure(row, "gateway", servers)["rss"] < 3000
    assert bench.measure(row, "floor", servers)["rss"] > 10_000, "an SSL of OpenSSL's each"


@needs_two_cores
@pytest.mark.release
def test_fairness_measures_over_tls(tmp_path):
    said, measured = run_judged("fairness", "--rows", "tls-hellos,tls-groups,tls-half,new-tls-half", "--scale", 0.02, "--rounds", 1,
                                "--seconds", 1, "--warmup", 0.1, "--json", tmp_path / "json")
    assert len(measured["lines"]) == 4
    for line in measured["lines"]:
        assert line["without"]["p50"] > 0 and line["with"]["p50"] > 0 and line["verdict"] in said
    for row in measured["rounds"].values():
        [tally] = row[0]["true"]["attackers"]
        assert tally["sent"] > 0 and tally["received"] > 0

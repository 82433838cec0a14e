"""The load generator: it passes a gateway that is right, and no server that is wrong."""

import json
import signal
import subprocess
import sys

import pytest

import faulty
import raw
from gateway import BINARY, ROOT, free_port
from raw import PACKET_PING, PACKET_TEXT, TEXT, frame, packet
from waiting import TIMEOUT, wait_until

sys.path.insert(0, str(ROOT / "bench"))
import loads  # noqa: E402

BENCH = BINARY.parents[1] / "bench/tidegate-bench"
ATTACK = BINARY.parents[1] / "bench/tidegate-attack"
FLOOR = BINARY.parents[1] / "bench/tidegate-floor"

pytestmark = pytest.mark.skipif(not BENCH.exists(), reason=f"{BENCH} is not built: is jansson there?")


def run(*words, code=0):
    """Runs the generator; returns what it printed."""
    done = subprocess.run([BENCH, *map(str, words)], capture_output=True, text=True, timeout=TIMEOUT + 30)
    assert done.returncode == code, f"exit code {done.returncode}, not {code}:\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def run_json(path, *words, code=0):
    run("--json", path, *words, code=code)
    return json.loads(path.read_text(encoding="utf-8"))


# --- servers that are right -----------------------------------------------------------------------


@pytest.mark.parametrize("scenario", [
    "echo --packet -c 20 -r 500 -t 1 --warmup 0.2",
    "echo --ping -c 20 -r 500 -t 1 --warmup 0.2 -p 125",
    "echo --packet --closed -c 7 -d 9 --count 5000",
    "echo --packet --closed -c 7 -d 9 -p 31 --count 5001 --threads 2",
    "heartbeat -c 50 --every 0.2 -t 1 --warmup 0.2",
    "fanout -c 20 -r 50 -t 1 --warmup 0.2",
    "fanout --closed -c 20 --senders 3 -d 4 --count 500 -p 300",
    "fanout --closed -c 20 --senders 3 -d 4 --count 500 --threads 2",
    "chat -c 30 -r 50 --churn 20 --every 0.5 -t 1 --warmup 0.2 --threads 2",
    "rooms -c 60 -r 300 -t 1 --warmup 0.2 --threads 2",
    "rooms --closed -c 60 --rooms 8 --members 7 --senders 20 -d 4 --count 1000 -p 300",
    "rooms --closed --rooms 1 --members 4 --senders 1 --count 500",
    "direct -c 40 -r 300 -t 1 --warmup 0.2",
    "direct --closed -c 40 --senders 40 -d 4 --count 1000 --threads 2",
    "churn -r 100 -t 1 --warmup 0.2",
    "churn --closed --count 200 --openings 10",
    "login -c 300",
    "login -c 100 --ramp 200 --threads 3",
])
def test_gateway_passes(gateway, scenario):
    name, *options = scenario.split()
    assert run(name, *options, gateway.url("").partition("?")[0]).endswith("passed\n")


def new_key(tmp_path, kind):
    """(the key's file, what a gateway verifies with)"""
    path = tmp_path / f"{kind}.jwk"
    subprocess.run([BINARY, "token", f"--new={kind}", f"--key={path}"], check=True, capture_output=True, timeout=TIMEOUT)
    public = path.with_name(path.name + ".pub")
    return path, public if public.exists() else path


@pytest.mark.parametrize(("kind", "algorithm"), [("hs256", "HS256"), ("es256", "ES256")])
@pytest.mark.parametrize("scenario", ["login -c 50 --threads 3", "heartbeat -c 20 --every 0.2 -t 1 --warmup 0.2",
                                      "direct -c 10 -r 50 -t 1 --warmup 0.2", "churn --closed --count 50 --openings 10"])
def test_tokens(start, tmp_path, kind, algorithm, scenario):
    """Signed by the bench's own code, verified by the gateway's."""
    key, public = new_key(tmp_path, kind)
    gateway = start("--auth", "token", "--auth-keys", public)
    name, *options = scenario.split()
    result = run_json(tmp_path / "result", name, *options, "--token-key", key, "--first-user", 7,
                      f"ws://127.0.0.1:{gateway.port}/")
    assert result["passed"] is True and result["options"]["tokens"] == algorithm


def test_tokens_of_another_key_fail_the_run(start, tmp_path):
    _, public = new_key(tmp_path, "es256")
    (other := tmp_path / "other").mkdir()
    key, _ = new_key(other, "es256")
    url = f"ws://127.0.0.1:{start('--auth', 'token', '--auth-keys', public).port}/"
    assert "code 3000" in run("login", "-c", 5, "-t", 1, "--token-key", key, url, code=1)
    assert "code 3000" in run("login", "-c", 5, "-t", 1, url, code=1)


@pytest.mark.parametrize("content", ["", "no key", "{}", '{"kty":"oct"}', '{"kty":"oct","k":"="}', '{"kty":"EC","crv":"P-256"}',
                                     '{"kty":"EC","crv":"P-384","x":"AA","y":"AA","d":"AA"}',
                                     '{"kty":"EC","crv":"P-256","x":"AA","y":"AA","d":"AA"}', '{"kty":"RSA"}'])
def test_keys_that_sign_nothing(tmp_path, content):
    path = tmp_path / "key"
    path.write_text(content, encoding="ascii")
    assert str(path) in run("login", "--token-key", path, "ws://127.0.0.1:1/", code=2)
    _, public = new_key(tmp_path, "es256")
    assert "private half" in run("login", "--token-key", public, "ws://127.0.0.1:1/", code=2)


def test_it_waits_to_be_told(gateway):
    with subprocess.Popen([BENCH, "login", "-c", "5", "--await", f"ws://127.0.0.1:{gateway.port}/"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        assert not gateway.matching("user u0")
        said, _ = process.communicate("\n", timeout=TIMEOUT)
        assert said.startswith("open\n") and said.endswith("passed\n") and process.returncode == 0
    gateway.wait_for_line("user u0", count=5)


@pytest.mark.parametrize("payload", [6, 125, 126, 1000, 65535, 65536])
def test_echo_of_any_size(start, payload):
    gateway = start("--echo")
    run("echo", "--closed", "-c", 5, "-d", 3, "-p", payload, "--count", 100, f"ws://127.0.0.1:{gateway.port}/")


def test_unix_socket(start, tmp_path):
    start(listen=[f"unix:{tmp_path}/socket"])
    run("echo", "--packet", "--closed", "-c", 20, "--count", 500, f"unix:{tmp_path}/socket")


def test_count_is_kept(gateway, tmp_path):
    result = run_json(tmp_path / "result", "echo", "--packet", "--closed", "-c", 7, "-d", 3, "--count", 1001,
                      f"ws://127.0.0.1:{gateway.port}/")
    assert result["count"] == 1001
    assert result["latency_ns"]["count"] == 1001


def test_amounts_take_their_units(start, tmp_path):
    gateway = start("--echo")
    options = run_json(tmp_path / "result", *"echo -c 2 -r 50 -p 1K -t 300ms --warmup 100ms".split(),
                       *"--every 1m --timeout 2m30s --ramp 1s".split(), f"ws://127.0.0.1:{gateway.port}/")["options"]
    assert (options["payload_bytes"], options["duration_s"], options["warmup_s"]) == (1024, 0.3, 0.1)
    assert (options["every_s"], options["ramp_ms"]) == (60, 1000)
    for wrong in ("-p 1q", "-t 1K", "-t 1000000s1ms", "--ramp 0.5", "--count 1K"):
        assert "takes" in run("echo", *wrong.split(), f"ws://127.0.0.1:{gateway.port}/", code=2)


def test_result_as_json(gateway, tmp_path):
    result = run_json(tmp_path / "result", "fanout", "-c", 9, "-r", 100, "-t", 1, "--warmup", 0.1,
                      "--server-pid", gateway.pid, f"ws://127.0.0.1:{gateway.port}/")
    assert result["passed"] is True
    assert 80 * 9 <= result["count"] <= 120 * 9
    latency = result["latency_ns"]
    assert 0 < latency["p50"] <= latency["p99"] <= latency["p99.99"] <= latency["max"]
    assert sum(count for _, count in latency["buckets"]) == latency["count"]
    assert result["server"]["per_cpu_s"] > 0
    assert result["server"]["rss_after"] > 1 << 20
    assert result["server"]["rss_per_connection"] is None, "too few to share what the first one costs"
    assert len(result["series"]) >= 5
    assert not any(result["faults"].values())
    assert result["machine"]["kernel"] and "tidegate" in result["machine"]["server_command"]


def test_memory_is_shared_by_a_thousand(gateway, tmp_path):
    words = ["--server-pid", gateway.pid, f"ws://127.0.0.1:{gateway.port}/"]
    path = tmp_path / "result"
    said = run("login", "-c", 1000, "-t", 0, "--json", path, *words)
    server = json.loads(path.read_text(encoding="utf-8"))["server"]
    assert server["rss_per_connection"] == (server["rss_after"] - server["rss_before"]) / 1000 > 100
    assert " more per connection\n" in said
    assert " more per connection" not in run("login", "-c", 999, "-t", 0, *words)


def test_floor_on_threads_echoes_only():
    done = subprocess.run([FLOOR, "--threads", "2", "--mode", "fanout"], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 2 and "--threads needs --mode echo" in done.stderr


def test_floor_is_blind_ground(tmp_path):
    port = free_port()
    floor = subprocess.Popen([FLOOR, "--listen", f"127.0.0.1:{port}", "--request-bytes", "12", "--answer-bytes", "8"])
    try:
        url = f"ws://127.0.0.1:{port}/"
        wait_until(lambda: subprocess.run([BENCH, "login", "-c", "1", url], capture_output=True).returncode == 0)
        result = run_json(tmp_path / "result", "echo", "--packet", "--blind", "--closed", "-c", 10, "-d", 16,
                          "--count", 5000, url)
        assert result["count"] == 5000
    finally:
        floor.kill()
        floor.wait()


@pytest.mark.parametrize("load, rooms, members, deliveries", [
    ("rooms -c 60 --rooms 8 --members 7 --senders 20 -d 4", 8, 7, 1000 * 6),
    ("rooms -c 60 --rooms 8 --members 7 --senders 8 -d 4", 8, 7, 1000 * 6),
    ("direct -c 40 --senders 20", 20, 2, 1000),
])
def test_floor_has_rooms(tmp_path, load, rooms, members, deliveries):
    port = free_port()
    floor = subprocess.Popen([FLOOR, "--listen", f"127.0.0.1:{port}", "--mode", "fanout", "--collect",
                              "--rooms", str(rooms), "--members", str(members), *loads.talk_sizes(32)])
    try:
        url = f"ws://127.0.0.1:{port}/"
        wait_until(lambda: subprocess.run([BENCH, "login", "-c", "1", "--first-user", "900000", url],
                                          capture_output=True).returncode == 0)
        result = run_json(tmp_path / "result", *load.split(), "--blind", "--closed", "--count", 1000, url)
        assert result["count"] == deliveries
    finally:
        floor.kill()
        floor.wait()


def test_rooms_are_told_apart(gateway, tmp_path):
    """Each text reaches its room and nobody else, and each in it."""
    result = run_json(tmp_path / "result", "rooms", "-c", 30, "--rooms", 4, "--members", 6, "--senders", 8, "--closed",
                      "--count", 400, f"ws://127.0.0.1:{gateway.port}/")
    assert result["count"] == 400 * 5 and result["last_receiver_ns"]["count"] == 400
    assert (result["options"]["rooms"], result["options"]["members"], result["options"]["senders"]) == (4, 6, 8)
    assert result["faults"] == dict.fromkeys(result["faults"], 0) and "misdelivered" in result["faults"]


def test_interrupted_run_shows_its_result(gateway):
    bench = subprocess.Popen([BENCH, "echo", "--packet", "-c", "5", "-r", "100", "-t", "600",
                              f"ws://127.0.0.1:{gateway.port}/"], stdout=subprocess.PIPE, text=True)
    gateway.wait_for_line(r"user u\d+ in", count=5)
    bench.send_signal(signal.SIGINT)
    out, _ = bench.communicate(timeout=TIMEOUT)
    assert bench.returncode == 0
    assert "interrupted" in out and out.endswith("passed\n")


# --- among others ---------------------------------------------------------------------------------


def test_others_may_speak_too(gateway, tmp_path):
    path = tmp_path / "result"
    bench = subprocess.Popen([BENCH, "fanout", "-c", "5", "-r", "100", "-t", "600", "--warmup", "0", "--among-others",
                              "--json", path, f"ws://127.0.0.1:{gateway.port}/"], stdout=subprocess.PIPE, text=True)
    gateway.wait_for_line(r"user u\d+ in", count=6)
    with gateway.login("mallory") as mallory:
        mallory.send(b"".join([frame(TEXT, b"a text"), frame(raw.BINARY, packet(PACKET_TEXT, b"a packet")),
                               frame(raw.BINARY, packet(PACKET_PING))]))
        while mallory.frame().opcode != raw.BINARY:
            pass
        mallory.frame()  # said after hers, which have come wherever this one will
    bench.send_signal(signal.SIGINT)
    assert bench.communicate(timeout=TIMEOUT)[0].endswith("passed\n")
    result = json.loads(path.read_text(encoding="utf-8"))
    assert result["of_others"] >= 2 * 5
    assert result["last_receiver_ns"]["count"] * 5 == result["latency_ns"]["count"]


def test_one_that_is_cut_ends_no_run_among_others(tmp_path):
    words = ["fanout", "-c", 3, "-r", 100, "-t", 1, "--warmup", 0, "--timeout", 1, "--among-others"]
    faults = iter([faulty.intact, faulty.close_early, faulty.intact, faulty.intact])
    with faulty.Faulty(lambda: next(faults)) as server:
        result = run_json(tmp_path / "result", *words, server.url, code=1)
    assert result["faults"]["connections_cut"] == 1 and result["close_code"] == 1013
    assert result["latency_ns"]["count"] > 2 * 90, "the others have got all"
    assert 90 - faulty.FAULTY < result["last_receiver_ns"]["count"] <= 101, "one may belong to the next window"


def test_newcomer_that_is_refused_ends_no_run_among_others(tmp_path):
    answers = iter([b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"])
    with faulty.Faulty(lambda: faulty.intact, lambda answer: next(answers, answer)) as server:
        result = run_json(tmp_path / "result", "churn", "-c", 100, "-r", 100, "--count", 100, "--among-others",
                          server.url, code=1)
    assert result["faults"]["connections_failed"] == 1
    assert result["count"] == 100 - 1, "the others have come in"


# --- the attackers --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind, said", [("texts", True), ("texts-pings", True), ("packets", True), ("heads", True),
                                        ("messages", True), ("deaf", True), ("dials", False), ("silent", False)])
def test_attackers_do_what_they_are_called_for(gateway, kind, said):
    done = subprocess.run([ATTACK, kind, "-c", "3", "-t", "0.5", gateway.url("").partition("?")[0]], check=True,
                          capture_output=True, text=True, timeout=TIMEOUT + 30)
    [begun, tally] = done.stdout.splitlines()
    assert begun == "in place"
    tally = json.loads(tally)
    assert tally["dials"] >= 3 and tally["refused"] == 0
    assert (tally["sent"] > 0) == said
    if kind == "dials":
        assert tally["dials"] > 100


def test_attackers_stay_on_this_machine():
    done = subprocess.run([ATTACK, "texts", "ws://192.0.2.1/"], capture_output=True, text=True, timeout=TIMEOUT,
                          check=False)
    assert done.returncode == 2 and "another machine" in done.stderr


# --- servers that are wrong -----------------------------------------------------------------------

ECHO = "echo -c 3 -r 300 -t 0.5 --warmup 0 --timeout 1".split()
ECHO_CLOSED = "echo --closed -c 3 -d 4 -t 0.5 --warmup 0 --timeout 1".split()
FANOUT = "fanout -c 3 -r 100 -t 0.5 --warmup 0 --timeout 1".split()

ROOMS = "rooms -c 6 --rooms 2 --senders 2 -p 40 -r 100 -t 2 --warmup 0 --timeout 1".split()
DIRECT = "direct -c 4 -p 40 -r 100 -t 2 --warmup 0 --timeout 1".split()

FAULTS = [
    (lambda: faulty.drop, "lost"),
    (lambda: faulty.duplicate, "duplicated"),
    (faulty.make_reorder, "reordered"),
    (lambda: faulty.corrupt_payload, "corrupt"),
    (lambda: faulty.corrupt_number, "corrupt"),
    (lambda: faulty.corrupt_header, "corrupt"),
    (lambda: faulty.fragment, "corrupt"),
    (lambda: faulty.close_early, "connections_cut"),
]
NAMES = ["drop", "duplicate", "reorder", "corrupt-payload", "corrupt-number", "corrupt-header", "fragment", "close"]


@pytest.mark.parametrize("load", [ECHO, ECHO_CLOSED, [*ECHO, "--ping"], FANOUT],
                         ids=["echo", "echo-closed", "ping", "fanout"])
@pytest.mark.parametrize("make_fault, counted", FAULTS, ids=NAMES)
def test_fault_fails_the_run(tmp_path, load, make_fault, counted):
    with faulty.Faulty(make_fault) as server:
        result = run_json(tmp_path / "result", *load, server.url, code=1)
    assert result["passed"] is False
    assert result["faults"][counted] > 0


@pytest.mark.parametrize("load", [ROOMS, DIRECT], ids=["rooms", "direct"])
@pytest.mark.parametrize("make_fault, counted",
                         [*(fault for fault in FAULTS if fault[0] is not FAULTS[4][0]), (lambda: faulty.other_sender, "corrupt")],
                         ids=[*(name for name in NAMES if name != "corrupt-number"), "other-sender"])
def test_fault_in_talk_fails_the_run(tmp_path, load, make_fault, counted):
    with faulty.FaultyTalk(make_fault) as server:
        result = run_json(tmp_path / "result", *load, server.url, code=1)
    assert result["passed"] is False
    assert result["faults"][counted] > 0


@pytest.mark.parametrize("load", [ROOMS, DIRECT], ids=["rooms", "direct"])
def test_a_text_for_somebody_else_fails_the_run(tmp_path, load):
    with faulty.FaultyTalk(leaks=True) as server:
        result = run_json(tmp_path / "result", *load, server.url, code=1)
    assert result["faults"]["misdelivered"] > 0 and result["faults"]["corrupt"] == 0


@pytest.mark.parametrize("results, said", [({"joined": 6}, "result 6: too many rooms"), ({"said": 3}, "result 3: busy")])
def test_refusal_ends_the_run(tmp_path, results, said):
    with faulty.FaultyTalk(**results) as server:
        assert said in run(*ROOMS, "-t", 600, server.url, code=1)


def test_talk_needs_a_server_that_speaks_it():
    with faulty.Faulty(lambda: faulty.intact) as server:
        assert "Protocol not supported" in run(*ROOMS, server.url, code=1)


@pytest.mark.parametrize("load", [ROOMS, DIRECT], ids=["rooms", "direct"])
@pytest.mark.parametrize("fault", [faulty.intact, faulty.ping_between], ids=["intact", "pings"])
def test_talk_without_a_fault_passes(load, fault):
    with faulty.FaultyTalk(lambda: fault) as server:
        run(*load, server.url)


@pytest.mark.parametrize("load", [ECHO, ECHO_CLOSED, FANOUT], ids=["echo", "echo-closed", "fanout"])
def test_the_same_server_without_a_fault_passes(load):
    with faulty.Faulty(lambda: faulty.intact) as server:
        run(*load, server.url)


@pytest.mark.parametrize("load", [ECHO, ECHO_CLOSED, FANOUT], ids=["echo", "echo-closed", "fanout"])
def test_pings_of_the_server_are_answered(load):
    with faulty.Faulty(lambda: faulty.ping_between) as server:
        run(*load, server.url)
        assert server.pongs > 0


def test_close_code_is_shown():
    with faulty.Faulty(lambda: faulty.close_early) as server:
        assert "closed a connection with code 1013" in run(*ECHO, server.url, code=1)


@pytest.mark.parametrize("opening, said", [
    (lambda answer: b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "HTTP status 503"),
    (lambda answer: answer.replace(b"Accept: ", b"Accept: x"), "Protocol error"),
])
def test_refused_opening_fails_the_run(opening, said):
    with faulty.Faulty(lambda: faulty.intact, opening) as server:
        assert said in run("login", "-c", 3, server.url, code=1)


def test_server_that_never_answers():
    with faulty.Faulty(lambda: faulty.intact, lambda answer: b"") as server:
        run("login", "-c", 3, "--timeout", 0.5, server.url, code=1)


def test_nobody_listens():
    assert "Connection refused" in run("login", "-c", 3, f"ws://127.0.0.1:{free_port()}/", code=1)


@pytest.mark.parametrize("words, said", [
    ("", "are needed"),
    ("echo", "are needed"),
    ("dance ws://127.0.0.1:1/", "no scenario"),
    ("echo http://127.0.0.1:1/", "neither ws://"),
    ("echo -c 0 ws://127.0.0.1:1/", "--connections takes"),
    ("echo -p 5 ws://127.0.0.1:1/", "at least 6 bytes"),
    ("echo --ping -p 126 ws://127.0.0.1:1/", "at most 125"),
    ("echo --packet -p 8 ws://127.0.0.1:1/", "12 and more"),
    ("fanout --closed --among-others ws://127.0.0.1:1/", "--rate"),
    ("fanout -p 31 ws://127.0.0.1:1/", "at least 32"),
    ("rooms -p 31 ws://127.0.0.1:1/", "at least 32"),
    ("rooms -c 10 --rooms 6 ws://127.0.0.1:1/", "two members"),
    ("rooms -c 10 --rooms 3 --members 4 ws://127.0.0.1:1/", "need -c 12"),
    ("rooms -c 10 --rooms 1 --members 4 --senders 5 ws://127.0.0.1:1/", "more speak than are in rooms"),
    ("rooms --among-others ws://127.0.0.1:1/", "for fanout and churn"),
    ("rooms --blind ws://127.0.0.1:1/", "--closed"),
    ("direct -c 5 ws://127.0.0.1:1/", "in pairs"),
    ("direct -c 6 --senders 7 ws://127.0.0.1:1/", "more speak"),
    ("direct --rooms 3 ws://127.0.0.1:1/", "for rooms"),
    ("chat --closed ws://127.0.0.1:1/", "open loop"),
    ("echo --source 127.0.0.300 ws://127.0.0.1:1/", "no list"),
    ("echo --nonsense ws://127.0.0.1:1/", "unrecognized"),
])
def test_usage(words, said):
    assert said in run(*words.split(), code=2)

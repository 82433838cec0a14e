"""The log: its forms and levels, what is told one by one and what summed up, and that none of it slows a worker."""

import collections
import json
import re
import shutil
import signal
import subprocess
import urllib.request

import pytest

import raw
from crowd import Crowd
from gateway import BINARY, ROOT, Process, free_port
from raw import CLOSE, PACKET_PING, TEXT, request
from waiting import TIMEOUT, wait_until


def local(client):
    return "%s:%d" % client.sock.getsockname()


# --- forms --------------------------------------------------------------------------------------

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
SUMMARY = r"(\d+) logins?, (\d+) ends?(?: \(([^)]*)\))?, (\d+) users?$"


def test_the_words_of_the_tutorial(start):
    gateway = start("--log-format", "tutorial", "--log-level", "debug", "--read-deadline", 1)
    started = gateway.wait_for_line(r"^INFO\[\d{4}\] started: .*").string
    assert f'listen="{gateway.listen[0]}"' in started
    assert "id=demo" in started and "module=Server" in started
    with gateway.login("ccc") as client:
        gateway.wait_for_line(
            rf"^INFO\[\d{{4}}\] user ccc in from {re.escape(local(client))}\b.* id=demo .*module=Server"
        )
        client.packet(PACKET_PING)
        gateway.wait_for_line(r"^DEBU\[\d{4}\] recv message \[0 100 0 0 0 0\] from ccc")
        gateway.wait_for_line(r"^DEBU\[\d{4}\] command: 100 payloadLen: 0")
        client.message()
        client.expect_close(3008)
        gateway.wait_for_line(r"^WARN\[\d{4}\] user ccc out: i/o timeout \(3008\) after [12]s")


def test_on_a_terminal_it_is_the_tutorial_s(start):
    """In colours, each session told; and not elsewhere."""
    gateway = start(is_terminal=True, log_sessions=None)
    with gateway.login("alice"):
        gateway.wait_for_line("^\x1b\\[36mINFO\x1b\\[0m\\[\\d{4}\\] user alice in from .* module=Server")
    gateway.wait_for_line(r"user alice out: EOF after \ds .* module=Server")
    gateway.stop()
    assert not gateway.matching("logins?, ")


def test_elsewhere_it_has_the_time(start):
    gateway = start("--log-level", "debug")
    with gateway.login("alice") as alice:
        alice.round_trip()
        gateway.wait_for_line(rf"^{TIME} INFO  user alice in from {re.escape(local(alice))} conn=\d+\.\d+\.1$")
        gateway.wait_for_line(rf"^{TIME} DEBUG recv message \[0 100 0 0 0 0\] from alice conn=\d+\.\d+\.1$")
    gateway.stop()
    assert all(re.match(TIME, line) for line in gateway.lines)
    assert not gateway.matching("module|listen=|\x1b")


def test_json(start):
    gateway = start("--log-format", "json", "--log-level", "debug", "--id", "node1")
    with gateway.login('quo"te\\%C3%A4') as client:
        client.round_trip()
        address = local(client)
        client.send_frame(CLOSE, b"\x03\xe8")
        client.expect_close(1000)
    gateway.stop()
    entries = [json.loads(line) for line in gateway.lines]
    for entry in entries:
        assert {"time", "level", "msg", "id", "listen", "module"} <= set(entry)
        assert entry["id"] == "node1" and entry["module"] == "Server"
        assert entry["level"] in ("debug", "info", "warn", "error")
        assert re.fullmatch(TIME, entry["time"])
    by_message = {entry["msg"]: entry for entry in entries}
    name = 'quo"te\\ä'
    shown = r'"quo\"te\\ä"'
    login = by_message[f"user {shown} in from {address}"]
    assert (login["user"], login["address"]) == (name, address)
    [end] = [entry for entry in entries if entry["msg"].startswith(f"user {shown} out: closed by the client (1000) ")]
    assert (end["user"], end["address"], end["conn"]) == (name, address, login["conn"])
    assert (end["reason"], end["code"]) == ("peer_close", 1000) and 0 <= end["age_ms"] < 1000 * TIMEOUT
    [stopped] = [entry for entry in entries if entry["msg"].startswith("stopped: ")]
    assert (stopped["connections"], stopped["reasons"]) == (1, {"peer_close": 1})


def to_journal(binary):
    """The command of a process whose standard error systemd has connected to its journal."""
    script = 'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$@"'
    return ["sh", "-c", script, "sh", binary]


def test_the_journal_is_told_priorities(start):
    gateway = start("--log-level", "debug", "--read-deadline", 5, command=to_journal(BINARY))
    with gateway.login("alice") as alice:
        alice.round_trip()
    gateway.stop()
    priorities = {"DEBUG": 7, "INFO": 6, "WARN": 4, "ERROR": 3}
    seen = set()
    for line in gateway.lines:
        priority, level = re.match(rf"<(\d)>{TIME} (\w+)", line).groups()
        assert int(priority) == priorities[level]
        seen.add(level)
    assert {"DEBUG", "INFO", "WARN"} <= seen


@pytest.mark.parametrize("wrong", [["--listen", "unix:/no/where"], ["--config", "/no/where"]], ids=["listen", "config"])
def test_the_journal_is_told_of_a_failure_to_start(wrong):
    process = Process(wrong, command=to_journal(BINARY))
    assert process.wait() == 1
    assert len(process.lines) == 1 and process.lines[0].startswith("<3>tidegate: ")


def test_the_journal_is_told_what_a_reload_looks_at(tmp_path):
    """The unit runs --test first, whose lines the journal has too."""
    config = tmp_path / "tidegate.conf"
    config.write_text("read_deadline = 30\nadmin_token = /no/where\nadmin = :0\n", encoding="ascii")
    process = Process(["--test", "--config", config, "--listen", "127.0.0.1:0"], command=to_journal(BINARY))
    assert process.wait() == 1
    assert [re.match(r"(<\d>)tidegate: (warning: )?", line).groups() for line in process.lines] == [
        ("<4>", "warning: "), ("<3>", None), ("<3>", None),
    ]  # fmt: skip


GUIDE = (ROOT / "server/config/LOGGING.md").read_text(encoding="utf-8")


def shape(line):
    """A line without what differs from run to run."""
    return re.sub(r"\d+", "0", re.sub(r"config \S+,", "config PATH,", line))


def test_the_examples_of_the_guide(start, tmp_path):
    """Each line of it is one that is logged; those of numbers are tried below, the admin port's in test_admin_audit."""
    blocks = re.findall(r"```log\n(.*?)```", GUIDE, re.DOTALL)
    examples = {line for block in blocks for line in block.splitlines()}
    examples = {shape(line) for line in examples if not re.search(SUMMARY + "|left out|audit: ", line)}
    logged = set()
    config = tmp_path / "tidegate.conf"
    config.write_text("", encoding="ascii")
    for form in ("tutorial", "text", "json"):
        gateway = start("--log-format", form, "--config", config, "--admin", ":0", "--workers", 2)
        with gateway.login("alice") as first, gateway.login("alice"):
            first.expect_close(4001)
        gateway.stop()
        logged |= {shape(line) for line in gateway.lines}
    assert len(examples) >= 5 and not examples - logged


# --- the start ----------------------------------------------------------------------------------


def test_the_start(start, tmp_path):
    """One line has what one needs to know of a process."""
    config = tmp_path / "tidegate.conf"
    config.write_text("workers = 3\n", encoding="ascii")
    gateway = start("--config", config, "--admin", "127.0.0.1:0")
    version = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    started = gateway.wait_for_line(
        rf" INFO  started: {version}, pid {gateway.pid}, 3 workers, config {re.escape(str(config))}, "
        rf"ws://{re.escape(gateway.listen[0])}/, console (http://127\.0\.0\.1:\d+/)$"
    )
    with urllib.request.urlopen(started[1], timeout=TIMEOUT) as answer:
        assert answer.status == 200


def test_the_start_in_json(start, tmp_path):
    port = free_port()
    listen = [f"0.0.0.0:{port}", f"unix:{tmp_path}/socket"]
    gateway = start("--log-format", "json", "--workers", 1, listen=listen)
    entry = json.loads(gateway.wait_for_line('"started: ').string)
    assert entry["msg"].endswith(f"ws://127.0.0.1:{port}/ (all IPv4 addresses), {listen[1]}")
    assert entry["urls"] == [f"ws://127.0.0.1:{port}/", listen[1]]
    assert (entry["pid"], entry["workers"]) == (gateway.pid, 1)
    assert re.fullmatch(r"\d+\.\d+\.\d+", entry["version"])
    assert not {"config", "console"} & set(entry)


# --- sessions -----------------------------------------------------------------------------------

def summed_up(gateway):
    """(logins, ends by reason, users at the last) as the lines so far tell them; none of them is empty."""
    logins, ends, users = 0, collections.Counter(), None
    for line in gateway.matching(SUMMARY):
        found = re.search(SUMMARY, line)
        reasons = {name: int(count) for count, name in re.findall(r"(\d+) (\w+)", found[3] or "")}
        assert sum(reasons.values()) == int(found[2]) and int(found[1]) + int(found[2]) > 0, line
        logins, users = logins + int(found[1]), int(found[4])
        ends.update(reasons)
    return logins, dict(ends), users


def test_sessions_are_summed_up(start):
    """A line for each second in which one began or ended, none for the others: the deadline is some of those."""
    gateway = start("--read-deadline", 2, log_sessions=None)
    with gateway.login("alice") as alice, gateway.login("bob") as bob, gateway.raw() as refused:
        refused.upgrade("/?user=")
        refused.expect_close(4000)
        bob.close_socket()
        alice.expect_close(3008)
        wait_until(
            lambda: summed_up(gateway) == (2, {"bad_login": 1, "peer_eof": 1, "read_timeout": 1}, 0), "all are told"
        )
    gateway.stop()
    assert not gateway.matching("alice|bob|out:")
    assert len(gateway.matching(SUMMARY)) <= 4


def test_a_sum_in_json(start):
    gateway = start("--log-format", "json", log_sessions="no")
    with gateway.login("alice") as alice:
        alice.send_frame(CLOSE, b"\x03\xe8")
        alice.expect_close(1000)
    gateway.stop()
    sums = [entry for entry in map(json.loads, gateway.lines) if "logins" in entry]
    assert sum(entry["logins"] for entry in sums) == 1
    assert sum(entry["ends"] for entry in sums) == 1
    assert sums[-1]["reasons"] == {"peer_close": 1} and sums[-1]["users"] == 0
    assert sums[-1]["msg"].endswith("1 end (1 peer_close), 0 users")


def test_a_sum_with_trouble_in_it_is_a_warning(start):
    """What the gateway ends although the client broke no rule."""
    gateway = start("--log-level", "warn", "--tx-queue-limit", 128 << 10, "--max-message", 65536, log_sessions="no")
    slow = gateway.login("slow", receive_buffer=4096)
    with gateway.login("talker") as talker, gateway.login("reader") as reader:

        def is_told():
            talker.text("x" * 60000)
            reader.message()
            return gateway.matching(r" WARN  .*\(1 slow_reader\), 2 users")

        wait_until(is_told, "it is told")
    slow.close_socket()


def test_a_crowd_costs_few_lines(start):
    gateway = start(log_sessions=None)
    before = len(gateway.lines)
    crowd = Crowd(gateway, 2000)
    wait_until(lambda: summed_up(gateway) == (2000, {}, 2000), "all are told")
    crowd.close()
    wait_until(lambda: summed_up(gateway) == (2000, {"peer_eof": 2000}, 0), "all ends are told")
    assert len(gateway.lines) - before < 2000 / 20


def test_a_reload_changes_what_is_told(start, tmp_path):
    config = tmp_path / "tidegate.conf"
    config.write_text("log_sessions = no\n", encoding="ascii")
    gateway = start("--config", config, log_sessions=None)
    with gateway.login("alice"):
        config.write_text("log_sessions = yes\n", encoding="ascii")
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line("reloaded: 1 option")
        with gateway.login("bob"):
            gateway.wait_for_line("user bob in")
        gateway.wait_for_line("user bob out")
        config.write_text("log_sessions = no\n", encoding="ascii")
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line("reloaded: 1 option", count=2)
    gateway.stop()
    # Each is told once, in one way or the other.
    assert not gateway.matching("user alice")
    assert summed_up(gateway) == (1, {"peer_eof": 1}, 0)


# --- levels and floods --------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["debug", "info", "warn", "error"])
def test_levels(start, level):
    gateway = start("--log-level", level, "--read-deadline", 5)  # a short deadline is warned of
    with gateway.login("alice") as client:
        client.round_trip()
    gateway.stop()
    seen = {line.split()[1] for line in gateway.lines}
    wanted = {"debug": {"DEBUG", "INFO", "WARN"}, "info": {"INFO", "WARN"}, "warn": {"WARN"}, "error": set()}
    assert seen == wanted[level]


def test_a_short_read_deadline_is_warned_of(start):
    assert start("--read-deadline", 30).wait_for_line(r" WARN .*read.deadline")
    gateway = start("--read-deadline", 120)
    gateway.stop()
    assert not gateway.matching(" WARN ")


def test_a_flood_of_lines_is_cut_and_counted(start):
    """Beyond 1,000 lines a second of one kind it says how many it left out."""
    gateway = start("--log-level", "debug")
    with gateway.login("alice") as alice:
        total = 0
        while not gateway.matching("(?i)left out|suppressed|omitted"):
            for _ in range(1000):
                alice.packet(PACKET_PING)
            for _ in range(1000):
                alice.message()
            total += 1000
            assert total < 200_000, "nothing is ever left out"
    gateway.stop()
    printed = len(gateway.matching(r"command: 100 payloadLen: 0\b"))
    assert printed < total
    assert any(
        int(number) > 0
        for line in gateway.matching("(?i)left out|suppressed|omitted")
        for number in re.findall(r"\d+", line)
    )


def test_a_thousand_timeouts_are_one_line_and_a_number(start):
    """Each is counted once: in a line of its own, or in the one a second that says how many more."""
    count = 1000
    gateway = start("--log-level", "warn", "--read-deadline", 2)
    # Left unread: the connection is reset behind its Close, which is of no interest here.
    clients = [gateway.login(f"user{number}") for number in range(count)]
    left_out = r'left out (\d+) lines like "i/o timeout"'

    def told():
        return sum(int(re.search(left_out, line)[1]) for line in gateway.matching(left_out))

    def lines():
        return gateway.matching(r" WARN  user user\d+ out: i/o timeout")

    wait_until(lambda: len(lines()) + told() >= count, "all are accounted for")
    assert len(lines()) + told() == count
    told_in = gateway.matching("i/o timeout")
    assert all(" WARN  " in line for line in told_in)
    # In the seconds that the logins took, and no more of them.
    assert len(told_in) < count / 20, told_in
    assert len(clients) == count


def test_a_reader_of_the_log_that_hangs_stops_nobody(start):
    """The pipe is full and stays full: clients are served all the same."""
    gateway = start("--log-level", "debug", pipe_bytes=4096)
    with gateway.login("alice") as alice, gateway.login("bob") as bob:
        gateway.hold_log()
        try:
            for number in range(3000):
                alice.text("x" * 400)
                bob.message()
            alice.round_trip()
        finally:
            gateway.release_log()
        bob.round_trip()


def test_every_reason_of_an_end_is_told(start):
    """Where a connection ends by the gateway's will the log says why."""
    gateway = start("--log-level", "debug", "--handshake-deadline", 1)
    reasons = {
        "protocol error": lambda client: client.send_frame(3),
        "invalid UTF-8": lambda client: client.send_frame(TEXT, b"\xff"),
        "message too big": lambda client: client.send_frame(raw.BINARY, b"", declared=1 << 20),
        "bad packet": lambda client: client.binary(b""),
    }
    for number, (reason, offend) in enumerate(reasons.items()):
        with gateway.login(f"offender{number}") as client:
            offend(client)
            client.frames_to_close()
            gateway.wait_for_line(rf"user offender{number} out: {reason} \(\d+\) after \ds ")


# --- refused openings ---------------------------------------------------------------------------

NO_UPGRADE = ("Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")

WRONG = {
    "TLS": (bytes.fromhex("16030100c8010000c40303") + bytes(64), 400, "TLS on a plain port: use ws://"),
    "PROXY": (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 400, "the proxy protocol is not spoken"),
    "PROXY, binary": (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", 400, "the proxy protocol is not spoken"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 405, "HTTP/2 is not spoken"),
    "a bare LF": (b"GET / HTTP/1.1\n", 400, "LF alone"),
    "a blank in the name": (request("/?user=a b"), 400, "its target holds a blank"),
    "no Host": (request(without=["Host"]), 400, "Host is missing"),
    "no key": (request(without=["Sec-WebSocket-Key"]), 400, "One valid Sec-WebSocket-Key"),
    "a page": (request(without=NO_UPGRADE), 426, "the request is no upgrade"),
    "a proxy's": (request(connection="close"), 426, '"Connection: Upgrade" is missing'),
    "an old version": (request(sec_websocket_version="8"), 426, "Only Sec-WebSocket-Version 13"),
    "POST": (request(method="POST"), 405, "Only GET"),
    "cookies": (request(extra=["Cookie: c=" + "x" * 16384]), 431, "too long; browsers send all cookies"),
}


@pytest.mark.parametrize(("sent", "status", "wrong"), WRONG.values(), ids=WRONG.keys())
def test_a_refused_opening(start, sent, status, wrong):
    """One line with peer, status and what was wrong."""
    gateway = start()
    with gateway.raw() as client:
        client.send(sent)
        assert client.refusal().status == status
        line = gateway.wait_for_line(" INFO .*refused with").string
        assert f"opening from {local(client)} refused with {status}: " in line and wrong in line
        assert "conn=" in line
    gateway.stop()
    gateway.expect_lines("refused with", 1)


def test_a_head_that_comes_too_late(start):
    gateway = start("--handshake-deadline", 1)
    with gateway.raw() as client:
        client.send(b"GET /?user=alice")
        assert client.refusal().status == 408
        gateway.wait_for_line(f"opening from {local(client)} refused with 408: ")


def test_an_opening_over_the_limit(start):
    gateway = start("--max-connections", 1)
    with gateway.login("alice"), gateway.raw() as client:
        client.send(request())
        assert client.refusal().status == 503
        gateway.wait_for_line(f"opening from {local(client)} refused with 503: The connection limit")


def test_an_opening_while_draining(start):
    gateway = start(drain=3)
    with gateway.login("alice"):
        gateway.signal(signal.SIGTERM)

        def refused():
            with gateway.raw() as client:
                client.send(request("/?user=bob"))
                return client.answer().status == 503 and local(client)

        peer = wait_until(refused, "newcomers are refused")
        gateway.wait_for_line(f"opening from {peer} refused with 503: The gateway is about to end")
    gateway.assert_ends(0)


def test_who_only_looks_in_is_not_told(start):
    """A probe connects, says nothing or half of something, and goes."""
    gateway = start("--log-level", "debug")
    for said in (b"", b"GET / HTTP/1.1\r\n"):
        with gateway.raw() as client:
            client.send(said)
            client.end_writing()
            client.expect_end()
    gateway.stop()
    assert not gateway.matching("127.0.0.1:(?!%d)" % gateway.port)


def test_no_secret_is_told(start):
    """Whatever is wrong with it, nothing of a request is logged."""
    gateway = start("--log-level", "debug")
    secret = "s3cr3t"
    for head in (
        request(f"/?user=alice&token={secret}", method="POST"),
        request(f"/{secret}?user=alice&token={secret}", extra=[f"Cookie: {secret}"], without=NO_UPGRADE),
        request(f"/?token={secret}#", extra=[f"Authorization: Bearer {secret}"]),
        request(extra=[f"Authorization: Bearer {secret}\x01"]),
        request(extra=[f"X-Token : {secret}"]),
        request(f"/?token={secret}", host=f"{secret} {secret}"),
        request(method=secret),
    ):
        with gateway.raw() as client:
            client.send(head)
            assert client.refusal().status >= 400
    with gateway.raw() as client:
        client.upgrade(f"/?user=%00&token={secret}")
        client.expect_close(4000)
    gateway.stop()
    gateway.expect_lines("refused with", 7)
    assert not gateway.matching(secret)


def test_a_flood_of_refusals_is_counted(start):
    """Some lines a second; how many more there were is one line."""
    gateway = start()
    count = 200
    for _ in range(count):
        with gateway.raw() as client:
            client.send(b"\x16\x03\x01")
            client.refusal()

    def told():
        left_out = [re.search(r'left out (\d+) lines like "opening refused"', line) for line in gateway.lines]
        return len(gateway.matching("refused with 400")) + sum(int(found[1]) for found in left_out if found)

    wait_until(lambda: told() == count, "all are told of")
    assert len(gateway.matching("refused with 400")) < count


CURL = shutil.which("curl")


@pytest.mark.skipif(not CURL, reason="there is no curl")
@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["--insecure", "https://{address}/"], "TLS on a plain port"),
        (["--haproxy-protocol", "http://{address}/"], "the proxy protocol is not spoken"),
        (["--http2-prior-knowledge", "http://{address}/"], "HTTP/2 is not spoken"),
        (["http://{address}/"], "the request is no upgrade"),
        (["--head", "http://{address}/"], "Only GET"),
    ],
    ids=["https", "PROXY", "HTTP/2", "GET", "HEAD"],
)
def test_what_curl_says_is_told_apart(start, arguments, wrong):
    gateway = start()
    words = [word.format(address=gateway.listen[0]) for word in arguments]
    subprocess.run(
        [CURL, "--silent", "--max-time", str(TIMEOUT), *words], capture_output=True, timeout=2 * TIMEOUT
    )
    gateway.wait_for_line("refused with .*" + wrong)

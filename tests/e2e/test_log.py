"""The log: the tutorial's words, text and JSON, levels, and that nothing of it slows a worker."""

import json
import re
import shutil
import signal
import subprocess

import pytest

from raw import BINARY, PACKET_PING, TEXT, request
from waiting import TIMEOUT, wait_until


def local(client):
    return "%s:%d" % client.sock.getsockname()


def test_the_words_of_the_tutorial(start):
    gateway = start("--log-level", "debug", "--read-deadline", 1)
    started = gateway.wait_for_line(r"^INFO\[\d{4}\] started\b.*").string
    assert f'listen="{gateway.listen[0]}"' in started
    assert "id=demo" in started and "module=Server" in started
    with gateway.login("ccc") as client:
        gateway.wait_for_line(
            rf"^INFO\[\d{{4}}\] user ccc in from {re.escape(local(client))}\b.* id=demo .*module=Server"
        )
        client.packet(PACKET_PING)
        gateway.wait_for_line(r"^DEBU?G?\[\d{4}\] recv message \[0 100 0 0 0 0\] from ccc")
        gateway.wait_for_line(r"^DEBU?G?\[\d{4}\] command: 100 payloadLen: 0")
        client.message()
        client.expect_close(3008)
        gateway.wait_for_line(
            rf"^WARN\[\d{{4}}\] readloop - read tcp {re.escape(gateway.listen[0])}->"
            rf"{re.escape(local(client))}: i/o timeout"
        )
        gateway.wait_for_line(r"^INFO\[\d{4}\] connection of ccc closed")


def test_json(start):
    gateway = start("--log-format", "json", "--log-level", "debug", "--id", "node1")
    with gateway.login('quo"te\\%C3%A4') as client:
        client.round_trip()
    gateway.stop()
    entries = [json.loads(line) for line in gateway.lines]
    messages = [entry["msg"] for entry in entries]
    for entry in entries:
        assert {"time", "level", "msg", "id", "listen", "module"} <= set(entry)
        assert entry["id"] == "node1" and entry["module"] == "Server"
        assert entry["level"] in ("debug", "info", "warn", "error")
    assert "started" in messages
    assert any(message.startswith('user quo"te\\ä in from 127.0.0.1:') for message in messages), messages


@pytest.mark.parametrize("level", ["debug", "info", "warn", "error"])
def test_levels(start, level):
    gateway = start("--log-level", level, "--read-deadline", 5)  # a short deadline is warned of
    with gateway.login("alice") as client:
        client.round_trip()
    gateway.stop()
    order = ["DEBU", "INFO", "WARN", "ERRO"]
    seen = {line[:4] for line in gateway.lines}
    wanted = {"debug": {"DEBU", "INFO", "WARN"}, "info": {"INFO", "WARN"}, "warn": {"WARN"}, "error": set()}[
        level
    ]
    assert seen == wanted, seen - set(order)


def test_a_short_read_deadline_is_warned_of(start):
    assert start("--read-deadline", 30).wait_for_line(r"^WARN.*read.deadline")
    gateway = start("--read-deadline", 120)
    gateway.stop()
    assert not gateway.matching("^WARN")


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

    wait_until(lambda: len(gateway.matching("readloop")) + told() >= count, "all are accounted for")
    lines = gateway.matching("i/o timeout")
    assert all(line.startswith("WARN") for line in lines)
    assert len(gateway.matching("readloop")) + told() == count
    # In the seconds that the logins took, and no more of them.
    assert len(lines) < count / 20, lines
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
        "message too big": lambda client: client.send_frame(BINARY, b"", declared=1 << 20),
        "bad packet": lambda client: client.binary(b""),
    }
    for number, (reason, offend) in enumerate(reasons.items()):
        with gateway.login(f"offender{number}") as client:
            offend(client)
            client.frames_to_close()
            gateway.wait_for_line(rf"readloop - read tcp .*->{re.escape(local(client))}: {reason}\b")
            gateway.wait_for_line(rf"connection of offender{number} closed")


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
        line = gateway.wait_for_line("^INFO.*refused with").string
        assert f"opening from {local(client)} refused with {status}: " in line and wrong in line
        assert "conn=" in line
    gateway.stop()
    assert len(gateway.matching("refused with")) == 1


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
    assert len(gateway.matching("refused with")) == 7
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

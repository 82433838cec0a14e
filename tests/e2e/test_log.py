"""The log: the tutorial's words, text and JSON, levels, and that nothing of it slows a worker."""

import json
import re

import pytest

from raw import BINARY, PACKET_PING, TEXT
from waiting import wait_until


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

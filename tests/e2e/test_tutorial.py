"""The three demonstrations of the tutorial, replayed with the package it uses, by the words it logs."""

import json
import queue
import signal
import subprocess
import threading

import pytest

from foreign import HERE, NODE
from waiting import TIMEOUT

HEARTBEAT_MS = 300
PONG = {"event": "packet", "hex": "006500000000"}


class Demo:
    """The tutorial's client in a process of its own."""

    def __init__(self, gateway, user, heartbeat_ms=HEARTBEAT_MS, read_timeout_ms=600_000, reconnect_ms=200):
        times = [str(heartbeat_ms), str(read_timeout_ms), str(reconnect_ms)]
        self.process = subprocess.Popen(
            [NODE, HERE / "tutorial.js", gateway.url(user), *times],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.events = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def next(self):
        return self.events.get(timeout=TIMEOUT)

    def wait_for(self, event, **fields):
        """Takes events up to that one; returns those before it."""
        passed = []
        while (got := self.next()) != {"event": event, **fields}:
            passed.append(got)
        return passed

    def log_out(self):
        self.process.stdin.write("logout\n")
        self.process.stdin.flush()

    def close(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def demo():
    demos = []

    def run(*arguments, **options):
        demos.append(Demo(*arguments, **options))
        return demos[-1]

    yield run
    for running in demos:
        running.close()


def test_login_and_heartbeat(start, demo):
    """Heartbeats keep `ccc` alive past the deadline; `aaa`, who has none, runs into it."""
    gateway = start("--log-level", "debug", "--read-deadline", 2)
    gateway.wait_for_line("started")
    silent = demo(gateway, "aaa", heartbeat_ms=600_000, reconnect_ms=600_000)
    beating = demo(gateway, "ccc")
    beating.wait_for("login")
    gateway.wait_for_line(r"user ccc in from 127\.0\.0\.1:\d+")
    gateway.wait_for_line(r"user aaa in from 127\.0\.0\.1:\d+")
    gateway.wait_for_line(r"recv message \[0 100 0 0 0 0\] from ccc")
    gateway.wait_for_line(r"command: 100 payloadLen: 0")
    silent.wait_for("closed", code=3008, reason="i/o timeout")
    gateway.wait_for_line(r"user aaa out: i/o timeout \(3008\) after [23]s")
    for _ in range(20):  # three deadlines
        assert beating.wait_for(**PONG) == []
    assert not gateway.matching("user ccc out:")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_server_stops_and_comes_back(start, demo, number):
    """The client finds its way back by itself, however the server went."""
    gateway = start()
    client = demo(gateway, "ccc")
    client.wait_for("login")
    client.wait_for(**PONG)
    gateway.signal(number)
    gateway.wait()
    while (got := client.next())["event"] != "closed":
        pass
    assert got["code"] == (1012 if number == signal.SIGTERM else 1006)
    again = start(listen=gateway.listen)
    client.wait_for("login")
    again.wait_for_line("user ccc in from")
    client.wait_for(**PONG)
    with again.login("bob") as bob:
        bob.text("welcome back")
        client.wait_for("text", text="welcome back -- FROM bob")


def test_logout(start, demo):
    """The line is closed from the client's side, and it does not come back."""
    gateway = start()
    client = demo(gateway, "ccc")
    client.wait_for("login")
    client.wait_for(**PONG)
    client.log_out()
    client.wait_for("logout")
    assert client.process.wait(TIMEOUT) == 0
    gateway.wait_for_line("user ccc out:")
    gateway.stop()
    gateway.expect_lines("user ccc in from", 1)

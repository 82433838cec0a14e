"""What a small message costs, counted on a live server: no allocation, one receive and one send."""

import os
import pathlib
import re
import signal
import struct
import subprocess
from collections import Counter

import pytest

from raw import BINARY, PACKET_PING, PACKET_TEXT, PING, TEXT, frame, packet
from waiting import TIMEOUT

pytestmark = pytest.mark.release

RECEIVE = {"read", "readv", "recvfrom", "recvmsg"}
SEND = {"write", "writev", "sendto", "sendmsg"}
WAIT = {"epoll_wait", "epoll_pwait", "epoll_pwait2"}


# --- system calls -------------------------------------------------------------------------------


class Strace:
    """The system calls of a running gateway, of all its threads."""

    def __init__(self, gateway, path):
        self.path = path
        self.process = subprocess.Popen(
            ["strace", "-f", "-yy", "-o", path, "-p", str(gateway.pid)], stderr=subprocess.PIPE, text=True
        )
        self.gateway = gateway

    def __enter__(self):
        """Returns when every thread is attached to."""
        for _ in range(self.gateway.threads()):
            line = self.process.stderr.readline()
            while line and "attached" not in line:
                line = self.process.stderr.readline()
            assert line, "strace has not attached: is ptrace allowed here?"
            match = re.search(r"attached with (\d+) threads", line)
            if match:
                assert int(match[1]) == self.gateway.threads()
                break
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=TIMEOUT)

    def calls(self):
        """[(name, whole line)], begun calls only."""
        found = []
        for line in pathlib.Path(self.path).read_text(encoding="utf-8", errors="replace").splitlines():
            match = re.match(r"\d+\s+([a-z0-9_]+)\(", line)
            if match:
                found.append((match[1], line))
        return found

    def calls_on(self, client):
        """How often each call was made on the socket of a client."""
        port = client.sock.getsockname()[1]
        return Counter(name for name, line in self.calls() if f"->127.0.0.1:{port}]" in line.split(",", 1)[0])


def check_one_each(counts, requests, answers):
    receives = sum(count for name, count in counts.items() if name in RECEIVE)
    sends = sum(count for name, count in counts.items() if name in SEND)
    assert (receives, sends) == (requests, answers), counts
    assert set(counts) <= RECEIVE | SEND, "other calls on the socket"


REQUESTS = {
    "packet ping": (frame(BINARY, packet(PACKET_PING)), bytes.fromhex("8206006500000000")),
    "protocol ping": (frame(PING, b"beat"), b"\x8a\x04beat"),
}


def ask(client, request, answer, count):
    for _ in range(count):
        client.sock.sendall(request)
        assert client.take(len(answer)) == answer


@pytest.mark.parametrize(("request_", "answer"), REQUESTS.values(), ids=REQUESTS.keys())
def test_one_receive_and_one_send(start, tmp_path, request_, answer):
    gateway = start("--workers", 1)
    count = 1000
    with gateway.login("alice") as client:
        ask(client, request_, answer, 10)
        with Strace(gateway, tmp_path / "calls") as strace:
            ask(client, request_, answer, count)
        check_one_each(strace.calls_on(client), count, count)
        names = Counter(name for name, _ in strace.calls())
        # One wait for each, some for ticks of the clock; and no call besides, on whatever descriptor.
        waits = sum(count for name, count in names.items() if name in WAIT)
        assert waits <= count + 200, names
        others = sum(count for name, count in names.items() if name not in RECEIVE | SEND | WAIT)
        assert others <= 100, names


def test_echo_takes_one_receive_and_one_send(start, tmp_path):
    gateway = start("--echo", "--workers", 1)
    with gateway.login() as client:
        ask(client, frame(TEXT, b"hello"), b"\x81\x05hello", 10)
        with Strace(gateway, tmp_path / "calls") as strace:
            ask(client, frame(TEXT, b"hello"), b"\x81\x05hello", 1000)
        check_one_each(strace.calls_on(client), 1000, 1000)


def test_fan_out_takes_one_send_for_each_receiver(start, tmp_path):
    gateway = start("--workers", 1)
    with gateway.login("alice") as alice:
        readers = [gateway.login(f"reader{number}") for number in range(3)]

        def say(count):
            for _ in range(count):
                alice.text("hello")
                for reader in readers:
                    reader.expect_text("hello -- FROM alice")

        say(10)
        with Strace(gateway, tmp_path / "calls") as strace:
            say(500)
        check_one_each(strace.calls_on(alice), 500, 0)
        for reader in readers:
            check_one_each(strace.calls_on(reader), 0, 500)


def test_messages_that_pile_up_leave_together(start, tmp_path):
    """100 pings in one segment: one receive, and one send for all the pongs."""
    gateway = start("--workers", 1)
    with gateway.login("alice") as client:
        client.round_trip()
        pings = frame(BINARY, packet(PACKET_PING)) * 100
        with Strace(gateway, tmp_path / "calls") as strace:
            for _ in range(10):
                ask(client, pings, bytes.fromhex("8206006500000000") * 100, 1)
        check_one_each(strace.calls_on(client), 10, 10)


# --- allocations --------------------------------------------------------------------------------

ALLOWED = 16  # in all: something may grow once more after the warm-up, but not with each message


@pytest.fixture(scope="module")
def counter(tmp_path_factory):
    library = tmp_path_factory.mktemp("counter") / "malloc_count.so"
    source = pathlib.Path(__file__).with_name("malloc_count.c")
    subprocess.run(
        [
            "gcc",
            "-std=gnu11",
            "-O2",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-shared",
            "-fPIC",
            source,
            "-o",
            library,
        ],
        check=True,
        timeout=TIMEOUT,
    )
    return library


class Counted:
    """A gateway whose allocations are counted."""

    def __init__(self, start, counter, path, *options):
        self.path = path
        environment = {**os.environ, "LD_PRELOAD": str(counter), "MALLOC_COUNT": str(path)}
        self.gateway = start(*options, env=environment)

    def count(self):
        return struct.unpack("=Q", self.path.read_bytes())[0]

    def during(self, action):
        before = self.count()
        action()
        return self.count() - before


@pytest.fixture(params=[1, 4], ids=["1 worker", "4 workers"])
def counted(request, start, counter, tmp_path):
    counted = Counted(start, counter, tmp_path / "count", "--workers", request.param)
    # That it counts: a login takes an entry in the user table.
    assert (
        counted.during(lambda: [counted.gateway.login(f"first{number}").round_trip() for number in range(50)])
        >= 50
    )
    counted.gateway.close_clients()
    return counted


@pytest.mark.parametrize(("request_", "answer"), REQUESTS.values(), ids=REQUESTS.keys())
def test_a_ping_allocates_nothing(counted, request_, answer):
    with counted.gateway.login("alice") as client:
        ask(client, request_, answer, 1000)
        assert counted.during(lambda: ask(client, request_, answer, 5000)) <= ALLOWED


@pytest.mark.parametrize("kind", ["text", "packet"])
def test_a_text_to_others_allocates_nothing(counted, kind):
    alice = counted.gateway.login("alice")
    # Some at each worker: one whom nobody waits for may fall behind on a busy machine, and keep its batches.
    readers = [counted.gateway.login(f"reader{number}") for number in range(12)]

    def say(count):
        for _ in range(count):
            if kind == "text":
                alice.text("hello")
            else:
                alice.packet(PACKET_TEXT, b"hello")
            for reader in readers:
                assert reader.message()[1].endswith(b"hello -- FROM alice")

    say(500)
    assert counted.during(lambda: say(1500)) <= ALLOWED


def test_an_echo_allocates_nothing(start, counter, tmp_path):
    counted = Counted(start, counter, tmp_path / "count", "--echo", "--workers", 1)
    assert counted.count() > 0
    with counted.gateway.login() as client:
        ask(client, frame(TEXT, b"hello"), b"\x81\x05hello", 1000)
        assert counted.during(lambda: ask(client, frame(TEXT, b"hello"), b"\x81\x05hello", 5000)) <= ALLOWED


def test_heartbeats_of_many_allocate_nothing(counted):
    """Readers are lent: 200 lines that take turns need no more of them than one."""
    clients = [counted.gateway.login(f"user{number}") for number in range(200)]
    beat, answer = REQUESTS["protocol ping"]

    def turn():
        for client in clients:
            client.sock.sendall(beat)
        for client in clients:
            assert client.take(len(answer)) == answer

    for _ in range(5):
        turn()
    assert counted.during(lambda: [turn() for _ in range(20)]) <= ALLOWED

"""Peers that mean harm or are broken: each costs a bounded amount, and only itself."""

import contextlib
import threading

import pytest

from raw import BINARY, CONTINUATION, PACKET_PING, PING, PONG, TEXT, Gone, frame, packet, request
from waiting import TIMEOUT, wait_until

MIB = 1 << 20


@pytest.fixture
def witness(gateway):
    """Two bystanders: the function checks that they are served as ever."""
    alice, bob = gateway.login("alice"), gateway.login("bob")

    def check():
        alice.text("still there?")
        bob.expect_text("still there? -- FROM alice")
        bob.round_trip()
        alice.round_trip()

    check()
    yield check
    alice.close_socket()
    bob.close_socket()


CUT = {
    "nothing": b"",
    "half a head": request("/?user=mallory")[:40],
    "a head": request("/?user=mallory"),
    "half a header": request("/?user=mallory") + frame(TEXT, b"x" * 300)[:3],
    "half a frame": request("/?user=mallory") + frame(TEXT, b"x" * 300)[:100],
    "half a message": request("/?user=mallory") + frame(TEXT, b"x" * 300, fin=False),
    "half a ping in a message": request("/?user=mallory")
    + frame(TEXT, b"x", fin=False)
    + frame(PING, b"xyz")[:7],
    "a ping and half a frame": request("/?user=mallory") + frame(PING, b"whole") + frame(TEXT, b"half")[:8],
}


@pytest.mark.parametrize("end", ["reset", "close", "half-close"])
@pytest.mark.parametrize("data", CUT.values(), ids=CUT.keys())
def test_a_peer_that_vanishes(gateway, witness, data, end):
    fds = gateway.fds()
    for _ in range(20):
        client = gateway.raw()
        client.send(data)
        if end == "reset":
            client.reset()
        elif end == "close":
            client.close_socket()
        else:
            client.end_writing()
            client.read_to_end()
    wait_until(lambda: gateway.fds() <= fds, "all sockets are closed")
    witness()


def test_what_came_before_the_end_is_delivered(gateway):
    """Half-closing behind the last word loses no word."""
    with gateway.login("bob") as bob, gateway.login("alice") as alice:
        alice.send(b"".join(frame(TEXT, b"%d" % number) for number in range(100)))
        alice.end_writing()
        for number in range(100):
            bob.expect_text(f"{number} -- FROM alice")
        alice.expect_end()


@pytest.mark.release  # freed memory is kept by the address sanitizer
def test_declared_lengths_allocate_nothing(gateway, witness):
    """500 lines that each promise the largest message allowed, and one byte of it."""
    before = gateway.rss()
    clients = [gateway.login(f"mallory{number}") for number in range(500)]
    for client in clients:
        client.send(frame(BINARY, b"", declared=65536) + b"x")
    witness()
    assert gateway.rss() - before < 500 * 20 * 1024 + 4 * MIB
    for client in clients:
        client.close_socket()


@pytest.mark.parametrize("size", [(1 << 62), (1 << 40), (1 << 31)])
def test_a_huge_length_is_refused_at_once(gateway, witness, size):
    before = gateway.rss()
    for _ in range(50):
        with gateway.login("mallory") as client:
            client.send(frame(BINARY, b"", declared=size))
            client.expect_close(1009)
    witness()
    assert gateway.rss() - before < 8 * MIB


@pytest.mark.release  # freed memory is kept by the address sanitizer
def test_unfinished_messages_are_bounded_by_what_arrived(gateway, witness):
    before = gateway.rss()
    clients = [gateway.login(f"mallory{number}") for number in range(100)]
    for client in clients:
        client.send(frame(BINARY, b"x" * 1000, fin=False) + frame(CONTINUATION, b"", declared=60000))
    witness()
    assert gateway.rss() - before < 100 * 40 * 1024 + 4 * MIB
    for client in clients:
        client.reset()


def test_a_byte_at_a_time(gateway, witness):
    """Served all the same, and nobody waits for it."""
    with gateway.raw() as client:
        client.upgrade("/?user=mallory", chunk=1)
        client.send_frame(TEXT, b"slow but right", chunk=1)
        client.send_frame(PING, b"x", chunk=1)
        client.expect_pong(b"x")


FLOODS = {
    "pings": frame(PING),
    "pongs": frame(PONG, b"x" * 125),
    "texts": frame(TEXT),
    "packet pings": frame(BINARY, packet(PACKET_PING)),
    "unknown packets": frame(BINARY, packet(65535)),
}


@pytest.mark.parametrize("flood", FLOODS.values(), ids=FLOODS.keys())
def test_a_flood_of_small_frames(start, flood):
    """A flooder that reads nothing; others are served meanwhile and after."""
    gateway = start("--workers", 1, "--write-deadline", 1, "--close-deadline", 1)
    before = gateway.rss()
    flooder = gateway.login("flooder")
    over = threading.Event()
    data = flood * 5000

    def run():
        flooder.sock.settimeout(TIMEOUT)
        try:
            while not over.is_set():
                flooder.send(data)
        except (Gone, TimeoutError, OSError):
            pass

    thread = threading.Thread(target=run)
    thread.start()
    try:
        with gateway.login("alice") as alice:
            for number in range(100):
                alice.ping(b"ping %03d." % number)
                alice.skip_to(b"ping %03d." % number)  # over what the flooder says, fast
        assert gateway.rss() - before < 48 * MIB
    finally:
        over.set()
        with contextlib.suppress(OSError):  # it may have been reset by now
            flooder.sock.shutdown(2)
        thread.join(2 * TIMEOUT)
    assert not thread.is_alive()
    with gateway.login("bob") as bob:
        bob.ping(b"afterwards")
        bob.skip_to(b"afterwards")


RUBBISH = {
    "NULs": bytes(65536),
    "requests": b"GET / HTTP/1.1\r\n\r\n" * 1000,
    "upgrades": request("/?user=mallory") * 100,
}


@pytest.mark.parametrize("flood", RUBBISH.values(), ids=RUBBISH.keys())
def test_rubbish(gateway, witness, flood):
    for _ in range(20):
        with gateway.raw() as client:
            try:
                client.send(flood)
                client.read_to_end()
            except Gone:
                pass
    witness()


@pytest.mark.release  # freed memory is kept by the address sanitizer
def test_a_thousand_connections_that_come_and_go(gateway, witness):
    """No descriptor and no memory stays behind."""

    def round_of(count):
        for _ in range(count):
            gateway.login("mallory").reset()

    fds = gateway.fds()
    round_of(500)
    wait_until(lambda: gateway.fds() <= fds, "all sockets are closed")
    before = gateway.rss()
    round_of(1000)
    wait_until(lambda: gateway.fds() <= fds, "all sockets are closed")
    witness()
    assert gateway.rss() - before < 4 * MIB


def test_a_name_cannot_forge_a_log_line(start):
    """What a peer sends is escaped; it neither breaks a line nor colours a terminal."""
    gateway = start("--log-level", "debug")
    forged = "2026-01-02T03:04:05.678Z INFO  forged"
    with gateway.raw() as client:
        client.upgrade("/?user=evil%E2%80%8Fuser")
        client.text(f"{forged}\n{forged} \x1b[31mred")
        client.round_trip()
    with gateway.raw() as client:
        client.send(b"GET /\x1b[31m\nforged HTTP/1.1\r\n\r\n")
        client.refusal()
    gateway.stop()
    assert not [line for line in gateway.lines if line.startswith(forged)]
    assert not [line for line in gateway.lines if "\x1b" in line]

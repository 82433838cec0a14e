"""What a user of any client sees: every scenario with each client library of others."""

import re
import signal
import socket
import time

import pytest

from foreign import KINDS, WITHOUT_PINGS
from gateway import free_port
from raw import PACKET_PING, PACKET_PONG, PACKET_TEXT, packet
from waiting import FACTOR

RETRY = re.compile(r"retry_ms=(\d+)")


def ping_packet(connection, payload=b""):
    connection.binary(packet(PACKET_PING, payload))
    connection.expect_binary(packet(PACKET_PONG, payload))


def test_text_reaches_the_others_both_ways(gateway, library):
    alice, bob = library.open(gateway.url("alice")), library.open(gateway.url("bob"))
    alice.text("hello")
    bob.expect_text("hello -- FROM alice")
    bob.text("grüße 中文 😀")
    # The first thing alice gets is bob's text: no copy of her own has come before it.
    alice.expect_text("grüße 中文 😀 -- FROM bob")
    ping_packet(bob)


def test_packet_ping_is_answered_to_the_byte(gateway, library):
    alice = library.open(gateway.url("alice"))
    alice.binary(bytes.fromhex("006400000000"))
    alice.expect_binary(bytes.fromhex("006500000000"))
    ping_packet(alice, b"with a payload")


def test_packet_text_reaches_the_others(gateway, library):
    alice, bob = library.open(gateway.url("alice")), library.open(gateway.url("bob"))
    alice.binary(packet(PACKET_TEXT, "häh".encode()))
    bob.expect_binary(packet(PACKET_TEXT, "häh -- FROM alice".encode()))
    ping_packet(alice)


@pytest.mark.parametrize("library", [kind for kind in KINDS if kind not in WITHOUT_PINGS], indirect=True)
def test_protocol_ping_is_answered(gateway, library):
    alice = library.open(gateway.url("alice"))
    for payload in (b"", b"payload", bytes(range(125))):
        alice.ping(payload)
        alice.expect("pong", hex=payload.hex())


def test_largest_message(gateway, library):
    """64 KiB in, and 64 KiB with the sender's name behind it out."""
    alice, bob = library.open(gateway.url("alice")), library.open(gateway.url("bob"))
    text = "0123456789abcdef" * 4096
    alice.text(text)
    bob.expect_text(text + " -- FROM alice")
    alice.text(text + "!")
    assert alice.expect_close()[0] == 1009


def test_the_newest_login_wins(gateway, library):
    bob = library.open(gateway.url("bob"))
    old = library.open(gateway.url("alice"))
    new = library.open(gateway.url("alice"))
    assert old.expect_close() == (4001, "kicked")
    ping_packet(new)
    bob.text("who is it?")
    new.expect_text("who is it? -- FROM bob")


@pytest.mark.parametrize("query", ["", "?user=", "?user=%00", "?user=" + "x" * 65])
def test_a_bad_login_is_told_by_its_code(gateway, library, query):
    connection = library.open(f"ws://127.0.0.1:{gateway.port}/{query}")
    assert connection.expect_close() == (4000, "bad login")


def test_a_name_arrives_decoded(gateway, library):
    alice, bob = library.open(gateway.url("a%26b%3D1%23x%20%E4%B8%AD")), library.open(gateway.url("bob"))
    alice.text("hi")
    bob.expect_text("hi -- FROM a&b=1#x 中")


# npm's websocket leaves the encoding to its caller, and fails without.
@pytest.mark.parametrize("library", [kind for kind in KINDS if kind != "npm-websocket"], indirect=True)
def test_a_name_as_it_is_written(gateway, library):
    """Not encoded by the caller: some libraries send its UTF-8 raw, others encode it."""
    alice, bob = library.open(gateway.url("中文")), library.open(gateway.url("bob"))
    alice.text("hi")
    bob.expect_text("hi -- FROM 中文")


def test_no_slash_in_front_of_the_query(gateway, library):
    alice = library.open(f"ws://127.0.0.1:{gateway.port}?user=alice")
    ping_packet(alice)


def test_over_ipv6(start, library):
    """Whose address some put into Host without its brackets."""
    port = free_port(socket.AF_INET6, "::1")
    start(listen=[f"[::1]:{port}"])
    alice = library.open(f"ws://[::1]:{port}/?user=alice")
    ping_packet(alice)


def test_a_client_leaves(gateway, library):
    alice = library.open(gateway.url("alice"))
    alice.close(1000, "bye")
    assert alice.expect_close()[0] == 1000
    gateway.wait_for_line("user alice out:")
    # The name is free, and nobody is kicked for it.
    again = library.open(gateway.url("alice"))
    ping_packet(again)


def test_a_silent_client_is_closed_in_time(start, library):
    """Never early, and within a second after."""
    gateway = start("--read-deadline", 2)
    before = time.monotonic()
    alice = library.open(gateway.url("alice"))
    opened = time.monotonic()
    assert alice.expect_close() == (3008, "i/o timeout")
    closed = time.monotonic()
    assert closed - before >= 2
    assert closed - opened <= 3 + 1.5 * FACTOR  # on the way, and on two busy cores


def test_a_client_that_pings_lives(start, library):
    """Over three deadlines; then it falls silent and is closed as well."""
    gateway = start("--read-deadline", 2)
    alice = library.open(gateway.url("alice"))
    end = time.monotonic() + 6
    while time.monotonic() < end:
        if library.can_ping:
            alice.ping(b"beat")
            alice.expect("pong", hex=b"beat".hex())
        else:
            ping_packet(alice)
        time.sleep(0.5)  # the rhythm of a heart, waiting for nothing
    assert alice.expect_close() == (3008, "i/o timeout")


def test_drain_gives_everybody_a_time_to_come_back(start, library):
    gateway = start(drain=2)
    connections = [library.open(gateway.url(f"user{number}")) for number in range(8)]
    gateway.signal(signal.SIGTERM)
    returns = []  # when each comes back: those told later have as much less of the drain to wait for
    for connection in connections:
        code, reason = connection.expect_close()
        assert code == 1012
        returns.append(time.monotonic() + int(RETRY.fullmatch(reason)[1]) / 1000)
    assert max(returns) - min(returns) > 0.5, "the herd comes back as one"
    gateway.assert_ends(0)

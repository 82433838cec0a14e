"""Deadlines: PROTOCOL section 3, over raw sockets."""

import time

import pytest

from raw import BINARY, CONTINUATION, PACKET_TEXT, PING, PONG, TEXT, Frame, frame
from waiting import FACTOR, wait_until

DEADLINE = 2
LATEST = DEADLINE + 1 + 1.5 * FACTOR  # a second after, and what two busy cores take


@pytest.fixture
def gateway(start):
    return start("--read-deadline", DEADLINE)


def test_silence_is_closed_in_time(gateway):
    """Many at once, each with its own start: never early, within a second after."""
    clients = []
    for number in range(20):
        before = time.monotonic()
        client = gateway.login(f"user{number}")
        clients.append((client, before, time.monotonic()))
    for client, before, after in clients:
        client.expect_close(3008, "i/o timeout", end=False)
        now = time.monotonic()
        assert now - before >= DEADLINE
        assert now - after <= LATEST


BEATS = {
    "protocol ping": frame(PING, b"x"),
    "unasked pong": frame(PONG),
    "text": frame(TEXT, b"x"),
    "packet": frame(BINARY, bytes.fromhex("006400000000")),
    "unknown packet": frame(BINARY, bytes.fromhex("ffff00000000")),
}


@pytest.mark.parametrize("beat", BEATS.values(), ids=BEATS.keys())
def test_each_frame_renews_the_deadline(gateway, beat):
    """Spoken once after a second: the deadline counts from there."""
    with gateway.login("alice") as client:
        time.sleep(1)  # silence, which is what is tested
        before = time.monotonic()
        client.send(beat)
        after = time.monotonic()
        frames = client.frames_to_close()
        now = time.monotonic()
        client.check_close(frames[-1], 3008, "i/o timeout")
        assert now - before >= DEADLINE
        assert now - after <= LATEST


@pytest.mark.slow  # test_timeouts.c: test_read_deadline_is_renewed_by_frames_only
def test_each_fragment_renews_the_deadline(gateway):
    with gateway.login("alice") as client:
        client.send_frame(TEXT, b"0", fin=False)
        end = time.monotonic() + 2 * DEADLINE
        while time.monotonic() < end:
            time.sleep(0.5)  # the rhythm of a slow sender
            client.send_frame(CONTINUATION, b"1", fin=False)
        client.send_frame(CONTINUATION)
        client.round_trip()


@pytest.mark.slow  # test_timeouts.c: test_read_deadline_is_renewed_by_frames_only
def test_bytes_of_an_unfinished_frame_do_not(gateway):
    """A byte every 100 ms is silence."""
    with gateway.login("alice") as client:
        data = iter(frame(BINARY, b"x" * 60000))
        before = time.monotonic()
        client.sock.settimeout(0.1)
        got = b""
        while len(got) < 2:
            client.send(bytes([next(data)]))
            try:
                got += client.sock.recv(1 << 16)
            except TimeoutError:
                assert time.monotonic() - before < LATEST, "bytes renew the deadline"
        assert time.monotonic() - before >= DEADLINE
        client.buffer += got
        client.sock.settimeout(20)
        client.expect_close(3008, "i/o timeout")


@pytest.mark.slow  # test_timeouts.c: test_read_deadline_is_renewed_by_frames_only
def test_what_is_heard_does_not_renew(gateway):
    """Only what a client says counts, not what it is sent."""
    with gateway.login("bob") as bob, gateway.login("alice") as alice:
        end = time.monotonic() + DEADLINE + 1 + 1.5 * FACTOR
        while time.monotonic() < end:
            bob.text("talk")
            time.sleep(0.25)  # the rhythm of a talker
        frames = alice.frames_to_close()
        alice.check_close(frames[-1], 3008, "i/o timeout")
        assert frames[:-1] == [Frame(TEXT, b"talk -- FROM bob")] * (len(frames) - 1)
        bob.round_trip()


@pytest.mark.slow  # test_timeouts.c: test_ping_interval
def test_a_pong_keeps_a_silent_line_alive(start):
    """With a ping interval the gateway asks, and the answer counts."""
    gateway = start("--read-deadline", 3, "--ping-interval", 1)
    with gateway.login("alice") as client:
        end = time.monotonic() + 6
        while time.monotonic() < end:
            got = client.frame()
            assert got.opcode == PING
            client.send_frame(PONG, got.payload)
        frames = client.frames_to_close()  # and who no longer answers is closed
        client.check_close(frames[-1], 3008, "i/o timeout")
        assert all(got.opcode == PING for got in frames[:-1])


@pytest.mark.slow  # test_timeouts.c: test_ping_interval
def test_who_speaks_is_not_pinged(start):
    gateway = start("--ping-interval", 2)
    with gateway.login("alice") as client:
        end = time.monotonic() + 4
        while time.monotonic() < end:
            client.round_trip()
            time.sleep(0.2)  # the rhythm of a talker
        client.packet(PACKET_TEXT, b"last word")
        before = time.monotonic()
        assert client.frame().opcode == PING
        assert time.monotonic() - before >= 1


def test_no_pings_by_default(gateway):
    with gateway.login("alice") as client:
        client.expect_close(3008, "i/o timeout")


def test_who_does_not_close_is_reset(start):
    """The Close was sent, the peer does not answer it: after the close deadline the socket goes."""
    gateway = start("--read-deadline", 1, "--close-deadline", 1)
    with gateway.login("alice") as client:
        fds = gateway.fds()
        client.expect_close(3008, end=False)
        before = time.monotonic()
        client.read_to_end()
        assert time.monotonic() - before >= 0.5
        wait_until(lambda: gateway.fds() < fds, "the socket is closed")

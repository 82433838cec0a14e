"""Binary messages: PROTOCOL section 2, over raw sockets."""

import json

import pytest

from gateway import ROOT
from raw import BINARY, CONTINUATION, PACKET_PING, PACKET_PONG, PACKET_TEXT, TEXT, frame, packet


@pytest.fixture(scope="module")
def gateway(start_for_module):
    return start_for_module()


@pytest.fixture
def alice(gateway):
    with gateway.login("alice") as client:
        yield client


@pytest.fixture
def bob(gateway):
    with gateway.login("bob") as client:
        yield client


VECTORS = json.loads((ROOT / "tests/vectors.json").read_text(encoding="utf-8"))
CLOSES = {f"close {close['code']}": close for close in VECTORS["gateway_closes"]}


@pytest.mark.parametrize("vector", VECTORS["packets"], ids=lambda vector: vector["name"])
def test_the_gateway_does_what_the_vectors_say(alice, bob, vector):
    does = vector["gateway"]
    alice.send_frame(BINARY, bytes.fromhex(vector["hex"]))
    if does in CLOSES:
        alice.expect_close(CLOSES[does]["code"], CLOSES[does]["text"])
    elif does == "pong":
        alice.expect_binary(packet(PACKET_PONG, bytes.fromhex(vector["payload"])))
    elif does != "ignore":
        bob.expect_binary(packet(vector["command"], bytes.fromhex(vector["payload"]) + b" -- FROM alice"))
    if does not in CLOSES:
        alice.round_trip()
    bob.round_trip()


BAD = {
    "empty": b"",
    "one byte": b"\0",
    "five bytes": packet(PACKET_PING)[:5],
    "shorter than declared": packet(PACKET_PING, b"abc", declared=4),
    "longer than declared": packet(PACKET_PING, b"abc", declared=2),
    "declared 2^32 - 1": packet(PACKET_PING, b"", declared=(1 << 32) - 1),
    "declared 2^32 - 6": packet(PACKET_PING, b"", declared=(1 << 32) - 6),
    "unknown, shorter than declared": packet(999, b"", declared=1),
    "text, longer than declared": packet(PACKET_TEXT, b"abc", declared=0),
    "text of invalid UTF-8": packet(PACKET_TEXT, b"\xff"),
    "text of a surrogate": packet(PACKET_TEXT, b"\xed\xa0\x80"),
    "text truncated": packet(PACKET_TEXT, b"\xe4\xb8"),
    "two packets in a message": packet(PACKET_PING) * 2,
}


@pytest.mark.parametrize("chunk", [None, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("message", BAD.values(), ids=BAD.keys())
def test_a_bad_packet(alice, bob, message, chunk):
    alice.send_frame(BINARY, message, chunk=chunk)
    alice.expect_close(4002, "bad packet")
    bob.round_trip()  # and nothing of it has reached others


@pytest.mark.parametrize("size", [0, 1, 64, 119, 120, 125])
def test_a_ping_is_echoed(alice, size):
    alice.round_trip(payload=bytes(range(size)))


def test_a_ping_in_fragments(alice):
    whole = packet(PACKET_PING, b"pieces")
    alice.send(
        frame(BINARY, whole[:3], fin=False)
        + frame(CONTINUATION, whole[3:7], fin=False)
        + frame(CONTINUATION, whole[7:])
    )
    alice.expect_binary(packet(PACKET_PONG, b"pieces"))


@pytest.mark.parametrize("command", [0, 1, 99, PACKET_PONG, 103, 150, 199, 200, 255, 256, 0x6400, 65535])
def test_other_commands_are_ignored(alice, bob, command):
    alice.packet(command)
    alice.packet(command, b"with a payload")
    alice.packet(command, b"\xff\xfe")
    alice.round_trip()
    bob.round_trip()


def texts(largest):
    """Over texts up to `largest` bytes."""
    some = ["", "x", "grüße 中文 😀", "\0", "line\nline", "a" * 200, "b" * largest]
    return pytest.mark.parametrize("text", some, ids=lambda text: f"{len(text)}")


@texts(65536 - 6)
def test_text_in_a_packet(alice, bob, text):
    alice.packet(PACKET_TEXT, text.encode())
    bob.expect_binary(packet(PACKET_TEXT, f"{text} -- FROM alice".encode()))
    alice.round_trip()


@texts(65536)
def test_text_in_a_message(alice, bob, text):
    alice.text(text)
    bob.expect_text(f"{text} -- FROM alice")
    alice.round_trip()


def test_both_kinds_keep_their_order(alice, bob):
    for number in range(50):
        alice.text(f"t{number}")
        alice.packet(PACKET_TEXT, b"p%d" % number)
    for number in range(50):
        assert bob.message() == (TEXT, f"t{number} -- FROM alice".encode())
        assert bob.message() == (BINARY, packet(PACKET_TEXT, b"p%d -- FROM alice" % number))


def test_fragmented_text_reaches_others_whole(alice, bob):
    alice.send(frame(TEXT, "gr".encode(), fin=False) + frame(CONTINUATION, "üße".encode()))
    bob.expect_text("grüße -- FROM alice")


def test_everybody_else_gets_it(gateway):
    readers = [gateway.login(f"reader{number}") for number in range(40)]
    with gateway.login("alice") as alice:
        alice.text("to all")
        for reader in readers:
            reader.expect_text("to all -- FROM alice")
        alice.round_trip()
    for reader in readers:
        reader.close_socket()


def test_whose_login_was_bad_takes_no_part(gateway, bob):
    """Neither as a sender nor as a receiver."""
    with gateway.raw() as stranger:
        stranger.upgrade("/?user=")
        bob.text("secret")
        stranger.text("intrusion")
        stranger.expect_close(4000, "bad login")
        bob.round_trip()

"""The native client against a server that does everything wrong, and some things that are odd but
right. RFC 6455; PROTOCOL section 5: 1002, 1007 and 1009 end the login for good.
"""

import base64
import os
import re
import struct

import pytest

from chatting import KICKED, LOST, OK, PROTOCOL, REFUSED, UNREACHABLE
from raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PACKET_TEXT,
    PING,
    PONG,
    TEXT,
    Frame,
    Gone,
    close_payload,
    frame,
    packet,
)
from scripted import accept_of

MOST = 65536 + 256  # bytes of a message that a client accepts: PROTOCOL section 2


def sent(opcode, payload=b"", **options):
    """A frame as a server sends it."""
    return frame(opcode, payload, masked=options.pop("masked", False), **options)


def closing(code, reason=b""):
    return sent(CLOSE, close_payload(code, reason))


def fails(chat, server, data, code, chunk=None):
    """The client fails the line with `code` on the wire, says so, and does not come back."""
    alice = chat(address=server.address)
    peer = server.open()
    alice.connected()
    try:
        peer.send(data, chunk)
    except Gone:
        pass  # it need not read to the end what is wrong from the beginning
    peer.expect_failed(code)
    assert len(peer.masks) == 1
    alice.assert_ends(PROTOCOL)
    alice.expect_error("the gateway (broke the protocol|sent a bad packet)")
    assert alice.out.text == ""
    server.assert_nobody_waits()


# --- wrong frames ---------------------------------------------------------------------------------

CONTROL_OPCODES = {"close": CLOSE, "ping": PING, "pong": PONG}
HELLO = "Hello-µ@ßöäüàá-UTF-8!!".encode()

WRONG_FRAMES = {
    "masked text": (sent(TEXT, b"hi", masked=True), 1002),
    "masked text, mask zero": (sent(TEXT, b"hi", masked=True, key=bytes(4)), 1002),
    "masked ping": (sent(PING, b"hi", masked=True), 1002),
    "masked close": (sent(CLOSE, close_payload(1000), masked=True), 1002),
    "masked and empty": (sent(TEXT, masked=True), 1002),
    **{f"rsv {rsv} of text": (sent(TEXT, b"hi", rsv=rsv), 1002) for rsv in range(1, 8)},
    **{f"rsv {rsv} of ping": (sent(PING, b"hi", rsv=rsv), 1002) for rsv in (1, 2, 4)},
    "rsv of a continuation": (sent(TEXT, b"a", fin=False) + sent(CONTINUATION, b"b", rsv=4), 1002),
    **{f"opcode {op:#x}": (sent(op, b"hi"), 1002) for op in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)},
    **{f"opcode {op:#x}, empty": (sent(op), 1002) for op in (3, 11)},
    **{
        f"fragmented {name}": (sent(op, b"\x03\xe8", fin=False), 1002) for name, op in CONTROL_OPCODES.items()
    },
    **{
        f"fragmented {name} in a message": (
            sent(TEXT, b"a", fin=False) + sent(op, b"\x03\xe8", fin=False),
            1002,
        )
        for name, op in CONTROL_OPCODES.items()
    },
    **{
        f"{name} of 126 bytes": (sent(op, b"\x03\xe8" + b"x" * 124), 1002)
        for name, op in CONTROL_OPCODES.items()
    },
    **{
        f"{name} of 64 KiB": (sent(op, b"\x03\xe8" + b"x" * 65534), 1002)
        for name, op in CONTROL_OPCODES.items()
    },
    **{
        f"{name} with a long length field": (sent(op, b"\x03\xe8", length_form=16), 1002)
        for name, op in CONTROL_OPCODES.items()
    },
    **{
        f"{size} bytes in a field of {form} bits": (sent(TEXT, b"x" * size, length_form=form), 1002)
        for size, form in ((0, 16), (1, 16), (125, 16), (0, 64), (125, 64), (126, 64), (65535, 64))
    },
    "length with the top bit": (sent(TEXT, declared=1 << 63, length_form=64), 1002),
    "length of all ones": (sent(BINARY, declared=(1 << 64) - 1, length_form=64), 1002),
    "continuation of nothing": (sent(CONTINUATION, b"hi"), 1002),
    "first fragment that continues nothing": (sent(CONTINUATION, b"hi", fin=False), 1002),
    "text in the middle of a text": (sent(TEXT, b"a", fin=False) + sent(TEXT, b"b"), 1002),
    "binary in the middle of a text": (sent(TEXT, b"a", fin=False) + sent(BINARY, b"b"), 1002),
    "text begun in the middle of a binary": (
        sent(BINARY, b"a", fin=False) + sent(TEXT, b"b", fin=False),
        1002,
    ),
    # Close frames.
    "close of one byte": (sent(CLOSE, b"\x03"), 1002),
    **{
        f"close code {code}": (closing(code), 1002)
        for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
    "close reason that is no UTF-8": (closing(1000, b"caf\xe9"), 1007),
    "close reason that ends in a character": (closing(1000, "中".encode()[:2]), 1007),
    "close reason with a surrogate": (closing(1000, b"\xed\xa0\x80"), 1007),
    # Text that is no UTF-8.
    **{
        f"text {bad.hex()}": (sent(TEXT, HELLO + bad + HELLO), 1007)
        for bad in (
            b"\xff",
            b"\x80",
            b"\xc0\xaf",
            b"\xe0\x80\xaf",
            b"\xed\xa0\x80",
            b"\xed\xbf\xbf",
            b"\xf0\x80\x80\xaf",
            b"\xf4\x90\x80\x80",
            b"\xf8\x88\x80\x80\x80",
            b"\xe4\xb8a",
        )
    },
    "text that ends in a character": (sent(TEXT, HELLO + b"\xe4\xb8"), 1007),
    "text whose character is cut by the end of a fragment and does not go on": (
        sent(TEXT, b"\xe4\xb8", fin=False) + sent(CONTINUATION, b"a"),
        1007,
    ),
    "text whose last fragment ends in a character": (
        sent(TEXT, b"a", fin=False) + sent(CONTINUATION, b"\xe4", fin=False) + sent(CONTINUATION, b"\xb8"),
        1007,
    ),
    "text whose empty last fragment leaves a character open": (
        sent(TEXT, b"\xf0\x9f", fin=False) + sent(PONG) + sent(CONTINUATION),
        1007,
    ),
    "text that is wrong before its last fragment": (sent(TEXT, b"\xff", fin=False), 1007),
    # Over the limit.
    "message over the limit": (sent(TEXT, b"x" * (MOST + 1)), 1009),
    "message that only says to be": (sent(TEXT, declared=MOST + 1), 1009),
    "message that says to be huge": (sent(BINARY, declared=(1 << 63) - 1), 1009),
    "fragments over the limit": (
        sent(TEXT, b"x" * MOST, fin=False) + sent(CONTINUATION, fin=False) + sent(CONTINUATION, b"x"),
        1009,
    ),
    "many fragments over the limit": (
        sent(BINARY, b"x" * 1000, fin=False) + sent(CONTINUATION, b"x" * 1000, fin=False) * 65,
        1009,
    ),
    # Packets.
    "binary message of no packet": (sent(BINARY, b"hello"), 4002),
    "empty binary message": (sent(BINARY), 4002),
    "packet cut short": (sent(BINARY, packet(PACKET_TEXT, b"hi", declared=3)), 4002),
    "packet with more behind": (sent(BINARY, packet(PACKET_TEXT, b"hi", declared=1)), 4002),
    "packet of text that is no UTF-8": (sent(BINARY, packet(PACKET_TEXT, b"\xff")), 4002),
}


@pytest.mark.parametrize("data, code", WRONG_FRAMES.values(), ids=WRONG_FRAMES.keys())
def test_wrong_frames(server, chat, data, code):
    fails(chat, server, data, code)


SHORT = {name: case for name, case in WRONG_FRAMES.items() if len(case[0]) < 200}


@pytest.mark.parametrize("data, code", SHORT.values(), ids=SHORT.keys())
def test_wrong_frames_byte_by_byte(server, chat, data, code):
    fails(chat, server, data, code, chunk=1)


def test_what_comes_before_a_wrong_frame_counts(server, chat):
    alice = chat(address=server.address)
    peer = server.open(behind=cut(b"good -- FROM bob", 5) + sent(CONTINUATION, b"bad"))
    peer.expect_failed(1002)
    alice.assert_ends(PROTOCOL)
    assert alice.out.lines() == ["good -- FROM bob"]


def test_what_comes_behind_one_does_not(server, chat):
    alice = chat(address=server.address)
    peer = server.open(behind=sent(3) + sent(TEXT, b"bad -- FROM bob") + closing(4001))
    peer.expect_failed(1002)
    alice.assert_ends(PROTOCOL)
    assert alice.out.text == ""


def test_what_comes_behind_a_close_does_not(server, chat):
    alice = chat(address=server.address)
    peer = server.open(behind=closing(4001, b"kicked") + sent(TEXT, b"bad -- FROM bob") + sent(3))
    got = peer.frame()
    assert (got.opcode, got.close_code) == (CLOSE, 4001)
    peer.close_socket()
    alice.assert_ends(KICKED)
    assert alice.out.text == ""


def test_a_failed_line_is_cut_when_the_server_does_not_close(server, chat):
    """Nor is its Close answered: after the close time-out the client goes."""
    alice = chat(address=server.address)
    peer = server.open(behind=sent(3))
    got = peer.frame()
    assert (got.opcode, got.close_code) == (CLOSE, 1002)
    alice.assert_ends(PROTOCOL)
    assert peer.is_gone()


def test_what_is_wrong_while_it_logs_out(server, chat):
    """Our Close is out already; no second one follows."""
    alice = chat(address=server.address)
    peer = server.open()
    alice.connected()
    alice.end_input()
    assert peer.frame().close_code == 1000
    peer.send(sent(3))
    alice.wait()
    alice.assert_no_report()
    assert peer.is_gone() and not peer.buffer


# --- wrong handshakes -----------------------------------------------------------------------------

ACCEPT = "Sec-WebSocket-Accept"

WRONG_ANSWERS = {
    "no Accept": lambda request: request.answer(without=[ACCEPT]),
    "empty Accept": lambda request: request.answer(sec_websocket_accept=""),
    "Accept of another key": lambda request: request.answer(
        sec_websocket_accept=accept_of(base64.b64encode(bytes(16)).decode())
    ),
    "Accept that is the key": lambda request: request.answer(sec_websocket_accept=request.key),
    "Accept in capitals": lambda request: request.answer(sec_websocket_accept=accept_of(request.key).upper()),
    "Accept with more behind": lambda request: request.answer(
        sec_websocket_accept=accept_of(request.key) + "="
    ),
    "Accept twice": lambda request: request.answer(extra=[f"{ACCEPT}: {accept_of(request.key)}"]),
    "no Upgrade": lambda request: request.answer(without=["Upgrade"]),
    "other Upgrade": lambda request: request.answer(upgrade="h2c"),
    "no Connection": lambda request: request.answer(without=["Connection"]),
    "other Connection": lambda request: request.answer(connection="keep-alive"),
    "extension": lambda request: request.answer(extra=["Sec-WebSocket-Extensions: permessage-deflate"]),
    "subprotocol": lambda request: request.answer(extra=["Sec-WebSocket-Protocol: chat"]),
    "HTTP/1.0": lambda request: request.answer().replace(b"HTTP/1.1", b"HTTP/1.0", 1),
    "HTTP/2": lambda request: request.answer().replace(b"HTTP/1.1", b"HTTP/2.0", 1),
    "garbage": lambda request: os.urandom(64).replace(b"H", b"h") + b"\r\n\r\n",
    "another protocol": lambda request: b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "zeros": lambda request: bytes(1000),
    "a frame": lambda request: sent(TEXT, b"hi"),
    "status of two digits": lambda request: request.answer(status="10 Switching"),
    "status of letters": lambda request: request.answer(status="abc Switching"),
    "header without a colon": lambda request: request.answer(extra=["nonsense"]),
    "space before a colon": lambda request: request.answer(extra=["X : y"]),
    "folded header": lambda request: request.answer(extra=["X: y", " folded"]),
    "bare line feeds": lambda request: request.answer().replace(b"\r\n", b"\n") + b"\r\n\r\n",
    "control character in a value": lambda request: request.answer(extra=["X: a\x00b"]),
    "endless header": lambda request: request.answer()[:-2] + b"X: " + b"y" * 100_000,
    "endless headers": lambda request: request.answer()[:-2] + b"X: y\r\n" * 20_000,
}


@pytest.mark.parametrize("answer", WRONG_ANSWERS.values(), ids=WRONG_ANSWERS.keys())
def test_wrong_answers(server, chat, answer):
    """No WebSocket was opened, so there is nothing to close but the socket."""
    alice = chat(address=server.address)
    peer = server.accept()
    data = answer(peer.read_request())
    try:
        peer.send(data)
    except Gone:
        pass
    assert peer.is_gone() and not peer.buffer
    alice.assert_ends(PROTOCOL)
    alice.expect_error("not that of a WebSocket server")
    assert "connected" not in alice.err.text
    server.assert_nobody_waits()


WRONG_STATUS = ("200 OK", "301 Moved Permanently", "400 Bad Request", "426 Upgrade Required", "500 x")


@pytest.mark.parametrize("status", WRONG_STATUS)
def test_wrong_status(server, chat, status):
    alice = chat(address=server.address)
    peer = server.accept()
    peer.send(peer.read_request().answer(status=status, extra=["Content-Length: 4"]) + b"no.\n")
    assert peer.is_gone()
    alice.assert_ends(REFUSED)
    alice.expect_error(rf"\(HTTP {status[:3]}\)")
    server.assert_nobody_waits()


@pytest.mark.parametrize("part", [0, 1, 20, -1], ids=["before", "one byte", "status line", "all but a byte"])
def test_early_end(server, chat, part):
    alice = chat(address=server.address)
    peer = server.accept()
    peer.send(peer.read_request().answer()[:part])
    peer.close_socket()
    alice.assert_ends(LOST)
    alice.expect_error("the connection was lost")
    server.assert_nobody_waits()


def test_reset_in_the_opening(server, chat):
    alice = chat(address=server.address)
    peer = server.accept()
    peer.read_request()
    peer.reset()
    alice.assert_ends(LOST)


def test_an_answer_that_never_ends_in_time(server, chat):
    """A byte now and then keeps nobody waiting for longer than the connect time-out."""
    alice = chat(address=server.address)
    peer = server.accept()
    peer.send(peer.read_request().answer()[:-1])
    assert peer.is_gone()
    alice.assert_ends(UNREACHABLE)
    alice.expect_error("did not answer in time")


# --- right, if odd: answers -----------------------------------------------------------------------

ODD_ANSWERS = {
    "names and tokens in other letters": lambda request: request.answer(
        upgrade="WebSocket", connection="upgrade"
    ).replace(b"Sec-WebSocket-Accept", b"SEC-WEBSOCKET-ACCEPT"),
    "more in Connection": lambda request: request.answer(connection="keep-alive, Upgrade"),
    "no reason phrase": lambda request: request.answer(status="101 "),
    "other reason phrase": lambda request: request.answer(status="101 Web Socket Protocol Handshake"),
    "other headers": lambda request: request.answer(
        extra=["Server: x", "Date: now", "Set-Cookie: a=b", "Set-Cookie: c=d"]
    ),
    "blanks around values": lambda request: request.answer(upgrade=" \t websocket \t "),
    "no blanks at all": lambda request: request.answer().replace(b": ", b":"),
    "long, but not too long": lambda request: request.answer(extra=["X: " + "y" * 8000]),
}


@pytest.mark.parametrize("chunk", [None, 1], ids=["whole", "bytes"])
@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS.keys())
def test_odd_answers(server, chat, answer, chunk):
    alice = chat(address=server.address)
    peer = server.accept()
    peer.send(answer(peer.read_request()), chunk)
    alice.connected()
    alice.end_input()
    peer.expect_logout()
    alice.assert_ends(OK)


def test_frames_behind_the_answer(server, chat):
    """In the same segment."""
    alice = chat(address=server.address)
    peer = server.open(behind=sent(TEXT, b"at once -- FROM bob") + sent(PING, b"and this"))
    alice.expect("at once -- FROM bob\n")
    assert peer.frame() == Frame(PONG, b"and this")


def test_all_in_single_bytes(server, chat):
    alice = chat(address=server.address)
    peer = server.open(behind=sent(TEXT, "slow 中 -- FROM bob".encode()) + sent(PING, b"x"), chunk=1)
    alice.expect("slow 中 -- FROM bob\n")
    assert peer.frame() == Frame(PONG, b"x")


def test_the_request(server, chat):
    """Its key is another one each time, and its target says who comes."""
    keys = set()
    for _ in range(3):
        alice = chat(address=f"{server.address}/some/path?a=b", user="a b&c")
        peer = server.accept()
        request = peer.open()
        peer.shut(1000)
        assert request.target == "/some/path?a=b&user=a%20b%26c"
        assert request.headers["host"] == server.address[len("ws://") :]
        assert not {"sec-websocket-extensions", "sec-websocket-protocol", "origin"} & set(request.headers)
        keys.add(request.key)
        alice.assert_ends(LOST)
    assert len(keys) == 3


# --- right, if odd: frames ------------------------------------------------------------------------


@pytest.fixture
def line(server, chat):
    """(the client, the server's end), connected."""
    alice = chat(address=server.address)
    peer = server.open()
    return alice.connected(), peer


def cut(payload, *sizes, opcode=TEXT, between=b""):
    """A message in fragments of such sizes, the rest in the last one."""
    frames = []
    for size in sizes:
        frames.append(sent(opcode, payload[:size], fin=False))
        payload, opcode = payload[size:], CONTINUATION
    return between.join([*frames, sent(opcode, payload)])


def log_out(alice, peer):
    alice.end_input()
    peer.expect_logout()
    alice.assert_ends(OK)


MESSAGE = "fragments 中 ☺ -- FROM bob"
ENCODED = MESSAGE.encode()


def test_fragments_cut_anywhere(line):
    """In characters too; one of them may be empty, and a Ping may come between."""
    alice, peer = line
    for at in range(len(ENCODED) + 1):
        peer.send(cut(ENCODED, at) + cut(ENCODED, at, between=sent(PING, bytes([at]))))
        alice.expect(f"{MESSAGE}\n{MESSAGE}\n")
        assert peer.frame() == Frame(PONG, bytes([at]))
    log_out(alice, peer)


def test_odd_messages(line):
    alice, peer = line
    peer.send(
        sent(TEXT)  # empty
        + cut(b"", 0, 0)  # in three empty fragments
        + cut(ENCODED, *[1] * len(ENCODED))  # a byte in each, none in the last
        + cut(ENCODED, 0, 3, 0, 5, 0)
        + sent(TEXT, b"x" * MOST)
        + cut(b"y" * MOST, MOST - 1, 1)
        + sent(TEXT, b"z" * 125)
        + sent(TEXT, b"z" * 126)
        + sent(TEXT, b"z" * 65535)
        + sent(TEXT, b"z" * 65536)
        + sent(TEXT, b"end")
    )
    alice.expect("end\n")
    expected = ["", "", MESSAGE, MESSAGE, "x" * MOST, "y" * MOST]
    assert alice.out.lines() == [*expected, *("z" * size for size in (125, 126, 65535, 65536)), "end"]
    log_out(alice, peer)


def test_odd_packets(line):
    """Fragmented ones, and those of a gateway to come."""
    alice, peer = line
    text = packet(PACKET_TEXT, ENCODED)
    for at in (0, 1, 5, 6, 7, 20, len(text)):
        peer.send(cut(text, at, opcode=BINARY))
        alice.expect(f"{MESSAGE}\n")
    peer.send(sent(BINARY, packet(101)) + sent(BINARY, packet(199, b"new")) + sent(BINARY, packet(0)))
    peer.send(sent(BINARY, packet(65535, b"\xff" * 100)) + sent(BINARY, packet(PACKET_TEXT, b"end")))
    alice.expect("end\n")
    assert alice.out.lines() == [MESSAGE] * 7 + ["end"]
    log_out(alice, peer)


@pytest.mark.parametrize(
    "payload", [b"", b"x", bytes(range(125)), b"\xff" * 125], ids=["0", "1", "125", "125 ff"]
)
def test_pings_are_answered(line, payload):
    """With what they carried, also in the middle of a message."""
    alice, peer = line
    peer.send(sent(PING, payload))
    assert peer.frame() == Frame(PONG, payload)
    peer.send(sent(TEXT, b"one ", fin=False) + sent(PING, payload))
    assert peer.frame() == Frame(PONG, payload)
    peer.send(sent(CONTINUATION, b"text"))
    alice.expect("one text\n")
    log_out(alice, peer)


def test_many_pings(line):
    """Of those that come at once the newest is answered, RFC 6455 section 5.5.3; each that waits for
    its answer has one."""
    alice, peer = line
    peer.send(b"".join(sent(PING, struct.pack("!H", number)) for number in range(1000)))
    answers = []
    while not answers or answers[-1] != 999:
        got = peer.frame()
        assert got.opcode == PONG
        answers.append(struct.unpack("!H", got.payload)[0])
    assert answers == sorted(set(answers))
    log_out(alice, peer)


def test_pongs_that_nobody_asked_for(line):
    alice, peer = line
    peer.send(sent(PONG) + sent(PONG, b"unsolicited") + sent(TEXT, b"a", fin=False) + sent(PONG, b"x" * 125))
    peer.send(sent(CONTINUATION, b"b"))
    alice.expect("ab\n")
    log_out(alice, peer)


def test_split_at_every_byte(line):
    """A stream of everything, cut in two at each place in turn, and in pieces of every size."""
    alice, peer = line
    stream = (
        sent(TEXT, ENCODED)
        + sent(PING, b"p")
        + cut(ENCODED, 3, 14, between=sent(PONG))
        + sent(BINARY, packet(PACKET_TEXT, b"packet"))
        + sent(TEXT, b"q" * 130)
    )
    count = 0
    for at in range(1, len(stream)):
        peer.send(stream[:at])
        peer.send(stream[at:])
        assert peer.frame() == Frame(PONG, b"p")
        count += 1
    for size in range(1, 20):
        peer.send(stream, chunk=size)
        assert peer.frame() == Frame(PONG, b"p")
        count += 1
    peer.send(sent(TEXT, b"end"))
    alice.expect("end\n")
    assert alice.out.lines() == [MESSAGE, MESSAGE, "packet", "q" * 130] * count + ["end"]
    log_out(alice, peer)


RIGHT_CODES = (1000, 1001, 1003, 1008, 1010, 1011, 1014, 3000, 3999, 4003, 4999)


@pytest.mark.parametrize("code", RIGHT_CODES)
def test_codes_that_may_appear(server, chat, code):
    """They are answered in kind."""
    alice = chat("--once", address=server.address)
    peer = server.open()
    peer.shut(code, "grund ☺".encode())
    assert alice.wait() in (LOST, REFUSED)
    alice.expect_error(rf"Close {code} grund ☺")


def test_a_close_without_a_code(server, chat):
    alice = chat("--once", address=server.address)
    peer = server.open(behind=sent(CLOSE))
    got = peer.frame()
    assert got.opcode == CLOSE and got.close_code in (None, 1000), got
    peer.close_socket()
    alice.assert_ends(LOST)


def test_a_long_close_reason(server, chat):
    alice = chat("--once", address=server.address)
    peer = server.open()
    peer.shut(1000, b"r" * 123)
    alice.assert_ends(LOST)
    alice.expect_error("r" * 100)


def test_a_close_in_the_middle_of_a_message(server, chat):
    alice = chat(address=server.address)
    peer = server.open(behind=sent(TEXT, b"half", fin=False) + closing(4001, b"kicked"))
    assert peer.frame().close_code == 4001
    peer.close_socket()
    alice.assert_ends(KICKED)
    assert alice.out.text == ""


def test_control_characters_in_a_close_reason(server, chat):
    alice = chat("--once", address=server.address)
    peer = server.open()
    peer.shut(1000, b"\x1b[2J\n")
    alice.assert_ends(LOST)
    assert "\x1b" not in alice.err.text
    alice.expect_error(re.escape(r"\x1b[2J\n"))


def test_masks_are_never_the_same(line):
    """They come from the kernel's random source."""
    alice, peer = line
    for number in range(60):
        alice.say(str(number))
        assert peer.frame() == Frame(TEXT, str(number).encode())
    assert len(peer.masks) == 60
    log_out(alice, peer)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536])
def test_what_it_sends_is_minimal(line, size):
    """Peer.frame() checks the length fields."""
    alice, peer = line
    alice.say("x" * size)
    assert peer.frame() == Frame(TEXT, b"x" * size)

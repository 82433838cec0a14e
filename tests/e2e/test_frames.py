"""Conformance to RFC 6455 in the manner of the Autobahn suite, against --echo: framing, pings, reserved
bits and opcodes, fragments, UTF-8, closing, sizes. Each case is sent whole and in pieces, with and without
TLS."""

import contextlib

import pytest

from raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, Gone, close_payload, frame
from tls import Pair

MAX_MESSAGE = 65536

CHUNKS = pytest.mark.parametrize("chunk", [None, 1, 7], ids=["whole", "bytes", "sevens"])


@pytest.fixture(scope="module", params=["ws", "wss"])
def echo(request, start_for_module, tmp_path_factory):
    pair = Pair(tmp_path_factory.mktemp("pair")) if request.param == "wss" else None
    return start_for_module("--echo", pair=pair)


@pytest.fixture
def client(echo):
    with echo.login() as client:
        yield client


def table(cases):
    """Parametrizes over a dict of name: (values...)."""
    return [pytest.param(*values, id=name) for name, values in cases.items()]


def joined(*frames):
    return b"".join(frames)


# --- what is echoed -----------------------------------------------------------------------------

SIZES = [0, 1, 2, 124, 125, 126, 127, 128, 1000, 4095, 4096, 4097, 16384, 65534, 65535, 65536]


@pytest.mark.parametrize("opcode", [TEXT, BINARY], ids=["text", "binary"])
@pytest.mark.parametrize("size", SIZES)
def test_sizes(client, opcode, size):
    payload = (b"0123456789abcdefghijklmnopqrstuvwxyz" * (size // 36 + 1))[:size]
    for chunk in (None, 997, *([1] if size < 5000 else [])):
        client.send_frame(opcode, payload, chunk=chunk)
        assert client.message() == (opcode, payload)


@pytest.mark.parametrize(
    "key", [bytes(4), b"\xff" * 4, b"\x01\x02\x03\x04", b"\x00\x00\x00\x01"], ids=bytes.hex
)
def test_masks(client, key):
    """Every alignment of payloads in the gateway's buffer, for it unmasks with wide words."""
    payloads = [bytes(range(256))[:size] for size in range(70)]
    client.send(b"".join(frame(BINARY, payload, key=key) for payload in payloads))
    for payload in payloads:
        client.expect_binary(payload)


def test_all_bytes(client):
    payload = bytes(range(256)) * 8
    client.binary(payload)
    client.expect_binary(payload)


ECHOED = {
    "two fragments": (joined(frame(TEXT, b"hel", fin=False), frame(CONTINUATION, b"lo")), (TEXT, b"hello")),
    "two fragments, binary": (
        joined(frame(BINARY, b"\xff", fin=False), frame(CONTINUATION, b"\xfe")),
        (BINARY, b"\xff\xfe"),
    ),
    "an empty first fragment": (
        joined(frame(TEXT, b"", fin=False), frame(CONTINUATION, b"lo")),
        (TEXT, b"lo"),
    ),
    "an empty last fragment": (joined(frame(TEXT, b"hel", fin=False), frame(CONTINUATION)), (TEXT, b"hel")),
    "an empty middle fragment": (
        joined(frame(TEXT, b"hel", fin=False), frame(CONTINUATION, fin=False), frame(CONTINUATION, b"lo")),
        (TEXT, b"hello"),
    ),
    "only empty fragments": (
        joined(frame(TEXT, fin=False), frame(CONTINUATION, fin=False), frame(CONTINUATION)),
        (TEXT, b""),
    ),
    "a fragment for each byte": (
        joined(
            frame(TEXT, b"0", fin=False),
            *[frame(CONTINUATION, b"%d" % (i % 10), fin=False) for i in range(300)],
            frame(CONTINUATION, b"!"),
        ),
        (TEXT, b"0" + b"0123456789" * 30 + b"!"),
    ),
    "a character split between fragments": (
        joined(
            frame(TEXT, b"\xf0\x9f", fin=False),
            frame(CONTINUATION, b"\x98", fin=False),
            frame(CONTINUATION, b"\x80"),
        ),
        (TEXT, "😀".encode()),
    ),
    "fragments of the largest size": (
        joined(frame(BINARY, b"a" * 65535, fin=False), frame(CONTINUATION, b"b")),
        (BINARY, b"a" * 65535 + b"b"),
    ),
    "64 fragments of 1 KiB": (
        joined(
            frame(BINARY, b"x" * 1024, fin=False),
            *[frame(CONTINUATION, b"x" * 1024, fin=i == 62) for i in range(63)],
        ),
        (BINARY, b"x" * 65536),
    ),
}


@CHUNKS
@pytest.mark.parametrize(("data", "message"), table(ECHOED))
def test_fragments_are_joined(client, data, message, chunk):
    if chunk and len(data) > 5000:
        chunk *= 1000
    client.send(data, chunk)
    assert client.message() == message
    assert client.is_alive()


def test_a_message_in_fragments_comes_back_as_one_frame(client):
    client.send(joined(frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b")))
    assert client.frame() == Frame(TEXT, b"ab")


def test_many_messages_in_one_segment(client):
    messages = [
        (TEXT, b"t%d" % number) if number % 2 else (BINARY, b"\xffb%d" % number) for number in range(500)
    ]
    client.send(b"".join(frame(*message) for message in messages))
    for message in messages:
        assert client.message() == message


def test_open_messages_stay_apart(echo):
    """Readers are lent: a frame and a message in flight on one line must not leak into another."""
    first = frame(TEXT, b"one-", fin=False) + frame(CONTINUATION, b"last")
    second = frame(BINARY, b"two-", fin=False) + frame(CONTINUATION, b"last")
    with echo.login() as one, echo.login() as two, echo.login() as three:
        one.send(first[:-2])
        two.send(second[:-6])
        for number in range(20):
            three.text(f"whole {number}")
            three.expect_text(f"whole {number}")
        two.send(second[-6:])
        one.send(first[-2:])
        one.expect_text("one-last")
        two.expect_binary(b"two-last")


@pytest.mark.parametrize("place", range(1, 30))
def test_frames_cut_anywhere_on_two_lines(echo, place):
    """The same bytes on two lines, cut at every place, the other line's between them."""
    data = frame(TEXT, b"first", key=b"\x11\x22\x33\x44") + frame(PING, b"p") + frame(TEXT, b"second")
    with echo.login() as one, echo.login() as two:
        one.send(data[:place])
        two.send(data[:place])
        one.send(data[place:])
        two.send(data[place:])
        for client in (one, two):
            client.expect_text("first")
            client.expect_pong(b"p")
            client.expect_text("second")


# --- pings --------------------------------------------------------------------------------------

PINGS = {
    "empty": (frame(PING), [Frame(PONG, b"")]),
    "text": (frame(PING, b"hello"), [Frame(PONG, b"hello")]),
    "binary": (frame(PING, bytes([0, 255, 254, 253, 0])), [Frame(PONG, bytes([0, 255, 254, 253, 0]))]),
    "125 bytes": (frame(PING, bytes(range(125))), [Frame(PONG, bytes(range(125)))]),
    "ten at once": (
        joined(*[frame(PING, b"%d" % i) for i in range(10)]),
        [Frame(PONG, b"%d" % i) for i in range(10)],
    ),
    "an unasked pong": (joined(frame(PONG), frame(PING, b"x")), [Frame(PONG, b"x")]),
    "an unasked pong with payload": (joined(frame(PONG, b"unasked"), frame(PING, b"x")), [Frame(PONG, b"x")]),
    "ten unasked pongs": (
        joined(*[frame(PONG, b"%d" % i) for i in range(10)], frame(PING, b"x")),
        [Frame(PONG, b"x")],
    ),
    "between fragments": (
        joined(frame(TEXT, b"a", fin=False), frame(PING, b"in"), frame(CONTINUATION, b"b")),
        [Frame(PONG, b"in"), Frame(TEXT, b"ab")],
    ),
    "many between fragments": (
        joined(
            frame(TEXT, b"a", fin=False),
            frame(PING, b"1"),
            frame(PONG, b"no"),
            frame(CONTINUATION, b"b", fin=False),
            frame(PING, b"2"),
            frame(CONTINUATION, b"c"),
        ),
        [Frame(PONG, b"1"), Frame(PONG, b"2"), Frame(TEXT, b"abc")],
    ),
}


@CHUNKS
@pytest.mark.parametrize(("data", "answers"), table(PINGS))
def test_pings(client, data, answers, chunk):
    client.send(data, chunk)
    assert [client.frame() for _ in answers] == answers
    client.text("done")
    client.expect_text("done")


# --- what breaks a rule -------------------------------------------------------------------------

BROKEN = {
    # masks
    "unmasked text": (frame(TEXT, b"hello", masked=False), 1002),
    "unmasked, empty": (frame(TEXT, masked=False), 1002),
    "unmasked binary": (frame(BINARY, b"hello", masked=False), 1002),
    "unmasked ping": (frame(PING, b"x", masked=False), 1002),
    "unmasked close": (frame(CLOSE, close_payload(1000), masked=False), 1002),
    "unmasked continuation": (
        joined(frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b", masked=False)),
        1002,
    ),
    # control frames
    "ping of 126 bytes": (frame(PING, b"x" * 126), 1002),
    "pong of 126 bytes": (frame(PONG, b"x" * 126), 1002),
    "close of 126 bytes": (frame(CLOSE, close_payload(1000, b"x" * 124)), 1002),
    "ping of 64 KiB": (frame(PING, b"x" * 65536), 1002),
    "fragmented ping": (joined(frame(PING, b"a", fin=False), frame(CONTINUATION, b"b")), 1002),
    "fragmented pong": (frame(PONG, b"a", fin=False), 1002),
    "fragmented close": (frame(CLOSE, close_payload(1000), fin=False), 1002),
    # fragments
    "continuation of nothing": (frame(CONTINUATION, b"x"), 1002),
    "open continuation of nothing": (frame(CONTINUATION, b"x", fin=False), 1002),
    "continuation after a whole message": (joined(frame(TEXT, b"a"), frame(CONTINUATION, b"x")), 1002),
    "text inside a message": (joined(frame(TEXT, b"a", fin=False), frame(TEXT, b"b")), 1002),
    "binary inside a message": (joined(frame(TEXT, b"a", fin=False), frame(BINARY, b"b")), 1002),
    "open text inside a message": (joined(frame(TEXT, b"a", fin=False), frame(TEXT, b"b", fin=False)), 1002),
    # lengths
    "16 bits for 0": (frame(TEXT, b"", length_form=16), 1002),
    "16 bits for 5": (frame(TEXT, b"hello", length_form=16), 1002),
    "16 bits for 125": (frame(TEXT, b"x" * 125, length_form=16), 1002),
    "64 bits for 5": (frame(TEXT, b"hello", length_form=64), 1002),
    "64 bits for 126": (frame(TEXT, b"x" * 126, length_form=64), 1002),
    "64 bits for 65535": (frame(TEXT, b"x" * 65535, length_form=64), 1002),
    "16 bits for a ping": (frame(PING, b"hello", length_form=16), 1002),
    "64 bits for a close": (frame(CLOSE, close_payload(1000), length_form=64), 1002),
    "2^63": (frame(BINARY, b"", length_form=64, declared=1 << 63), 1002),
    "2^64 - 1": (frame(BINARY, b"", length_form=64, declared=(1 << 64) - 1), 1002),
    # too big
    "one byte too many": (frame(BINARY, b"x" * (MAX_MESSAGE + 1)), 1009),
    "declared one too many": (frame(BINARY, b"", declared=MAX_MESSAGE + 1), 1009),
    "declared 2^62": (frame(BINARY, b"", declared=1 << 62), 1009),
    "declared 2^63 - 1": (frame(TEXT, b"", declared=(1 << 63) - 1), 1009),
    "fragments add up": (joined(frame(BINARY, b"x" * 65535, fin=False), frame(CONTINUATION, b"xx")), 1009),
    "fragments add up, declared": (
        joined(frame(BINARY, b"x", fin=False), frame(CONTINUATION, b"", declared=65536)),
        1009,
    ),
    # text
    "invalid UTF-8": (frame(TEXT, b"\xff"), 1007),
    "invalid in the end": (frame(TEXT, b"a" * 1000 + b"\x80"), 1007),
    "invalid in a fragment": (
        joined(frame(TEXT, b"\xce\xba", fin=False), frame(CONTINUATION, b"\xed\xa0\x80")),
        1007,
    ),
    "truncated in the last fragment": (
        joined(frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"\xf0\x9f")),
        1007,
    ),
    # closing
    "close of one byte": (frame(CLOSE, b"\x03"), 1002),
    "close reason of invalid UTF-8": (frame(CLOSE, close_payload(1000, b"\xff\xfe")), 1007),
    "close reason truncated": (frame(CLOSE, close_payload(1000, b"\xf0\x9f")), 1007),
}
for rsv in range(1, 8):
    BROKEN[f"reserved bits {rsv:03b}, text"] = (frame(TEXT, b"hello", rsv=rsv), 1002)
    BROKEN[f"reserved bits {rsv:03b}, ping"] = (frame(PING, b"x", rsv=rsv), 1002)
    BROKEN[f"reserved bits {rsv:03b}, close"] = (frame(CLOSE, close_payload(1000), rsv=rsv), 1002)
    BROKEN[f"reserved bits {rsv:03b}, continuation"] = (
        joined(frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b", rsv=rsv)),
        1002,
    )
for opcode in (3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF):
    BROKEN[f"opcode {opcode:x}"] = (frame(opcode, b"hello"), 1002)
    BROKEN[f"opcode {opcode:x}, empty"] = (frame(opcode), 1002)
    BROKEN[f"opcode {opcode:x} inside a message"] = (
        joined(frame(TEXT, b"a", fin=False), frame(opcode, b"b")),
        1002,
    )
for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535):
    BROKEN[f"close code {code}"] = (frame(CLOSE, close_payload(code)), 1002)


def send_what_is_refused(client, data, chunk):
    """The gateway may have closed before all of it is sent."""
    with contextlib.suppress(Gone):
        client.send(data, chunk)


@CHUNKS
@pytest.mark.parametrize(("data", "code"), table(BROKEN))
def test_a_broken_rule(client, data, code, chunk):
    """A good message before it is echoed, the Close comes behind it, and then nothing."""
    client.text("good")
    client.expect_text("good")
    if chunk and len(data) > 5000:
        chunk *= 1000
    send_what_is_refused(client, data, chunk)
    frames = client.frames_to_close()
    assert all(got == Frame(TEXT, b"a") for got in frames[:-1]), frames
    client.check_close(frames[-1], code)
    client.expect_end(allow_reset=True)


@pytest.mark.parametrize(
    ("data", "code"), table({name: BROKEN[name] for name in ("unmasked text", "opcode 3", "invalid UTF-8")})
)
def test_good_messages_in_front_are_echoed(client, data, code):
    """All in one segment: what was right is answered first, what stands behind is not looked at."""
    client.send(joined(frame(TEXT, b"one"), frame(PING, b"two"), data, frame(TEXT, b"never")))
    client.expect_text("one")
    client.expect_pong(b"two")
    client.expect_close(code)


# --- UTF-8 --------------------------------------------------------------------------------------

VALID_TEXT = {
    "greek": "κόσμε".encode(),
    "first of 1 byte": b"\x00",
    "first of 2 bytes": b"\xc2\x80",
    "first of 3 bytes": b"\xe0\xa0\x80",
    "first of 4 bytes": b"\xf0\x90\x80\x80",
    "last of 1 byte": b"\x7f",
    "last of 2 bytes": b"\xdf\xbf",
    "last of 3 bytes": b"\xef\xbf\xbf",
    "last before the surrogates": b"\xed\x9f\xbf",
    "first after the surrogates": b"\xee\x80\x80",
    "last of all": b"\xf4\x8f\xbf\xbf",
    "no character U+FFFE": b"\xef\xbf\xbe",
    "replacement character": b"\xef\xbf\xbd",
    "byte order mark": b"\xef\xbb\xbf",
    "mixed": "Hello-µ@ßöäüàá-UTF-8!! 中文 😀".encode(),
    "long": ("aä中😀" * 3000).encode(),
}

INVALID_TEXT = {
    "lone continuation": b"\x80",
    "last continuation": b"\xbf",
    "six continuations": b"\x80\xbf\x80\xbf\x80\xbf",
    "all lone starts of 2": b"\xc2 \xdf ",
    "lone start of 3": b"\xe0 ",
    "lone start of 4": b"\xf0 ",
    "start of 5": b"\xf8\x88\x80\x80\x80",
    "start of 6": b"\xfc\x84\x80\x80\x80\x80",
    "fe": b"\xfe",
    "ff": b"\xff",
    "2 bytes, one missing": b"\xc3",
    "3 bytes, one missing": b"\xe4\xb8",
    "4 bytes, one missing": b"\xf0\x9f\x98",
    "3 bytes broken by a letter": b"\xe4\xb8a",
    "overlong slash of 2": b"\xc0\xaf",
    "overlong slash of 3": b"\xe0\x80\xaf",
    "overlong slash of 4": b"\xf0\x80\x80\xaf",
    "overlong, last of 2": b"\xc1\xbf",
    "overlong, last of 3": b"\xe0\x9f\xbf",
    "overlong, last of 4": b"\xf0\x8f\xbf\xbf",
    "overlong NUL": b"\xc0\x80",
    "first surrogate": b"\xed\xa0\x80",
    "last surrogate": b"\xed\xbf\xbf",
    "a pair of surrogates": b"\xed\xa0\x80\xed\xb0\x80",
    "above the last": b"\xf4\x90\x80\x80",
    "far above": b"\xf7\xbf\xbf\xbf",
    "in the middle": "κόσμε".encode() + b"\xed\xa0\x80" + b"edited",
}


def sent_as(payload, fragments):
    """One frame, or one for each byte."""
    if fragments == "one frame" or len(payload) < 2:
        return frame(TEXT, payload)
    middle = [frame(CONTINUATION, payload[i : i + 1], fin=False) for i in range(1, len(payload) - 1)]
    return joined(frame(TEXT, payload[:1], fin=False), *middle, frame(CONTINUATION, payload[-1:]))


FRAGMENTS = pytest.mark.parametrize("fragments", ["one frame", "fragments"])


@FRAGMENTS
@CHUNKS
@pytest.mark.parametrize("payload", VALID_TEXT.values(), ids=VALID_TEXT.keys())
def test_valid_text(client, payload, chunk, fragments):
    client.send(sent_as(payload, fragments), chunk and (chunk if len(payload) < 1000 else 1000 * chunk))
    assert client.message() == (TEXT, payload)


@FRAGMENTS
@CHUNKS
@pytest.mark.parametrize("payload", INVALID_TEXT.values(), ids=INVALID_TEXT.keys())
def test_invalid_text(client, payload, chunk, fragments):
    send_what_is_refused(client, sent_as(payload, fragments), chunk)
    client.expect_close(1007)


@FRAGMENTS
@pytest.mark.parametrize("payload", INVALID_TEXT.values(), ids=INVALID_TEXT.keys())
def test_binary_may_hold_anything(client, payload, fragments):
    client.binary(payload)
    client.expect_binary(payload)


# --- closing ------------------------------------------------------------------------------------

GOOD_CODES = [
    1000,
    1001,
    1002,
    1003,
    1007,
    1008,
    1009,
    1010,
    1011,
    1012,
    1013,
    1014,
    3000,
    3008,
    3999,
    4000,
    4999,
]


@CHUNKS
@pytest.mark.parametrize("code", GOOD_CODES)
def test_a_close_is_answered_with_its_code(client, code, chunk):
    client.send_frame(CLOSE, close_payload(code, b"reason"), chunk=chunk)
    assert client.frame().close_code == code
    client.expect_end()


@pytest.mark.parametrize(
    "reason", [b"", b"x", "äöü".encode(), b"x" * 123], ids=["none", "one byte", "umlauts", "123 bytes"]
)
def test_a_close_with_a_reason(client, reason):
    client.close(1000, reason)
    assert client.frame().close_code == 1000
    client.expect_end()


def test_a_close_without_a_code(client):
    client.send_frame(CLOSE)
    answer = client.frame()
    assert answer.opcode == CLOSE
    assert answer.payload in (b"", close_payload(1000))
    client.expect_end()


@pytest.mark.parametrize(
    "behind",
    [
        frame(TEXT, b"late"),
        frame(PING, b"late"),
        frame(CLOSE, close_payload(1001)),
        frame(3, b"broken"),
        b"\xff" * 64,
    ],
    ids=["text", "ping", "close", "broken frame", "rubbish"],
)
def test_what_comes_behind_a_close_is_not_looked_at(client, behind):
    client.send(frame(CLOSE, close_payload(1000)) + behind)
    assert client.frame().close_code == 1000
    client.expect_end(allow_reset=True)


def test_a_close_behind_messages(client):
    client.send(
        joined(*[frame(TEXT, b"%d" % number) for number in range(100)], frame(CLOSE, close_payload(1000)))
    )
    for number in range(100):
        client.expect_text(str(number))
    client.expect_close(1000)


def test_a_close_inside_a_message(client):
    client.send(joined(frame(TEXT, b"never ended", fin=False), frame(CLOSE, close_payload(1000))))
    client.expect_close(1000)


@pytest.mark.parametrize("echo", ["ws"], indirect=True)  # Python's TLS cannot end one half
def test_an_end_without_a_close(client):
    """The gateway answers the end of the other side with its own."""
    client.text("last")
    client.end_writing()
    client.expect_text("last")
    client.expect_end()


# --- the size limit is an option ----------------------------------------------------------------


def test_max_message(start):
    echo = start("--echo", "--max-message", 1000)
    with echo.login() as client:
        client.binary(b"x" * 1000)
        client.expect_binary(b"x" * 1000)
        client.binary(b"x" * 1001)
        client.expect_close(1009)


BEYOND = {
    "a frame": [frame(BINARY, declared=65537)],
    "the largest": [frame(TEXT, declared=(1 << 63) - 1)],
    "the last fragment": [frame(TEXT, b"x" * 60000, fin=False), frame(CONTINUATION, declared=5537)],
    "one in the middle": [frame(BINARY, b"x" * 60000, fin=False), frame(CONTINUATION, declared=5537, fin=False)],
}


@pytest.mark.parametrize("frames", BEYOND.values(), ids=BEYOND.keys())
def test_too_much_is_told_by_its_header(client, frames):
    """No byte of the payload comes, nor has to."""
    client.send(b"".join(frames))
    client.expect_close(1009, end=False)


def test_a_larger_max_message(start):
    echo = start("--echo", "--max-message", 1 << 20, "--tx-queue-limit", 1 << 22)
    payload = b"0123456789abcdef" * (1 << 16)
    with echo.login() as client:
        client.binary(payload)
        client.expect_binary(payload)
        client.send_frame(BINARY, payload + b"x")
        client.expect_close(1009)

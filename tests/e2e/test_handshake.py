"""The opening: every row of the table of PROTOCOL section 1, over raw sockets."""

import contextlib
import json
import pathlib
import re
import signal
import time
import urllib.parse

import pytest

from raw import (
    BINARY,
    CLOSE,
    KEY,
    PACKET_PING,
    PACKET_PONG,
    PING,
    TEXT,
    Gone,
    close_payload,
    frame,
    packet,
    request,
)
from waiting import wait_until

HEAD_MAX = 16384
VECTORS = json.loads((pathlib.Path(__file__).resolve().parents[1] / "vectors.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def gateway(start_for_module):
    return start_for_module()


@pytest.fixture(scope="module")
def echo(start_for_module):
    return start_for_module("--echo")


def latin(text):
    """What has the bytes of UTF-8 where it is sent as Latin-1."""
    return text.encode("utf-8").decode("latin-1")


def padded(total):
    """A valid head of `total` bytes."""
    plain = len(request(extra=["X-Padding: "]))
    head = request(extra=["X-Padding: " + "x" * (total - plain)])
    assert len(head) == total
    return head


# --- upgrades -----------------------------------------------------------------------------------

VALID = {
    "plain": request(),
    "any path": request("/some/where?user=alice"),
    "other parameters": request("/?x=1&user=alice&y=2"),
    "names of headers in any case": request()
    .replace(b"Sec-WebSocket-", b"sEC-wEBSOCKET-")
    .replace(b"Host", b"HOST"),
    "tokens in any case": request(upgrade="WebSocket", connection="upgrade"),
    "one token among others": request(connection="keep-alive, Upgrade"),
    "no space behind a colon": request().replace(b": ", b":"),
    "spaces and tabs around a value": request().replace(b"Version: 13", b"Version: \t 13\t "),
    "extensions are not taken": request(
        extra=["Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"]
    ),
    "subprotocols are not taken": request(extra=["Sec-WebSocket-Protocol: chat, superchat"]),
    "an origin": request(extra=["Origin: http://elsewhere.example"]),
    "many headers": request(extra=[f"X-{number}: y" for number in range(200)]),
    "the longest head": padded(HEAD_MAX),
    # As clients of others send it.
    "9 KB of cookies": request(extra=["Cookie: " + "; ".join(f"c{i}={'x' * 200}" for i in range(44))]),
    "raw UTF-8 in the path, as Go's and Python's send it": request(latin("/中/?user=alice")),
    "raw UTF-8 in the name": request(latin("/?user=中")),
    "no slash, as Qt's sends it": request("?user=alice"),
    "a URL": request("ws://localhost:8000/?user=alice"),
    "a URL for HTTP": request("http://localhost/?user=alice"),
    "a URL without a path": request("wss://localhost?user=alice"),
    "an IPv6 host in brackets": request(host="[::1]:8000"),
    "an IPv6 host without, as npm's websocket sends it": request(host="::1:8000"),
}


@pytest.mark.parametrize("head", VALID.values(), ids=VALID.keys())
def test_a_valid_upgrade(gateway, head):
    with gateway.raw() as client:
        client.upgrade(head=head)
        client.round_trip()


@pytest.mark.parametrize("head", VALID.values(), ids=VALID.keys())
def test_a_valid_upgrade_byte_by_byte(gateway, head):
    with gateway.raw() as client:
        client.upgrade(head=head, chunk=1)
        client.round_trip()


def test_the_key_of_rfc_6455(gateway):
    """The example of its section 4.1 has bits left over in its last digit."""
    key = "AQIDBAUGBwgJCgsMDQ4PEC=="
    with gateway.raw() as client:
        client.upgrade(head=request(sec_websocket_key=key), key=key)
        client.round_trip()


def test_a_head_split_anywhere(echo):
    """At every place, with a frame in the segment that ends the head."""
    whole = request("/") + frame(TEXT, b"first")
    for place in range(1, len(whole)):
        with echo.raw() as client:
            client.send(whole[:place])
            client.send(whole[place:])
            client.expect_upgrade()
            client.expect_text("first")


def test_frames_behind_the_head_in_one_segment(gateway):
    with gateway.raw() as client:
        frames = [frame(BINARY, packet(PACKET_PING, b"%d" % number)) for number in range(50)]
        client.send(request() + frame(PING, b"early") + b"".join(frames) + frame(CLOSE, close_payload(1000)))
        client.expect_upgrade()
        client.expect_pong(b"early")
        for number in range(50):
            client.expect_binary(packet(PACKET_PONG, b"%d" % number))
        client.expect_close(1000)


def test_who_has_his_101_gets_what_others_send(gateway):
    """He is in the table before the 101 leaves."""
    with gateway.login("alice") as alice, gateway.raw() as first:
        first.upgrade("/?user=bob")
        for number in range(200):
            with gateway.raw() as bob:
                bob.upgrade("/?user=bob")
                alice.text(str(number))
                bob.expect_text(f"{number} -- FROM alice")


# --- users --------------------------------------------------------------------------------------

USERS = {
    "plain": ("user=carol", "carol"),
    "one byte": ("user=c", "c"),
    "64 bytes": ("user=" + "c" * 64, "c" * 64),
    "64 bytes, encoded": ("user=" + "%63" * 64, "c" * 64),
    "percent-decoded": ("user=a%26b%3d1%23x", "a&b=1#x"),
    "a plus sign is a plus sign": ("user=a+b", "a+b"),
    "UTF-8": ("user=%E4%B8%AD%F0%9F%98%80", "中😀"),
    "a space": ("user=a%20b", "a b"),
    "among others": ("a=1&user=carol&users=x&xuser=y", "carol"),
}

BAD_USERS = {
    "no query": "/",
    "empty query": "/?",
    "missing": "/?name=carol",
    "other case": "/?User=carol",
    "no value": "/?user",
    "empty": "/?user=",
    "repeated": "/?user=carol&user=carol",
    "repeated, once empty": "/?user=carol&user=",
    "65 bytes": "/?user=" + "c" * 65,
    "66 bytes of UTF-8": "/?user=" + "%E4%B8%AD" * 22,
    "NUL": "/?user=a%00b",
    "newline": "/?user=a%0Ab",
    "unit separator": "/?user=%1F",
    "delete": "/?user=a%7F",
    "invalid UTF-8": "/?user=a%FF",
    "overlong UTF-8": "/?user=%C0%80",
    "surrogate": "/?user=%ED%A0%80",
    "truncated UTF-8": "/?user=%E4%B8",
    "no hexadecimal": "/?user=%zz",
    "half an escape": "/?user=a%4",
    "a lone percent": "/?user=%",
}


@pytest.mark.parametrize(("query", "user"), USERS.values(), ids=USERS.keys())
def test_a_valid_user(gateway, query, user):
    with gateway.login("reader") as reader, gateway.raw() as client:
        client.upgrade("/?" + query)
        client.text("hi")
        reader.expect_text(f"hi -- FROM {user}")


@pytest.mark.parametrize("target", BAD_USERS.values(), ids=BAD_USERS.keys())
def test_an_invalid_user(gateway, target):
    """The upgrade succeeds: a browser cannot read an HTTP error, it can read a close code."""
    with gateway.raw() as client:
        client.upgrade(target)
        client.expect_close(4000, "bad login")


@pytest.mark.parametrize("target", BAD_USERS.values(), ids=BAD_USERS.keys())
def test_echo_needs_no_user(echo, target):
    with echo.raw() as client:
        client.upgrade(target)
        client.text("hi")
        client.expect_text("hi")


@pytest.mark.parametrize("row", VECTORS["names"], ids=[row["name"] for row in VECTORS["names"]])
def test_names(gateway, row):
    name = bytes.fromhex(row["hex"])
    with gateway.raw() as client:
        client.upgrade("/?user=" + urllib.parse.quote_from_bytes(name, safe=""))
        if row["valid"]:
            client.round_trip()
        else:
            client.expect_close(4000, "bad login")


# --- refusals -----------------------------------------------------------------------------------

UPGRADE = {"upgrade": "websocket"}
VERSION = {"sec-websocket-version": "13"}
ALLOW = {"allow": "GET"}
NO_UPGRADE = ("Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")

REFUSED = {
    # no upgrade
    "a plain GET": (request(without=NO_UPGRADE), 426, UPGRADE),
    "no upgrade, keep-alive": (request(without=NO_UPGRADE, extra=["Connection: keep-alive"]), 426, UPGRADE),
    # the version
    "version 8": (request(sec_websocket_version="8"), 426, VERSION),
    "version 0": (request(sec_websocket_version="0"), 426, VERSION),
    "version 130": (request(sec_websocket_version="130"), 426, VERSION),
    "version of text": (request(sec_websocket_version="new"), 426, VERSION),
    # the key
    "no key": (request(without=["Sec-WebSocket-Key"]), 400, {}),
    "key twice": (request(extra=[f"Sec-WebSocket-Key: {KEY}"]), 400, {}),
    "empty key": (request(sec_websocket_key=""), 400, {}),
    "short key": (request(sec_websocket_key="AAAAAAAAAAAAAAAAAAAA"), 400, {}),
    "long key": (request(sec_websocket_key="A" * 26 + "=="), 400, {}),
    "key without padding": (request(sec_websocket_key=KEY.rstrip("=")), 400, {}),
    "key not of base64": (request(sec_websocket_key="!" * 22 + "=="), 400, {}),
    "key of 17 bytes": (request(sec_websocket_key="A" * 23 + "="), 400, {}),
    # Host
    "no host": (request(without=["Host"]), 400, {}),
    "host twice": (request(extra=["Host: elsewhere"]), 400, {}),
    # methods
    "POST": (request(method="POST"), 405, ALLOW),
    "OPTIONS": (request(method="OPTIONS"), 405, ALLOW),
    "CONNECT": (request(method="CONNECT"), 405, ALLOW),
    "get in small letters": (request(method="get"), 405, ALLOW),
    "a method of its own": (request(method="BREW"), 405, ALLOW),
    # bodies
    "a body by length": (request(extra=["Content-Length: 5"]) + b"hello", 400, {}),
    "a body in chunks": (request(extra=["Transfer-Encoding: chunked"]) + b"0\r\n\r\n", 400, {}),
    # versions of HTTP
    "HTTP/1.0": (request(version="HTTP/1.0"), 400, {}),
    "HTTP/2.0": (request(version="HTTP/2.0"), 400, {}),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400, {}),
    "no version": (request(version=""), 400, {}),
    "http in small letters": (request(version="http/1.1"), 400, {}),
    "HTTP/1.10": (request(version="HTTP/1.10"), 400, {}),
    # syntax
    "two spaces": (request(" /?user=alice"), 400, {}),
    "a space in the target": (request("/?user=a b"), 400, {}),
    "a tab in the target": (request("/?user=a\tb"), 400, {}),
    "no target": (request(""), 400, {}),
    "a space before a colon": (request(extra=["X-Y : z"]), 400, {}),
    "a space in a name": (request(extra=["X Y: z"]), 400, {}),
    "a name of nothing": (request(extra=[": z"]), 400, {}),
    "no colon": (request(extra=["X-Y"]), 400, {}),
    "a folded line": (request(extra=["X-Y: z", " folded"]), 400, {}),
    "a folded first line": (request().replace(b"Host", b" Host"), 400, {}),
    "a NUL in a value": (request(extra=["X-Y: \0"]), 400, {}),
    "a control character in a value": (request(extra=["X-Y: \x01"]), 400, {}),
    "a bare CR in a value": (request(extra=["X-Y: a\rb"]), 400, {}),
    "a bare LF ends a line": (request().replace(b"localhost\r\n", b"localhost\n"), 400, {}),
    "bare LFs throughout": (request().replace(b"\r\n", b"\n"), 400, {}),
    # the size
    "one byte too long": (padded(HEAD_MAX + 1), 431, {}),
    "far too long": (padded(5 * HEAD_MAX), 431, {}),
    "an endless target": (b"GET /" + b"a" * (2 * HEAD_MAX), 431, {}),
    # not HTTP at all
    "a PROXY header": (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + request(), 400, {}),
    "a binary PROXY header": (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12) + request(), 400, {}),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 405, ALLOW),
    "a TLS hello": (bytes.fromhex("16030100c8010000c40303") + bytes(200), 400, {}),
    "SSH": (b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n", 400, {}),
    "binary": (bytes(range(128, 256)), 400, {}),
    "NULs": (bytes(64), 400, {}),
    "an empty line": (b"\n", 400, {}),
    # the order of the checks
    "method before version of HTTP": (request(method="POST", version="HTTP/1.0"), 405, ALLOW),
    "method before Host": (request(method="POST", without=["Host"]), 405, ALLOW),
    "syntax before method": (request(method="POST", extra=["X-Y : z"]), 400, {}),
    "version of HTTP before upgrade": (request(version="HTTP/1.0", without=NO_UPGRADE), 400, {}),
    "Host before upgrade": (request(without=("Host", *NO_UPGRADE)), 400, {}),
    "upgrade before version": (
        request(without=["Upgrade", "Connection"], sec_websocket_version="8"),
        426,
        UPGRADE,
    ),
    "version before key": (request(sec_websocket_version="8", sec_websocket_key="x"), 426, VERSION),
    "key before user": (request("/", sec_websocket_key="x"), 400, {}),
}


def check_refusal(client, status, headers):
    answer = client.refusal()
    assert answer.status == status, answer
    for name, value in headers.items():
        assert answer.headers.get(name) == value, answer
    assert re.fullmatch(rb"[^\n]*\n?", answer.body), "the body is one plain line"


@pytest.mark.parametrize(("head", "status", "headers"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refusal(gateway, head, status, headers):
    with gateway.raw() as client:
        with contextlib.suppress(Gone):
            client.send(head)
        check_refusal(client, status, headers)


BYTE_BY_BYTE = [name for name, (head, *_) in REFUSED.items() if len(head) <= HEAD_MAX]


@pytest.mark.parametrize("name", BYTE_BY_BYTE)
def test_a_refusal_byte_by_byte(gateway, name):
    """The same answer, which may leave, and the end with it, before the last byte is sent."""
    head, status, headers = REFUSED[name]
    with gateway.raw() as client:
        with contextlib.suppress(Gone):
            client.send(head, chunk=1)
        check_refusal(client, status, headers)


def test_upgrade_without_connection(gateway):
    """One of the two tokens is missing: no upgrade, or a broken one."""
    for missing in ("Connection", "Upgrade"):
        with gateway.raw() as client:
            client.send(request(without=[missing]))
            assert client.refusal().status in (400, 426)


HEADS = {
    "whole": (request(method="HEAD"), 405),
    "malformed": (b"HEAD / HTTP/1.1\r\nX-Y : z\r\n", 400),
    "too long": (b"HEAD /" + b"a" * HEAD_MAX, 431),
}


@pytest.mark.parametrize(("head", "status"), HEADS.values(), ids=HEADS.keys())
def test_a_head_gets_no_body(gateway, head, status):
    with gateway.raw() as client:
        client.send(head)
        answer = client.answer()
        assert answer.status == status
        assert int(answer.headers["content-length"]) > 0  # of what a GET would get
        client.expect_end()


def test_a_refused_request_gets_one_answer(gateway):
    """What is pipelined behind a refused request is not served."""
    with gateway.raw() as client:
        client.send(request(method="POST") + request())
        answer = client.refusal()
        assert answer.status == 405
        assert b"HTTP/1.1" not in answer.body


# --- deadlines and limits -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [b"", b"GET /?user=alice HTTP/1.1\r\nHost:", request()[:-1]],
    ids=["nothing", "half", "all but a byte"],
)
def test_a_head_that_does_not_come(start, sent):
    """408 or a plain close, not before its time."""
    gateway = start("--handshake-deadline", 1)
    with gateway.raw() as client:
        before = time.monotonic()
        client.send(sent)
        data = client.sock.recv(1 << 16)
        assert time.monotonic() - before >= 1
        if data:
            client.buffer += data
            assert client.refusal().status == 408


def test_the_limit_of_a_head_is_an_option(start):
    gateway = start("--max-head", 1024)
    with gateway.raw() as client:
        client.upgrade(head=padded(1024))
        client.round_trip()
    with gateway.raw() as client:
        client.send(padded(1025))
        assert client.refusal().status == 431
    gateway = start("--max-head", 65536)
    with gateway.raw() as client:
        client.upgrade(head=padded(65536))
        client.round_trip()


def test_bytes_do_not_renew_the_handshake_deadline(start):
    """A byte every 50 ms, from somebody who has all the time of the world."""
    gateway = start("--handshake-deadline", 1)
    with gateway.raw() as client:
        client.sock.settimeout(0.05)
        head = iter(request(extra=[f"X-{number}: y" for number in range(500)]))
        with contextlib.suppress(Gone, ConnectionResetError):
            while True:
                client.send(bytes([next(head)]))
                with contextlib.suppress(TimeoutError):
                    got = client.sock.recv(1 << 16)
                    assert got == b"" or got.startswith(b"HTTP/1.1 408 ")
                    break


def test_a_drain_refuses_newcomers(start):
    gateway = start("--close-deadline", 60, drain=3)
    with gateway.login("alice") as alice, gateway.raw() as waiting:
        waiting.send(request("/?user=late")[:20])
        gateway.signal(signal.SIGTERM)

        def is_refused():
            with gateway.raw() as newcomer:
                newcomer.send(request("/?user=bob"))
                answer = newcomer.answer()
                assert answer.status in (101, 503)
                return answer.status == 503 and int(answer.headers["retry-after"]) >= 1

        wait_until(is_refused, "newcomers are refused")
        assert is_refused()  # and stay so
        alice.expect_close(1012, re.compile(r"retry_ms=\d+"))
    gateway.assert_ends(0)

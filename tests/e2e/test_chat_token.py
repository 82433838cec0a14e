"""tidegate-chat and its token: from a file, read again at each need, and shown to nobody else."""

import os
import time

import pytest

from chatting import LOCAL, OK, REFUSED, USAGE
from identity import Key, write
from scripted import Server
from raw import BINARY, packet
from talking import SESSION, string
from waiting import wait_until

V1 = "Sec-WebSocket-Protocol: tidegate.v1"
TOKEN = 103


@pytest.fixture(scope="module")
def key():
    return Key(kid="1")


@pytest.fixture(scope="module")
def gateway(start_for_module, tmp_path_factory, key):
    path = write(tmp_path_factory.mktemp("keys") / "keys.json", key)
    return start_for_module("--auth", "token", "--auth-keys", path, "--workers", "2")


def ws(gateway):
    return f"ws://127.0.0.1:{gateway.port}"


@pytest.fixture
def token_file(tmp_path):
    """Writes the file in one step, as who replaces it should: token_file("text") -> its path."""
    path = tmp_path / "token"

    def put(text):
        fresh = tmp_path / "fresh"
        fresh.write_text(text, encoding="utf-8")
        os.replace(fresh, path)
        return path

    return put


@pytest.fixture
def chats(chat):
    """Chats whose output is looked through for each token of theirs."""
    started, tokens = [], []

    def start(path, *options, **more):
        tokens.extend(path.read_text(encoding="utf-8").split())
        started.append(chat(f"--token-file={path}", *options, **more))
        return started[-1]

    start.tokens = tokens
    yield start
    for one in started:
        for token in tokens:
            assert token not in one.out.text + one.err.text


def test_whose_token_it_is(gateway, chats, token_file, key):
    """Without a user the token says who it is; beside one both have to be the same."""
    alice = chats(token_file(key.sign("alice") + "\n"), "--stay", address=ws(gateway), user=None)
    alice.err.expect("connecting to .* as the token's user")
    alice.connected()
    bob = chats(token_file("  " + key.sign("bob") + "\r\nsecond line\n"), "--v1", address=ws(gateway), user="bob")
    bob.connected()
    bob.say("/to @alice hello")
    alice.out.expect("hello -- FROM bob")
    eve = chats(token_file(key.sign("bob")), address=ws(gateway), user="eve")
    eve.err.expect("not authenticated.*3000 bad token")
    eve.assert_ends(REFUSED)


def test_what_is_refused_is_asked_for_once_more(gateway, chats, token_file, key):
    """The file is read again: with another token in it, the login succeeds."""
    path = token_file(key.sign("alice", ttl=-60))
    stale = chats(path, address=ws(gateway), user="alice")
    stale.err.expect("3000 expired")
    stale.err.expect("the token that was refused, once more")
    stale.assert_ends(REFUSED)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (" \n\n", "it is empty"),
        ("Bearer secret.of.mine", "its first line is more than a token"),
        ("sec*ret", "a token has 1 to 4096 bytes: letters, digits and -._~+/="),
        ("x" * 4097, "its first line is longer than a token's 4096 bytes"),
    ],
)
def test_a_file_without_a_token(gateway, chats, token_file, text, why):
    path = token_file(text)
    alice = chats(path, address=ws(gateway), user="alice")
    alice.err.expect_text(f"no token in {path}: {why}")
    alice.err.expect("no token was to be had")
    alice.assert_ends(LOCAL)


def test_no_file(gateway, chat, tmp_path):
    alice = chat(f"--token-file={tmp_path}/none", address=ws(gateway))
    alice.err.expect_text(f"no token in {tmp_path}/none: No such file or directory")
    alice.assert_ends(LOCAL)


def test_somebody_has_to_be_named(chat):
    nobody = chat(user=None)
    nobody.err.expect("who are you")
    nobody.assert_ends(USAGE)


# --- in the session -------------------------------------------------------------------------------


def session(seconds, result=0):
    return packet(SESSION, bytes([result]) + seconds.to_bytes(4, "big") + string("alice") + string(""))


def next_token(peer):
    """The next packet 103; heartbeats are answered."""
    while (got := peer.frame()).opcode != BINARY:
        peer.answer_ping(got)
    assert int.from_bytes(got.payload[:2], "big") == TOKEN
    return got.payload[6:].decode()


def open_v1(server):
    peer = server.accept()
    request = peer.read_request()
    peer.send(request.answer(extra=[V1]))
    return peer, request.headers["authorization"]


def test_a_fresh_token_before_the_end(chats, token_file):
    """What is in the file by then goes into the session; what is wrong with it is told, and the session
    goes on."""
    with Server() as server:
        path = token_file("first.one")
        chat = chats(path, "--v1", "--heartbeat=0", address=server.address, user="alice")
        peer, shown = open_v1(server)
        assert shown == "Bearer first.one"
        chat.connected()
        token_file("second.one")
        chats.tokens.append("second.one")
        peer.send_frame(BINARY, session(8))
        assert next_token(peer) == "second.one"
        peer.send_frame(BINARY, session(8))
        token_file("")
        chat.err.expect_text(f"no token in {path}: it is empty")
        token_file("third.one")
        chats.tokens.append("third.one")
        assert next_token(peer) == "third.one"
        # A line that is lost asks again.
        token_file("fourth.one")
        chats.tokens.append("fourth.one")
        peer.reset()
        peer, shown = open_v1(server)
        assert shown == "Bearer fourth.one"
        chat.end_input()
        peer.expect_logout()
        chat.assert_ends(OK)


@pytest.mark.slow
def test_a_session_outlives_its_tokens(gateway, chats, token_file, key):
    """Against the gateway itself: three tokens of 40 s, one session."""
    chat = chats(token_file(key.sign("zoe", ttl=10, tg={"all": True})), "--v1", "-v", address=ws(gateway), user="zoe").connected()
    until = time.monotonic() + 60
    while time.monotonic() < until:
        token = key.sign("zoe", ttl=10, tg={"all": True})
        token_file(token)
        chats.tokens.append(token)
        time.sleep(1)
    chat.say("still here")
    chat.end_input()
    chat.assert_ends(OK)
    assert "reconnecting" not in chat.err.text
    wait_until(lambda: gateway.matching("user zoe out: closed by the client"), "the end is that of the user")

"""Who is who at a hand-over: tokens, their ends and rights, addresses, and what counts against them."""

import socket
import struct

import pytest

from admin import Admin
from gateway import free_port
from handover import hand_over, while_it_hands_over
from identity import Holder, Key, bearer, write
from raw import request
from talking import BUSY, DONE, NOT_ALLOWED, TAKEN_OUT, Talker
from waiting import wait_until

pytestmark = pytest.mark.threads


@pytest.fixture(scope="module")
def key():
    return Key(kid="1")


@pytest.fixture
def serve_tokens(serve, tmp_path, key):
    """With the file of keys: serve_tokens() -> (gateway, admin)."""
    path = write(tmp_path / "keys.json", key)
    return lambda *options: serve("--auth", "token", "--auth-keys", path, *options)


def test_rights_go_along(serve_tokens, key):
    gateway, admin = serve_tokens()
    rights = {"say": ["@bo*", "#team-*"], "join": ["team-*"], "all": True}
    alice, bob = Holder(gateway.raw(), key.sign("alice", tg=rights)), Holder(gateway.raw(), key.sign("bob", tg={}))
    assert alice.join("team-1") == (DONE, 1)
    hand_over(gateway, admin)
    assert alice.say("@bob", "you") == (DONE, 1)
    assert bob.message().text == "you"
    assert alice.say("@carol", "you") == (NOT_ALLOWED, 0)
    assert alice.join("other") == (NOT_ALLOWED, 0)
    assert alice.join("team-2") == (DONE, 1)
    assert bob.join("team-1") == (NOT_ALLOWED, 0)
    assert bob.say("", "?") == (NOT_ALLOWED, 0)
    alice.say("", "everybody")
    assert bob.text() == "everybody -- FROM alice"


def test_a_fresh_token_behind_it(serve_tokens, key):
    """What it allows no more is taken away, of what the old one had let it in; and how soon it comes counts on."""
    gateway, admin = serve_tokens()
    alice = Holder(gateway.raw(), key.sign("alice", tg={"join": ["a"]}))
    bob = Holder(gateway.raw(), key.sign("bob"))
    assert bob.refresh(key.sign("bob", 900))[0] == DONE
    assert admin.put("/v1/rooms/staff/members/alice").status in (200, 204)
    assert alice.members()[0] == "staff"
    alice.join("a")
    hand_over(gateway, admin)
    alice.send(103, key.sign("alice", tg={}).encode())
    assert alice.members() == ("a", 0, TAKEN_OUT, "")
    assert alice.session()[0] == DONE
    assert alice.leave("staff") == (DONE, 0)
    assert bob.refresh(key.sign("bob", 1200))[0] == BUSY


def test_tokens_end_when_they_would_have(serve_tokens, key):
    """Their sessions last 30 s longer than they do: these some three seconds more."""
    gateway, admin = serve_tokens()
    alice, bob = (Holder(gateway.raw(), key.sign(user, -27)) for user in ("alice", "bob"))
    carol = Holder(gateway.raw(), key.sign("carol", 600))
    before = admin.user("carol")["token_left_ms"]
    hand_over(gateway, admin)
    assert bob.refresh(key.sign("bob"))[0] == DONE
    assert before - 60_000 < admin.user("carol")["token_left_ms"] <= before
    alice.raw.expect_close(3000, "expired")
    bob.expect_nothing()
    carol.expect_nothing()
    assert admin.status()["ends"]["token_expired"] == 1


def test_keys_are_read_anew(serve_tokens, key, tmp_path):
    gateway, admin = serve_tokens()
    alice = Holder(gateway.raw(), key.sign("alice"))
    other = Key(kid="2")
    write(tmp_path / "keys.json", other)
    hand_over(gateway, admin)
    alice.expect_nothing()
    Holder(gateway.raw(), other.sign("late")).expect_nothing()
    with gateway.raw() as refused:
        refused.send(request("/", extra=[bearer(key.sign("bob"))]))
        assert refused.answer().status == 101
        refused.expect_close(3000, "bad token")


def test_a_login_whose_token_is_judged(serve_tokens, key):
    """Openings with a token that arrive while it stands: each is judged once, and in."""
    gateway, admin = serve_tokens("--workers", 1)
    openings = []

    def open_one():
        openings.append(Holder(gateway.raw(), key.sign(f"user{len(openings)}")))

    while_it_hands_over(gateway, open_one)
    for holder in openings:
        holder.expect_nothing()


# --- addresses ------------------------------------------------------------------------------------


def proxied(client_address, client_port):
    """A PROXY header of version 2, for IPv4 on TCP."""
    addresses = socket.inet_aton(client_address) + socket.inet_aton("192.0.2.1") + struct.pack("!HH", client_port, 443)
    return b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", len(addresses)) + addresses


def test_addresses_of_clients(start):
    """By a PROXY header, whole and half sent, and by X-Forwarded-For: they are shown, and count, as before."""
    plain, proxy = f"127.0.0.1:{free_port()}", f"proxy:127.0.0.1:{free_port()}"
    gateway = start("--admin", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1", "--per-ip-connections", 2, listen=[plain, proxy])
    admin = Admin(gateway)
    whole, half = gateway.raw(spec=proxy), gateway.raw(spec=proxy)
    header = proxied("198.51.100.7", 7777)
    whole.send(header)
    whole.upgrade("/?user=whole")
    half.send(header[:17])
    named = gateway.raw(spec=plain)
    named.upgrade(head=request("/?user=named", extra=["X-Forwarded-For: 203.0.113.9"]))
    wait_until(lambda: admin.status()["totals"]["connections"] == 3, "all are there")
    hand_over(gateway, admin)
    half.send(header[17:])
    half.upgrade("/?user=half")
    assert admin.user("whole")["address"] == admin.user("half")["address"] == "198.51.100.7:7777"
    assert admin.user("named")["address"].startswith("203.0.113.9")
    # The third one of its address is one too many, whoever took the first two.
    with gateway.raw(spec=proxy) as third:
        third.send(header + request("/?user=third"))
        third.expect_upgrade()
        third.expect_close(1013)
    for client in (whole, half, named):
        client.round_trip()


def test_how_fast_one_may_speak(start):
    """The pace of a session goes on where it was: a hand-over is no new allowance."""
    gateway = start("--message-rate", 5)
    alice, bob = Talker(gateway.raw(), "alice"), Talker(gateway.raw(), "bob")
    for number in range(20):
        alice.ask(110, b"\0" + bytes([4]) + b"@bob" + str(number).encode())
    hand_over(gateway)
    for number in range(20):
        assert bob.message().text == str(number)
    for _ in range(20):
        alice.next()
    alice.expect_nothing()

"""Audiences, rooms and devices: PROTOCOL section 6, over real sockets."""

import json
import subprocess

import pytest

from foreign import NODE
from gateway import ROOT
from raw import BINARY, PACKET_TEXT, packet, request
from talking import (
    BAD_NAME, CAME, DONE, JOIN, LEAVE, LIST, NOBODY, NOT_A_MEMBER, NOT_ALLOWED, SAY, TOO_MANY, WENT, Message, Talker, string,
)  # fmt: skip
from waiting import TIMEOUT

pytestmark = pytest.mark.threads

VECTORS = json.loads((ROOT / "tests/vectors.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def gateway(start_for_module):
    return start_for_module("--workers", "2")


@pytest.fixture
def talker(gateway):
    """Logs users in: talker("alice"), talker("alice", "phone")."""
    yield lambda user, device=None, at=gateway: Talker(at.raw(), user, device)
    gateway.close_clients()


# --- the opening ----------------------------------------------------------------------------------


@pytest.mark.parametrize("offers, taken", [
    ([], None), (["chat"], None), (["tidegate.v0"], "tidegate.v0"), (["tidegate.v1"], "tidegate.v1"),
    (["tidegate.v0, tidegate.v1"], "tidegate.v1"), (["tidegate.v1", "tidegate.v0"], "tidegate.v1"),
    (["chat, tidegate.v0 , superchat"], "tidegate.v0"), (["TIDEGATE.V1"], None),
])  # fmt: skip
@pytest.mark.parametrize("target", ["/?user=alice", "/?user="])
def test_what_is_offered_is_answered(gateway, offers, taken, target):
    """Also where a Close follows: a browser wants to read it."""
    with gateway.raw() as client:
        client.send(request(target, extra=[f"Sec-WebSocket-Protocol: {offer}" for offer in offers]))
        answer = client.answer()
        assert answer.status == 101
        assert answer.headers.get("sec-websocket-protocol") == taken
        if target == "/?user=":
            client.expect_close(4000, "bad login")
        elif taken != "tidegate.v1":
            client.round_trip()  # classic: no greeting comes before


def test_a_client_of_others_negotiates(gateway):
    """npm's ws ends a line whose server takes none of what it offers; one line a second says so."""
    script = """
        const { WebSocket } = require("ws")
        const open = (offers) => new Promise((done) => {
            const line = new WebSocket(process.argv[1], offers)
            line.on("open", () => { done(line.protocol); line.close() })
            line.on("error", (error) => done(String(error.message)))
        })
        open(["tidegate.v1"]).then(console.log).then(() => open(["chat"])).then(console.log)
    """
    done = subprocess.run([NODE, "-e", script, gateway.url("alice")], cwd=ROOT / "tests/e2e/clients", check=True,
                          capture_output=True, text=True, timeout=TIMEOUT)
    first, second = done.stdout.splitlines()
    assert first == "tidegate.v1"
    assert "subprotocol" in second.lower()
    gateway.wait_for_line(r"offers subprotocols of which none is spoken here \(tidegate\.v1, tidegate\.v0\)")


@pytest.mark.parametrize("device, is_good", [
    ("", True), ("phone", True), ("%e4%b8%ad", True), ("x" * 32, True),
    ("x" * 33, False), ("%20", False), ("a&device=b", False), ("%ff", False),
])  # fmt: skip
def test_devices_have_names(gateway, device, is_good):
    with gateway.raw() as client:
        client.upgrade(f"/?user=alice&device={device}")
        if is_good:
            client.round_trip()
        else:
            client.expect_close(4000, "bad login")


# --- whom it reaches ------------------------------------------------------------------------------


def test_to_a_user(gateway, talker):
    alice, bob, carol = talker("alice"), talker("bob"), talker("carol")
    with gateway.login("old") as old:
        assert alice.say("@bob", "hello 中") == (DONE, 1)
        assert bob.message() == Message("alice", "@bob", "hello 中")
        assert alice.say("@old", "hi") == (DONE, 1)
        old.expect_text("hi -- FROM alice")
        assert alice.say("@nobody", "?") == (NOBODY, 0)
        for client in (alice, bob, carol):
            client.expect_nothing()
        old.round_trip()


def test_to_everybody(gateway, talker):
    """The same whoever says it how: classic clients see no difference."""
    alice, bob = talker("alice"), talker("bob")
    with gateway.login("old") as old:
        assert alice.say("", "said") == (DONE, 2)
        alice.raw.text("typed")
        alice.raw.packet(PACKET_TEXT, b"packed")
        old.expect_text("said -- FROM alice")
        old.expect_text("typed -- FROM alice")
        old.expect_binary(packet(PACKET_TEXT, b"packed -- FROM alice"))
        assert [bob.text() for _ in range(3)] == [f"{what} -- FROM alice" for what in ("said", "typed", "packed")]
        old.text("hello")
        assert alice.text() == "hello -- FROM old"


def test_to_a_room(gateway, talker):
    alice, bob, carol, dave = (talker(user) for user in ("alice", "bob", "carol", "dave"))
    assert alice.say("#room", "?") == (NOT_A_MEMBER, 0)
    assert alice.join("room", told=True) == (DONE, 1)
    assert bob.join("room") == (DONE, 2)
    assert alice.members() == ("room", 2, CAME, "bob")
    assert carol.join("room") == (DONE, 3)
    assert alice.members() == ("room", 3, CAME, "carol")
    assert dave.join("another") == (DONE, 1)
    assert bob.say("#room", "hello") == (DONE, 2)
    for client in (alice, carol):
        assert client.message() == Message("bob", "#room", "hello")
    assert bob.list("room") == (DONE, True, ["alice", "bob", "carol"])
    assert dave.list("room") == (NOT_A_MEMBER, True, [])
    assert bob.leave("room") == (DONE, 2)
    assert alice.members() == ("room", 2, WENT, "bob")
    carol.raw.close_socket()
    assert alice.members() == ("room", 1, WENT, "carol")
    assert alice.say("#room", "alone") == (NOBODY, 0)
    for client in (alice, bob, dave):
        client.expect_nothing()


def test_a_kick_leaves_rooms(talker):
    alice, bob = talker("alice"), talker("bob")
    assert alice.join("room", told=True) == (DONE, 1)
    assert bob.join("room") == (DONE, 2)
    assert alice.members() == ("room", 2, CAME, "bob")
    again = talker("bob")
    bob.raw.expect_close(4001, "kicked")
    assert alice.members() == ("room", 1, WENT, "bob")
    assert again.join("room") == (DONE, 2)


# --- what is refused ------------------------------------------------------------------------------


def test_names_and_flags(talker):
    alice = talker("alice")
    for audience in ("bob", "@", "#", "@ bob", "#x -- FROM y", "@" + "x" * 65):
        assert alice.say(audience, "?") == (BAD_NAME, 0)
    for room in ("", " x", "x" * 65):
        assert alice.join(room) == (BAD_NAME, 0)
    assert alice.answer(alice.ask(SAY, b"\1" + string("@bob"))) == (NOT_ALLOWED, 0)
    assert alice.answer(alice.ask(JOIN, b"\2" + string("room"))) == (NOT_ALLOWED, 0)
    assert alice.leave("room") == (NOT_A_MEMBER, 0)


@pytest.mark.parametrize("vector", [v for v in VECTORS["packets"] if v.get("command") in (SAY, JOIN, LEAVE, LIST)],
                         ids=lambda vector: vector["name"])  # fmt: skip
def test_the_gateway_takes_what_fits(talker, vector):
    alice = talker("alice")
    alice.raw.send_frame(BINARY, bytes.fromhex(vector["hex"]))
    if vector["v1"] is None:
        alice.raw.expect_close(4002, "bad packet")
    elif vector["v1"]["id"]:
        opcode, message = alice.raw.message()
        assert opcode == BINARY and int.from_bytes(message[6:10], "big") == vector["v1"]["id"]


def test_a_text_that_is_no_utf8(talker):
    alice = talker("alice")
    alice.ask(SAY, b"\0" + string("@bob") + b"\xff")
    alice.raw.expect_close(4002, "bad packet")


# --- options --------------------------------------------------------------------------------------


def test_so_many_rooms(start, talker):
    gateway = start("--rooms-per-session", "2")
    alice = talker("alice", at=gateway)
    assert [alice.join(room) for room in ("a", "b")] == [(DONE, 1), (DONE, 1)]
    assert alice.join("c") == (TOO_MANY, 0)
    assert alice.join("b") == (DONE, 1)
    alice.leave("a")
    assert alice.join("c") == (DONE, 1)


def test_clients_that_may_not_broadcast(start, talker):
    gateway = start("--client-broadcast", "no")
    alice = talker("alice", at=gateway)
    with gateway.login("old") as old, gateway.login("older") as older:
        assert alice.say("", "all") == (NOT_ALLOWED, 0)
        assert alice.say("@old", "you") == (DONE, 1)
        old.expect_text("you -- FROM alice")
        old.text("all")
        old.expect_close(1008, "not allowed")
        older.packet(PACKET_TEXT, b"all")
        older.expect_close(1008, "not allowed")
        # One who can be told otherwise stays.
        alice.raw.text("all")
        assert alice.answer(0) == (NOT_ALLOWED, 0)
        alice.raw.packet(PACKET_TEXT, b"all")
        assert alice.answer(0) == (NOT_ALLOWED, 0)
        alice.expect_nothing()


def test_devices(start, talker):
    """Each has a session; the newest of a device wins, and beyond the number the oldest goes."""
    gateway = start("--max-devices", "2", "--workers", "2")
    bob = talker("bob", at=gateway)
    desk, phone = talker("alice", "desk", gateway), talker("alice", "phone", gateway)
    assert bob.say("@alice", "hi") == (DONE, 2)
    for client in (desk, phone):
        assert client.message() == Message("bob", "@alice", "hi")
    assert desk.say("@bob", "hello") == (DONE, 1)
    assert bob.message() == phone.message() == Message("alice", "@bob", "hello")
    desk.expect_nothing()
    again = talker("alice", "phone", gateway)
    phone.raw.expect_close(4001, "kicked")
    tv = talker("alice", "tv", gateway)
    desk.raw.expect_close(4001, "kicked")
    assert bob.say("@alice", "who?") == (DONE, 2)
    assert again.message() == tv.message() == Message("bob", "@alice", "who?")
    # One without a name is a device too.
    talker("alice", at=gateway)
    again.raw.expect_close(4001, "kicked")


def test_one_device_by_default(gateway, talker):
    phone = talker("alice", "phone")
    talker("alice", "desk")
    phone.raw.expect_close(4001, "kicked")


# --- order ----------------------------------------------------------------------------------------


def test_one_order_whatever_the_audience(talker):
    """Across workers, with what is for all, for a room and for one in turn."""
    alice, bob = talker("alice"), talker("bob")
    for client in (alice, bob):
        client.join("room")
    audiences = ("#room", "", "@bob")
    for number in range(500):
        alice.send(SAY, b"\0" * 5 + string(audiences[number % 3]) + str(number).encode())
    for number in range(500):
        if audiences[number % 3]:
            assert bob.message() == Message("alice", audiences[number % 3], str(number))
        else:
            assert bob.text() == f"{number} -- FROM alice"

"""Another node that has the key, and is faulty, old, late or of a later version: what others make of what it says."""

import os
import time

import pytest

import node_wire
from node_wire import Type
from raw import TEXT
from waiting import wait_until, wait_until_equal

pytestmark = pytest.mark.threads

EPOCH_AHEAD_S = 60


class Stranger:
    """A node that is a test's: on NATS, by a wire format of its own."""

    def __init__(self, nats, key_file, name="gw-x"):
        self.client = nats.client()
        self.secret = bytes.fromhex(key_file.read_text(encoding="ascii"))
        self.name = name
        self.random = int.from_bytes(os.urandom(8), "big") | 1
        self.node = node_wire.Node(self.secret, name, wall_ms=self.now(), random=self.random)
        self.client.subscribe("tidegate.n1.all")
        self.others = {}  # id -> its incarnation's random bits

    @staticmethod
    def now(offset_s=0):
        return int((time.time() + offset_s) * 1000)

    @classmethod
    def epoch(cls, offset_s=0):
        """What the acceptor of a node with such a clock gives."""
        return cls.now(offset_s) << 16

    def publish(self, data, to=None):
        self.client.publish("tidegate.n1.all" if to is None else f"tidegate.n1.node.{to}", data)
        self.client.flush()

    def say(self, kind, payload, **more):
        """To all. Returns the bytes."""
        data = self.node.write(kind, payload, **more)
        self.publish(data)
        return data

    def tell(self, other, kind, payload, **more):
        """One node, of which a heartbeat was heard."""
        data = self.node.write(kind, payload, to=(other, self.life_of(other)), **more)
        self.publish(data, other)
        return data

    def beat(self, offset_s=0, **more):
        return self.say(Type.HEARTBEAT, node_wire.heartbeat(self.now(offset_s), **more))

    def hear(self):
        """What is said to all next, by this one too."""
        return node_wire.read(self.secret, "all", self.client.next_on("tidegate.n1.all").data)

    def life_of(self, other):
        while other not in self.others:
            message = self.hear()
            self.others[message.source] = message.random
        return self.others[other]

    def text(self, said, sender="stranger"):
        """A text to everybody, in a batch."""
        frame = node_wire.frame(TEXT, f"{said} -- FROM {sender}".encode())
        return self.say(Type.BATCH, node_wire.batch(node_wire.said(node_wire.TO_ALL, frame, sender=sender)))


@pytest.fixture
def one(cluster):
    """A node, alone with the stranger."""
    return cluster.add("gw-1")


@pytest.fixture
def stranger(nats, cluster_key, one):
    one.wait_until_linked()
    stranger = Stranger(nats, cluster_key)
    stranger.beat()
    wait_until(lambda: one.states() == {"gw-x": "up"}, "the stranger is a node")
    stranger.life_of("gw-1")
    return stranger


def test_who_speaks_as_the_page_says_is_a_node(one, stranger):
    with one.login("alice") as alice:
        stranger.text("hello")
        alice.expect_text("hello -- FROM stranger")
        stranger.beat(sessions=1)  # without any there nothing is sent
        wait_until(lambda: one.rows()["gw-x"]["sessions"] == 1, "the stranger has a session")
        alice.text("hello, you")
        while (message := stranger.hear()).source != "gw-1" or message.type != Type.BATCH:
            pass
        assert b"hello, you -- FROM alice" in message.payload


def test_a_higher_epoch_is_obeyed(one, stranger):
    """Of the same user and device only; and what is given here from then on is higher still."""
    with one.login("alice") as alice:
        (epoch,) = one.sessions().values()
        likely = stranger.epoch(EPOCH_AHEAD_S // 2)
        stranger.tell("gw-1", Type.CLAIM, node_wire.claim(epoch - 1, "alice"))
        stranger.tell("gw-1", Type.CLAIM, node_wire.claim(likely, "alicia"))
        stranger.text("was that you?")
        alice.expect_text("was that you? -- FROM stranger")
        stranger.tell("gw-1", Type.CLAIM, node_wire.claim(likely, "alice"))
        alice.expect_close(4001, "kicked")
    with one.login("carol"):
        wait_until_equal(lambda: set(one.sessions()), {("carol", "")})
        assert one.sessions()["carol", ""] > likely


@pytest.mark.parametrize("ahead_s", [EPOCH_AHEAD_S + 5, 365 * 86400, None])
def test_an_epoch_that_cannot_be_is_not_obeyed(one, stranger, ahead_s):
    """What nobody's clock can have given ends no session, raises no number, and says whose clock is off."""
    with one.login("alice") as alice:
        unlikely = 2**64 - 1 if ahead_s is None else stranger.epoch(ahead_s)
        stranger.tell("gw-1", Type.CLAIM, node_wire.claim(unlikely, "alice"))
        stranger.text("was that you?")
        alice.expect_text("was that you? -- FROM stranger")
        with one.login("bob") as bob:
            alice.round_trip()
            bob.round_trip()
            assert one.sessions()["bob", ""] < stranger.epoch(EPOCH_AHEAD_S)
    wait_until_equal(lambda: one.states(), {"gw-x": "clock"})


def test_a_clock_that_is_off_is_shown(one, stranger):
    stranger.beat(EPOCH_AHEAD_S + 10)
    wait_until(lambda: one.states()["gw-x"] != "up", "it is seen")
    assert one.states()["gw-x"] == "clock"
    assert one.rows()["gw-x"]["clock_ms"] > EPOCH_AHEAD_S * 1000
    one.gateway.wait_for_line(r"gw-x.*clock|clock.*gw-x")
    with one.login("alice") as alice:
        alice.round_trip()
    wait_until(lambda: stranger.beat() and one.states()["gw-x"] == "up", "it is right again")


def test_what_is_missing_is_told(one, stranger):
    """A number that was left out is a loss: counted, and told to those who can be told."""
    alice = one.talk("alice")
    with one.login("classic") as classic:
        stranger.text("one")
        stranger.node.all_number += 3
        stranger.text("five")
        assert [alice.text(), alice.text()] == ["one -- FROM stranger", "five -- FROM stranger"]
        wait_until(lambda: alice.expect_nothing() or alice.gaps == 3, "it is told")
        classic.expect_text("one -- FROM stranger")
        classic.expect_text("five -- FROM stranger")
        classic.round_trip()
    wait_until_equal(lambda: one.lost(), 3)


def test_what_comes_twice_is_heard_once(one, stranger):
    with one.login("alice") as alice:
        first = stranger.text("first")
        stranger.text("second")
        stranger.publish(first)
        stranger.text("third")
        for said in ("first", "second", "third"):
            alice.expect_text(f"{said} -- FROM stranger")
        alice.round_trip()
    assert one.lost() == 0


def test_what_is_no_message_is_passed_over(one, stranger):
    """Bytes of every kind, of whoever may publish; a frame that is none."""
    good = stranger.node.write(Type.BATCH, b"")
    with one.login("alice") as alice:
        for data in (b"", b"x", os.urandom(200), good[:-1], good + b"x", good[:-1] + bytes([good[-1] ^ 1]), bytes(1 << 16)):
            stranger.publish(data)
            stranger.publish(data, "gw-1")
        for frame in (b"", b"\x81", b"\x81\x7f" + b"\xff" * 8, b"\x88\x02\x03\xe8", node_wire.frame(TEXT, b"\xff"), b"\x81\x83abcdefg"):
            stranger.say(Type.BATCH, node_wire.batch(node_wire.said(node_wire.TO_ALL, frame)))
        for kind in Type:
            stranger.say(kind, os.urandom(30))
            stranger.tell("gw-1", kind, os.urandom(30))
        stranger.beat()
        stranger.text("the end")
        alice.expect_text("the end -- FROM stranger")
        alice.round_trip()
    assert one.gateway.is_running and len(one.gateway.lines) < 60


def test_a_later_version_is_said_once(one, stranger):
    for _ in range(5):
        stranger.say(Type.BATCH, b"of tomorrow", version=9, least=9)
    with one.login("alice") as alice:
        stranger.say(77, b"unknown today", version=9)
        stranger.text("and today")
        alice.expect_text("and today -- FROM stranger")
    one.gateway.expect_lines(r"version 9|gw-x.*version", 1)


def test_another_node_of_the_same_name(nats, cluster_key, cluster):
    """Who is older stays; he is not frightened away by what was recorded of an earlier life."""
    one = cluster.add("gw-1")
    one.wait_until_linked()
    old = Stranger(nats, cluster_key, "gw-1")
    old.node.wall_ms -= 3_600_000
    old.beat()
    with one.login("alice") as alice:
        for _ in range(3):
            old.beat()
            alice.round_trip()
    assert one.gateway.is_running

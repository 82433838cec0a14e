"""What is said to everybody, in rooms and by a backend over NATS while a node of a cluster hands itself over: nobody
misses anything, hears it twice or in another order, and each request has its answer."""

import contextlib
import json
import signal
import struct
import threading
import time

import pytest

from cluster import Presence
from handover import (
    ask_for,
    awaited_refusal,
    follow,
    hand_over,
    has_hooks,
    stopping_at,
    wait_until_stopped,
    while_it_comes_to_nothing,
    while_it_hands_over,
)
from nats import NatsError
from raw import TEXT, frame
from talking import DONE, MESSAGE, UNKNOWN, Message
from waiting import FACTOR, wait_until

pytestmark = pytest.mark.threads

REQUEST, REPLY = 130, 131
LATE_MS = 1500 * FACTOR  # in the place of the giver's time-outs
ROUNDS = 3  # hand-overs, of one node after the other


def test_everybody_and_rooms(cluster, nats):
    """Each of three talks to all, to a room and to each other, in turns of one of each."""
    presence = Presence(nats.client())
    nodes = cluster()
    talkers = [node.talk(user) for node, user in zip(nodes, ("alice", "bob", "carol"), strict=True)]
    for talker in talkers:
        assert talker.join("room")[0] == DONE
    cluster.wait_until_known("alice", "bob", "carol")
    cluster.wait_until_room_is("room", 3)
    presence.wait_for(event="online", user="carol")
    lost = [node.lost() for node in nodes]
    before = len(presence.read())
    number = 0

    def exchange():
        nonlocal number
        number += 1
        for talker in talkers:
            talker.raw.send(frame(TEXT, f"all {number}".encode()))
            talker.tell("#room", f"room {number}")
            for other in talkers:
                if other is not talker:
                    talker.tell(f"@{other.name}", str(number))
        for hearer in talkers:
            heard = {talker.name: [] for talker in talkers if talker is not hearer}
            for _ in range(3 * len(heard)):
                opcode, message = hearer.next()
                if opcode == TEXT:
                    text, _, sender = message.decode().partition(" -- FROM ")
                    heard[sender].append(text)
                else:
                    said = parse(message)
                    heard[said.sender].append((said.audience, said.text))
            for texts in heard.values():
                assert texts == [f"all {number}", ("#room", f"room {number}"), (f"@{hearer.name}", str(number))]

    for node in nodes[:ROUNDS]:
        while_it_hands_over(node.gateway, exchange, node.admin)
        exchange()
    for talker in talkers:
        talker.expect_nothing()
        assert talker.gaps == 0
    assert [node.lost() for node in nodes] == lost
    assert presence.read()[before:] == []
    cluster.wait_until_equal()


@pytest.mark.skipif(not has_hooks(), reason="for a build with unit tests")
def test_a_node_goes_on_after_all(cluster, nats):
    """Its taker does not answer in time, when it has everything already: what the others have said meanwhile is not
    lost, and nobody has seen anybody go."""
    presence = Presence(nats.client())
    one = cluster.add("gw-1", env=stopping_at("taker-end", 700))
    two = cluster.add("gw-2")
    cluster.wait_until_whole()
    alice, bob = one.talk("alice"), two.talk("bob")
    cluster.wait_until_known("alice", "bob")
    presence.wait_for(event="online", user="bob")
    before, said = len(presence.read()), 0

    def say_one_more():
        nonlocal said
        said += 1
        bob.tell("@alice", str(said))
        bob.expect_nothing()

    while_it_comes_to_nothing(one.gateway, say_one_more)
    assert [alice.message().text for _ in range(said)] == [str(number + 1) for number in range(said)]
    assert alice.say("@bob", "back") == (DONE, 1)
    assert bob.message().text == "back"
    assert ask(nats.client(), "where", user="alice")["sessions"][0]["node"] == "gw-1"
    assert one.lost() == two.lost() == 0
    cluster.wait_until_equal()
    for talker in (alice, bob):
        talker.expect_nothing()
        assert talker.gaps == 0
    assert presence.read()[before:] == []


def parse(message):
    """Of a packet 112."""
    assert struct.unpack_from("!HI", message) == (MESSAGE, len(message) - 6)
    rest = message[6 + 1 + 8 :]
    names = []
    for _ in range(2):
        names.append(rest[1 : 1 + rest[0]].decode())
        rest = rest[1 + rest[0] :]
    return Message(*names, rest.decode())


def ask(backend, name, **members):
    """Again where a taker had it that has come to nothing, and says so."""
    while True:
        answer = backend.request(f"tidegate.api.v1.{name}", json.dumps(members).encode()).json()
        if "ask again" not in answer.get("detail", ""):
            return answer


def is_there(backend):
    """Whether a node takes requests by now."""
    with contextlib.suppress(NatsError):
        return ask(backend, "where", user="nobody") is not None
    return False


def test_each_request_of_a_backend_is_answered(cluster, nats):
    """Of a single node, too: there is no moment at which nobody takes them."""
    (one,) = cluster(count=1)
    alice = one.talk("alice")
    backend = nats.client()
    wait_until(lambda: is_there(backend), "its line is up")
    pushed = 0

    def push():
        nonlocal pushed
        pushed += 1
        answer = ask(backend, "push", user="alice", text=str(pushed), id=f"id-{pushed}")
        assert answer["sessions"] == 1, answer
        assert alice.text() == str(pushed)
        assert [each["node"] for each in ask(backend, "where", user="alice")["sessions"]] == ["gw-1"]

    for _ in range(ROUNDS):
        while_it_hands_over(one.gateway, push, one.admin)
        push()
        # It remembers what it has pushed, and so does who comes behind it.
        ask(backend, "push", user="alice", text="again", id=f"id-{pushed}")
    alice.expect_nothing()


@pytest.mark.skipif(not has_hooks(), reason="for a build with unit tests")
def test_a_request_that_the_taker_alone_has_is_answered(cluster, nats):
    """By its first turn; or, where the giver goes on since it has stood for too long, with the word to ask again."""
    one = cluster.add("gw-1", env=stopping_at("giver-lines", LATE_MS))
    alice, giver = one.talk("alice"), one.gateway.popen
    backend = nats.client()
    wait_until(lambda: is_there(backend), "its line is up")
    backend.subscribe("answers")
    ask_for(one.gateway)
    wait_until_stopped(giver.pid)
    late = time.monotonic() + LATE_MS / 1000
    backend.publish("tidegate.api.v1.push", {"user": "alice", "text": "hello"}, reply="answers")
    backend.flush()
    wait_until(lambda: time.monotonic() > late, "it is late")
    one.gateway.signal(signal.SIGCONT)
    answer = backend.next_on("answers").json()
    if "ask again" in answer.get("detail", ""):
        awaited_refusal(one.gateway, giver)
        answer = ask(backend, "push", user="alice", text="hello")
    else:
        follow(one.gateway, giver, 1)
        one.admin.connection.close()
    assert answer["sessions"] == 1
    assert alice.text() == "hello"
    alice.expect_nothing()


@contextlib.contextmanager
def answering(nats):
    """A backend's process that answers what users ask, but for what is slow."""
    is_over = threading.Event()
    with nats.client() as backend:
        wait_until(lambda: is_there(backend), "its line is up")
        backend.subscribe("tidegate.up", "backend")

        def answer_all():
            while not is_over.is_set():
                for message in backend.all_so_far():
                    if message.data != b"slow":
                        backend.respond(message, b"to " + message.data)

        thread = threading.Thread(target=answer_all)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


def reply(talker, number):
    """To the request of that number, which comes next: result and bytes."""
    fields = talker.expect(REPLY)
    assert fields.take("!I") == number
    return fields.take("!B"), fields.data


def ask_backend(talker, is_standstill=False):
    """Is answered; by the gateway, as unknown, where all stand still before a busy machine has come to an answer."""
    data = str(talker.ids).encode()
    answer = reply(talker, talker.ask(REQUEST, data))
    assert answer == (DONE, b"to " + data) or (is_standstill and answer == (UNKNOWN, b"")), answer


def test_what_a_user_asks_of_a_backend(cluster, nats):
    """Is answered by it, or as unknown where it takes its time: then it may have been done."""
    (one,) = cluster(count=1)
    alice = one.talk("alice")
    with answering(nats):
        while_it_hands_over(one.gateway, lambda: ask_backend(alice, is_standstill=True), one.admin)
        ask_backend(alice)
        slow = alice.ask(REQUEST, b"slow")
        hand_over(one.gateway, one.admin)
        assert reply(alice, slow) == (UNKNOWN, b"")
        ask_backend(alice)


@pytest.mark.skipif(not has_hooks(), reason="for a build with unit tests")
def test_what_a_user_asks_of_a_backend_where_it_comes_to_nothing(cluster, nats):
    """Is answered as well, and so is what was asked before and is slow: all are answered when all stand still."""
    one = cluster.add("gw-1", env=stopping_at("taker-end", 700))
    alice = one.talk("alice")
    with answering(nats):
        ask_backend(alice)
        slow = [alice.ask(REQUEST, b"slow")]

        def ask_one_more():
            if slow:
                assert reply(alice, slow.pop()) == (UNKNOWN, b"")
            ask_backend(alice, is_standstill=True)

        while_it_comes_to_nothing(one.gateway, ask_one_more)
        ask_backend(alice)
    alice.expect_nothing()

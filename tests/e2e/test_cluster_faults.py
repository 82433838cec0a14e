"""Nodes die, NATS stops, lines between them break: what clients, a backend, the log and the metrics see of it.

What takes 5 and 15 s here, tests/unit/test_cluster_faults.c tries by the millisecond on a clock that it turns."""

import contextlib
import itertools
import signal
import time

import pytest

from cluster import DOWN_S, SUSPECT_S, Presence, within
from proxy import Proxy
from raw import BINARY, PONG, Frame, Gone
from talking import BUSY, DONE, GAP, NOBODY, UNKNOWN, UNREACHABLE, Message
from waiting import wait_until, wait_until_equal

LINK_LOST_S = 3  # until a node knows that NATS is gone
HEALED_S = 5     # until all is equal again, from the first PONG at the slower side on

pytestmark = [pytest.mark.threads, pytest.mark.slow]


@pytest.fixture
def presence(nats):
    return Presence(nats.client())


def people(cluster):
    """Alice, bob and carol, each at a node, who know of each other."""
    talkers = [node.talk(user) for node, user in zip(cluster.nodes, ("alice", "bob", "carol"), strict=True)]
    cluster.wait_until_known("alice", "bob", "carol")
    return talkers


def check_that_they_talk(cluster, *talkers):
    """Each to all others, by a text, and to each one alone."""
    cluster.wait_until_known(*(talker.name for talker in talkers))
    names = [talker.name for talker in talkers]
    for talker, name in zip(talkers, names):
        assert talker.say("", f"all of you, says {name}")[0] == DONE
        for other in talkers:
            if other is not talker:
                assert other.text() == f"all of you, says {name} -- FROM {name}"
    for (talker, name), (other, another) in itertools.permutations(zip(talkers, names), 2):
        assert talker.say(f"@{another}", "you alone") == (DONE, 1)
        assert other.message() == Message(name, f"@{another}", "you alone")


# --- a node dies ----------------------------------------------------------------------------------


def test_a_node_is_killed(cluster, nats, presence):
    one, two, three = cluster()
    alice, bob, carol = people(cluster)
    life = two.rows()["gw-3"]["incarnation"]
    three.gateway.kill()
    cluster.forget(three)
    with contextlib.suppress(Gone):
        carol.raw.frame()
    # Not suspect yet, nobody answers: it may have arrived. Then it is known not to.
    assert alice.say("@carol", "are you there?") == (UNKNOWN, 0)
    for node in (one, two):
        node.wait_for_state(three, "suspect", timeout=within(SUSPECT_S))
    assert alice.say("@carol", "are you there?") == (UNREACHABLE, 0)
    assert one.rows()["gw-3"]["entries"] == 1, "entries of a suspect stay"
    assert alice.say("@bob", "you are") == (DONE, 1)
    assert bob.message() == Message("alice", "@bob", "you are")
    for node in (one, two):
        wait_until(lambda: node.states().get("gw-3") in (None, "down"), "it is down",  # noqa: B023
                   timeout=within(DOWN_S - SUSPECT_S))
        wait_until_equal(lambda: node.where("carol"), set())  # noqa: B023
        wait_until_equal(lambda: node.metric("tidegate_cluster_nodes"), 1)  # noqa: B023
        node.gateway.wait_for_line(r"node gw-3 is down$")
        assert node.is_linked
    assert alice.say("@carol", "you are not") == (NOBODY, 0)
    presence.wait_for(event="node_down", node="gw-1")
    # Another life of the same node.
    back = cluster.add("gw-3")
    cluster.wait_until_whole(timeout=within(10))
    cluster.wait_until_equal(timeout=within(HEALED_S))
    assert one.rows()["gw-3"]["incarnation"] == back.rows()["gw-3"]["incarnation"] != life
    check_that_they_talk(cluster, alice, bob, back.talk("carol"))


def test_who_was_on_a_dead_node_comes_back_elsewhere(cluster, presence):
    """At once: no session that nobody has any more is in his way, and none of it is left in the end."""
    one, two, three = cluster()
    _, _, carol = people(cluster)
    three.gateway.kill()
    cluster.forget(three)
    carol = one.talk("carol")
    carol.expect_nothing()
    event = presence.wait_for(user="carol", node="gw-1")
    assert event["event"] in ("moved", "online") and int(event["epoch"]) == presence.highest["carol", ""]
    wait_until_equal(lambda: {place[0] for place in two.where("carol")}, {"gw-1"}, timeout=within(DOWN_S + 5))
    carol.expect_nothing()


# --- NATS dies ------------------------------------------------------------------------------------

DEATHS = {
    "stop": lambda nats: nats.stop(),
    "kill": lambda nats: nats.kill(),
    "freeze": lambda nats: nats.freeze(),
}


@pytest.mark.parametrize("death", DEATHS)
def test_nats_dies_and_comes_back(cluster, nats, death):
    nodes = one, two, three = cluster()
    alice, bob, carol = people(cluster)
    with one.login("near") as near:
        DEATHS[death](nats)
        for node in nodes:
            node.wait_until_linked(False, timeout=within(LINK_LOST_S))
        # Local service goes on; of others it is said that they cannot be reached.
        assert alice.say("@near", "you are") == (DONE, 1)
        near.expect_text("you are -- FROM alice")
        near.text("hello")
        assert alice.text() == "hello -- FROM near"
        assert alice.say("@bob", "are you?") == (UNREACHABLE, 0)
        assert one.admin.push("bob", "are you?").status == 503
        # Nor are they counted among those who have what is for everybody.
        assert alice.say("", "all of you") == (DONE, 1)
        near.expect_text("all of you -- FROM alice")
        # Nobody is declared down for that, and nobody forgotten.
        assert one.rows()["gw-2"]["entries"] == 1
        # The same user at two nodes that cannot tell each other.
        with one.login("dave") as first, two.login("dave") as second:
            first.round_trip()
            second.round_trip()
            lines = {node.name: len(node.gateway.lines) for node in nodes}
            if death == "freeze":
                nats.thaw()
            else:
                nats.start()
            for node in nodes:
                node.wait_until_linked(timeout=within(10))
            healed = time.monotonic()
            first.expect_close(4001, "kicked")
            cluster.wait_until_whole(timeout=within(HEALED_S))
            cluster.wait_until_equal(timeout=within(HEALED_S))
            assert time.monotonic() - healed < within(HEALED_S)
            second.round_trip()
    check_that_they_talk(cluster, alice, bob, carol)
    for node in nodes:
        # A line when it went, a line when it came.
        said = [line for line in node.gateway.lines if "NATS" in line]
        assert len(said) <= 4, said
        assert len(node.gateway.lines) - lines[node.name] < 20
        wait_until_equal(lambda: node.metric("tidegate_cluster_kicks_total"), int(node is one))  # noqa: B023


def test_nats_that_is_not_there_at_the_start(cluster, nats):
    """A node begins to serve without it, and joins when it comes."""
    nats.stop()
    one, two = cluster.add("gw-1"), cluster.add("gw-2")
    alice, bob = one.talk("alice"), two.talk("bob")
    alice.raw.text("is anybody here?")
    bob.expect_nothing()
    assert not one.is_linked
    nats.start()
    cluster.wait_until_whole(timeout=within(10))
    check_that_they_talk(cluster, alice, bob)


def test_nats_restarts_all_the_time(cluster, nats):
    """What is said to all meanwhile arrives once and in order, or not at all, which is counted and told."""
    one, two = cluster(count=2)
    alice, bob = one.talk("alice"), two.talk("bob")
    cluster.wait_until_known("bob")
    said = itertools.count()
    for _ in range(10):
        nats.kill()
        for _ in range(50):
            alice.say("", f"{next(said)}")
        nats.start()
        for node in (one, two):
            node.wait_until_linked(timeout=within(10))
        for _ in range(50):
            alice.say("", f"{next(said)}")
    cluster.wait_until_whole(timeout=within(10))
    cluster.wait_until_known("bob")
    assert alice.say("@bob", "the end") == (DONE, 1)
    heard, gaps = numbers_of(until(bob, lambda frame: frame.payload.endswith(b"the end")))
    assert heard == sorted(set(heard))
    lost = sum(node.lost() for node in (one, two))
    assert (gaps > 0) == (lost > 0) == (len(heard) < next(said))


# --- the line to it -------------------------------------------------------------------------------


@pytest.fixture
def line(nats):
    """A proxy on the way from a node to NATS."""
    with Proxy(nats.port) as proxy:
        yield proxy


def url_of(line):
    return line.address.replace("ws:", "nats:")


def test_a_line_hangs(cluster, line):
    """The node behind it is on its own, and two others are a cluster without it."""
    one, two = cluster.add("gw-1"), cluster.add("gw-2")
    three = cluster.add("gw-3", url=url_of(line))
    cluster.wait_until_whole()
    alice, bob, carol = people(cluster)
    line.hang()
    three.wait_until_linked(False, timeout=within(LINK_LOST_S))
    assert carol.say("@alice", "?") == (UNREACHABLE, 0)
    for node in (one, two):
        node.wait_for_state(three, "suspect", timeout=within(SUSPECT_S))
        assert node.is_linked
    assert alice.say("@carol", "?") == (UNREACHABLE, 0)
    assert alice.say("@bob", "!") == (DONE, 1)
    assert bob.message() == Message("alice", "@bob", "!")
    # The same users at nodes that cannot tell each other: often within a millisecond, in either order.
    order = [(three, one) if number % 2 else (one, three) for number in range(10)]
    pairs = [[node.login(f"dave-{number}") for node in nodes] for number, nodes in enumerate(order)]
    wait_until(lambda: one.states().get("gw-3") in (None, "down"), "it is down", timeout=within(DOWN_S))
    assert set(three.states().values()) == {"up"}, "who has no line declares nobody down"
    line.pass_on()
    line.reset()
    three.wait_until_linked(timeout=within(10))
    for first, second in pairs:
        first.expect_close(4001, "kicked")
        second.round_trip()
        second.close_socket()
    cluster.wait_until_whole(timeout=within(HEALED_S))
    cluster.wait_until_equal(timeout=within(HEALED_S))
    check_that_they_talk(cluster, alice, bob, carol)


def test_a_line_is_cut_again_and_again(cluster, line):
    one, two = cluster.add("gw-1"), cluster.add("gw-2", url=url_of(line))
    cluster.wait_until_whole()
    alice, bob = one.talk("alice"), two.talk("bob")
    for _ in range(10):
        before = two.look()["link"]["reconnects"]
        line.reset()
        wait_until(lambda: two.look()["link"]["reconnects"] > before, "there is another line")  # noqa: B023
    cluster.wait_until_whole(timeout=within(10))
    check_that_they_talk(cluster, alice, bob)


def test_a_slow_line_costs_its_own_node_only(cluster, line):
    """What does not fit through it is lost, counted and told; nobody who is near is late for it."""
    one, two = cluster.add("gw-1"), cluster.add("gw-2")
    three = cluster.add("gw-3", url=url_of(line))
    cluster.wait_until_whole()
    alice, bob, carol = people(cluster)
    line.slow_down(50_000)  # bytes a second
    flood, text = 200, "x" * 10_000
    heard = []
    for number in range(flood):
        assert alice.say("", f"{number} {text}")[0] == DONE
        assert bob.text().startswith(f"{number} ")
        if number % 20 == 0:
            heard += until_its_pong(carol, number)
    line.pass_on()
    three.wait_until_linked(timeout=within(20))
    cluster.wait_until_whole(timeout=within(20))
    cluster.wait_until_equal(timeout=within(HEALED_S + 10))
    # Who does not read holds up those who said much; that is not the line's doing.
    while (said := alice.say("@carol", "the end")) != (DONE, 1):
        assert said == (BUSY, 0)
        heard += until_its_pong(carol, flood)
    numbers, gaps = numbers_of([*heard, *until(carol, lambda frame: frame.payload.endswith(b"the end"))])
    assert numbers == sorted(set(numbers)) and set(numbers) <= set(range(flood))
    lost = three.lost() + one.lost()
    assert (lost > 0) == (len(numbers) < flood) == (gaps > 0)


def until(talker, is_last):
    """The frames that come up to the last one, which is no part of it."""
    frames = []
    while not is_last(frame := talker.raw.frame()):
        frames.append(frame)
    return frames


def until_its_pong(talker, number):
    """What comes before the answer to a ping: it is served, whatever else there is."""
    payload = str(number).encode()
    talker.raw.ping(payload)
    return until(talker, lambda frame: frame == Frame(PONG, payload))


def numbers_of(frames):
    """Those of the texts of alice to all, in the order in which they came, and how many batches were missed (105)."""
    numbers, gaps = [], 0
    for frame in frames:
        if frame.opcode == BINARY and frame.payload[:2] == GAP.to_bytes(2, "big"):
            gaps += int.from_bytes(frame.payload[6:10], "big")
        elif frame.payload.endswith(b" -- FROM alice"):
            numbers.append(int(frame.payload.split()[0]))
    return numbers, gaps


# --- who may not be in it -------------------------------------------------------------------------


def test_another_key_is_refused(cluster, nats, tmp_path):
    one, two = cluster(count=2)
    alice, bob = one.talk("alice"), two.talk("bob")
    cluster.wait_until_known("bob")
    key = tmp_path / "another"
    key.touch(mode=0o600)
    key.write_text("ab" * 32 + "\n", encoding="ascii")
    stranger = cluster.add("gw-9", key_file=key)
    cluster.forget(stranger)
    one.gateway.wait_for_line(r"gw-9|key")
    with stranger.login("alice") as false_one:
        false_one.text("I am alice")
        false_one.round_trip()
        assert alice.say("@bob", "it was not me") == (DONE, 1)
        assert bob.message() == Message("alice", "@bob", "it was not me")
        alice.expect_nothing()
    assert "gw-9" not in one.states()
    assert len([line for line in one.gateway.lines if "gw-9" in line]) <= 1


def test_an_id_that_is_taken(cluster):
    """The younger one ends, and says where the older one is."""
    one, two = cluster(count=2)
    again = cluster.add("gw-2")
    cluster.forget(again)
    assert again.gateway.wait() == 1
    again.gateway.assert_no_report()
    assert [line for line in again.gateway.lines if "gw-2" in line and str(two.admin.port) in line]
    assert two.gateway.is_running and one.states() == {"gw-2": "up"}


def test_nats_that_takes_too_little(cluster, nats):
    """What does not fit the server's max_payload keeps a node from joining; it serves, and says which number it is."""
    nats.stop()
    nats.configure("max_payload: 32KB")
    nats.start()
    one = cluster.add("gw-1")
    one.gateway.wait_for_line(r"max_payload")
    with one.login("alice") as alice:
        alice.round_trip()
    assert not one.is_linked


def test_draining_is_told(cluster):
    """Its users are somewhere else soon; until then they are where they were."""
    one, two = cluster(count=2)
    alice, bob = one.talk("alice"), two.talk("bob")
    cluster.wait_until_known("bob")
    two.gateway.signal(signal.SIGTERM)
    bob.raw.frames_to_close()
    bob.raw.close_socket()
    assert two.gateway.wait() == 0
    cluster.forget(two)
    # It has said that it goes: nobody waits for silence.
    wait_until(lambda: one.states().get("gw-2") in (None, "down"), "gone", timeout=within(SUSPECT_S))
    assert alice.say("@bob", "?") == (NOBODY, 0)

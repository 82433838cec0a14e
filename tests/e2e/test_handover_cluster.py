"""A node of a cluster that hands over: it stays the same node, and no other one sees anybody come or go."""

import pytest

from cluster import Presence
from following import Follower
from handover import TAKEN, ask_for, follow, hand_over, while_it_hands_over
from talking import CAME, COUNTED, DONE, Message
from waiting import wait_until

pytestmark = pytest.mark.threads


def identity_of(node):
    return {name: (row["incarnation"], row["state"]) for name, row in node.rows().items()}


def test_it_is_the_same_node(cluster):
    """Its incarnation, what it knows of others and they of it; sessions, rooms, and what is said across."""
    one, two, three = cluster()
    alice, bob, carol = one.talk("alice"), two.talk("bob"), three.talk("carol")
    for talker in (alice, bob, carol):
        assert talker.join("room")[0] == DONE
    cluster.wait_until_known("alice", "bob", "carol")
    cluster.wait_until_room_is("room", 3)
    cluster.wait_until_equal()
    before = [identity_of(node) for node in cluster.nodes]
    lost = [node.lost() for node in cluster.nodes]
    epochs = cluster.sessions()
    for node in (one, two):
        hand_over(node.gateway, node.admin)
        assert [identity_of(each) for each in cluster.nodes] == before
    assert cluster.sessions() == epochs
    cluster.wait_until_equal()
    for speaker, hearers in ((alice, (bob, carol)), (bob, (alice, carol)), (carol, (alice, bob))):
        assert speaker.say("#room", speaker.name) == (DONE, 2)
        for hearer in hearers:
            assert hearer.message() == Message(speaker.name, "#room", speaker.name)
    assert alice.say("@bob", "you") == (DONE, 1) and bob.message().text == "you"
    assert bob.say("@alice", "you") == (DONE, 1) and alice.message().text == "you"
    assert [node.lost() for node in cluster.nodes] == lost
    assert [talker.gaps for talker in (alice, bob, carol)] == [0, 0, 0]
    for talker in (alice, bob, carol):
        talker.expect_nothing()


def test_nobody_is_told_that_anybody_came_or_went(cluster, nats):
    presence = Presence(nats.client())
    one, two = cluster("--presence-grace", 0, count=2)
    here, there = Follower(one.gateway, one.admin), Follower(two.gateway, two.admin)
    alice, bob = one.login("alice"), two.login("bob")
    here.expect("online", "alice")
    there.expect("online", "bob")
    cluster.wait_until_known("alice", "bob")
    hand_over(one.gateway, one.admin, here.admin)
    here.expect_nothing()
    there.expect_nothing()
    late = one.login("late")
    here.expect("online", "late")
    presence.wait_for(event="online", user="late")
    said = [event for event in presence.read() if "user" in event]
    assert said and {event["event"] for event in said} == {"online"}
    for client in (alice, bob, late):
        client.round_trip()


def test_a_newer_login_elsewhere_still_wins(cluster):
    """Epochs of behind the hand-over are newer than those of before, at each node."""
    one, two = cluster(count=2)
    alice = one.login("alice")
    cluster.wait_until_known("alice")
    hand_over(one.gateway, one.admin)
    elsewhere = two.login("alice")
    alice.expect_close(4001, "kicked")
    cluster.wait_for_sessions({("alice", ""): "gw-2"})
    back = one.login("alice")
    elsewhere.expect_close(4001, "kicked")
    cluster.wait_for_sessions({("alice", ""): "gw-1"})
    back.round_trip()


def test_what_is_said_across_meanwhile(cluster):
    """Bob at another node talks to alice all the time, and she to him: each text once, in order, or counted as lost,
    of which there is none."""
    one, two = cluster(count=2)
    alice, bob = one.talk("alice"), two.talk("bob")
    cluster.wait_until_known("alice", "bob")
    said = {"alice": 0, "bob": 0}

    def exchange():
        for talker, other in ((alice, "@bob"), (bob, "@alice")):
            for _ in range(10):
                said[talker.name] += 1
                talker.tell(other, str(said[talker.name]))
        for talker, other in ((alice, "bob"), (bob, "alice")):
            for number in range(said[other] - 9, said[other] + 1):
                assert talker.message() == Message(other, f"@{talker.name}", str(number))

    for _ in range(2):
        while_it_hands_over(one.gateway, exchange, one.admin)
        exchange()
    assert one.lost() == two.lost() == 0
    alice.expect_nothing()
    bob.expect_nothing()


def test_who_comes_to_the_other_node_meanwhile(cluster):
    """What the cluster says while nobody listens at the node is heard by its taker."""
    one, two = cluster(count=2)
    alice = one.talk("alice")
    assert alice.join("room", told=True) == (DONE, 1)
    cluster.wait_until_known("alice")
    newcomers = []
    while_it_hands_over(one.gateway, lambda: newcomers.append(two.talk(f"user{len(newcomers)}")), one.admin)
    cluster.wait_until_known(*(talker.name for talker in newcomers))
    cluster.wait_until_equal()
    if newcomers:
        assert newcomers[-1].join("room") == (DONE, 2)
        while (told := alice.members()) == ("room", 2, COUNTED, ""):
            pass  # the number may be here before the name
        assert told == ("room", 2, CAME, newcomers[-1].name)


def test_without_nats_nobody_hands_over_blindly(cluster, nats):
    """Whether it goes on or is refused is the gateway's to say; nobody is disconnected, and it finds back."""
    one, two = cluster(count=2)
    alice, bob = one.talk("alice"), two.talk("bob")
    cluster.wait_until_known("alice", "bob")
    nats.stop()
    one.wait_until_linked(False)
    giver = one.gateway.popen
    ask_for(one.gateway)
    wait_until(lambda: one.gateway.matching("not handed over|taken over"), "it is decided")
    if one.gateway.matching(TAKEN):
        follow(one.gateway, giver, 1)
    one.admin.connection.close()
    alice.expect_nothing()
    nats.start()
    cluster.wait_until_whole()
    cluster.wait_until_known("alice", "bob")
    assert bob.say("@alice", "again") == (DONE, 1)
    assert alice.message().text == "again"

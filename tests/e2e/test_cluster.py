"""Three nodes are one to their users: who is where, what is said, who is ended."""

import itertools
import random

import pytest

from cluster import Presence, ending
from gateway import free_port
from raw import PACKET_TEXT, packet, request
from talking import CAME, COUNTED, DONE, NOBODY, NOT_A_MEMBER, WENT, Message
from tls import Pair
from waiting import wait_until_equal

pytestmark = pytest.mark.threads

RACERS = 20  # users, who log in
RACES = 15   # times each


def everybody(*names):
    return {(name, "") for name in names}


# --- sessions -------------------------------------------------------------------------------------


def test_a_login_elsewhere_ends_the_session_here(cluster):
    one, two, three = cluster()
    with one.login("alice") as before, three.login("bob") as bob:
        with two.login("alice") as after:
            before.expect_close(4001, "kicked")
            after.round_trip()
            cluster.wait_for_sessions({("alice", ""): "gw-2", ("bob", ""): "gw-3"})
            wait_until_equal(lambda: one.metric("tidegate_cluster_kicks_total"), 1)
            bob.round_trip()
        wait_until_equal(lambda: set(cluster.sessions()), everybody("bob"))


def test_all_nodes_know_where_a_user_is(cluster):
    nodes = cluster("--max-devices", 3)
    with nodes[0].login("alice") as desktop, nodes[1].talk("alice", "phone").raw as phone:
        places = {("gw-1", ""), ("gw-2", "phone")}
        for node in nodes:
            wait_until_equal(lambda: {place[:2] for place in node.where("alice")}, places)  # noqa: B023
        # The same epochs too, whoever is asked.
        assert len({frozenset(node.where("alice")) for node in nodes}) == 1
        desktop.round_trip()
        phone.round_trip()
    for node in nodes:
        wait_until_equal(lambda: node.where("alice"), set())  # noqa: B023


def test_the_oldest_of_too_many_devices_goes(cluster):
    one, two, three = cluster("--max-devices", 2)
    oldest = one.talk("alice", "desktop")
    phone = two.talk("alice", "phone")
    cluster.wait_until_known("alice", sessions=2)
    tablet = three.talk("alice", "tablet")
    oldest.raw.expect_close(4001, "kicked")
    phone.expect_nothing()
    tablet.expect_nothing()
    cluster.wait_for_sessions({("alice", "phone"): "gw-2", ("alice", "tablet"): "gw-3"})


def test_races_leave_the_highest_epoch(cluster, nats):
    """The same users log in at all nodes at once, again and again."""
    nodes = cluster("--kick-limit", 0)
    presence = Presence(nats.client())
    users = [f"user{number}" for number in range(RACERS)]
    clients = []
    for _, user in itertools.product(range(RACES), random.sample(users, RACERS)):
        client = random.choice(nodes).gateway.raw()
        client.send(request(f"/?user={user}"))
        clients.append(client)
    for client in clients:
        client.expect_upgrade()
    left = cluster.wait_until_single()
    assert set(left) == everybody(*users)
    # All others were told why; of the one that is left nothing was taken.
    ends = [ending(client) for client in clients]
    assert ends.count(None) == RACERS
    assert set(ends) - {None} <= {4001, 1013}
    presence.read()
    assert {session: epoch for session, (_, epoch) in left.items()} == presence.highest
    cluster.wait_until_equal()


# --- to a user ------------------------------------------------------------------------------------


def test_a_message_finds_its_user(cluster):
    one, two, three = cluster("--max-devices", 2)
    alice, bob = one.talk("alice"), two.talk("bob")
    with three.login("bob&device=old") as old, three.login("carol") as carol:
        cluster.wait_until_known("bob", sessions=2)
        assert alice.say("@bob", "hello 中") == (DONE, 2)
        assert bob.message() == Message("alice", "@bob", "hello 中")
        old.expect_text("hello 中 -- FROM alice")
        assert alice.say("@dave", "?") == (NOBODY, 0)
        carol.round_trip()
    alice.expect_nothing()
    bob.expect_nothing()


def test_the_sender_s_own_other_devices_are_shown_it(cluster):
    one, two, three = cluster("--max-devices", 2)
    desktop, phone, bob = one.talk("alice", "desktop"), two.talk("alice", "phone"), three.talk("bob")
    cluster.wait_until_known("alice", sessions=2)
    cluster.wait_until_known("bob")
    assert desktop.say("@bob", "hello") == (DONE, 1)
    assert bob.message() == Message("alice", "@bob", "hello")
    assert phone.message() == Message("alice", "@bob", "hello")
    desktop.expect_nothing()


def test_messages_keep_their_order(cluster):
    """Whatever their audience: to a user, to a room, to all."""
    one, two, _ = cluster()
    alice, bob = one.talk("alice"), two.talk("bob")
    assert bob.join("room") == (DONE, 1)
    assert alice.join("room")[0] == DONE
    cluster.wait_until_known("alice", "bob")
    cluster.wait_until_room_is("room", 2)
    for number in range(100):
        assert alice.say("@bob", f"user {number}")[0] == DONE
        assert alice.say("#room", f"room {number}")[0] == DONE
        assert alice.say("", f"all {number}")[0] == DONE
    for number in range(100):
        assert bob.message() == Message("alice", "@bob", f"user {number}")
        assert bob.message() == Message("alice", "#room", f"room {number}")
        assert bob.text() == f"all {number} -- FROM alice"
    bob.expect_nothing()


# --- to all, and to rooms -------------------------------------------------------------------------


def test_a_text_reaches_all_nodes_once(cluster):
    one, two, three = cluster("--max-devices", 2)
    with one.login("alice") as alice, one.login("near") as near, two.login("bob") as bob, three.login("carol") as carol:
        other = three.talk("alice", "phone")
        cluster.wait_until_known("alice", sessions=2)
        cluster.wait_until_known("near", "bob", "carol")
        alice.text("typed")
        alice.packet(PACKET_TEXT, b"packed")
        for client in (near, bob, carol):
            client.expect_text("typed -- FROM alice")
            client.expect_binary(packet(PACKET_TEXT, b"packed -- FROM alice"))
            client.round_trip()
        # All other users, and no device of the same one.
        alice.round_trip()
        other.expect_nothing()
        carol.text("back")
        for client in (alice, near, bob):
            client.expect_text("back -- FROM carol")
        assert other.text() == "back -- FROM carol"


def change_of(talker):
    """Who came or went next; how many there are may be told besides, when another node has said so."""
    while (told := talker.members())[2] == COUNTED:
        pass
    return told


def test_a_room_is_one(cluster):
    one, two, three = cluster()
    alice, bob, carol = one.talk("alice"), two.talk("bob"), three.talk("carol")
    assert alice.join("room", told=True) == (DONE, 1)
    cluster.wait_until_room_is("room", 1)
    assert bob.join("room") == (DONE, 2)
    assert change_of(alice) == ("room", 2, CAME, "bob")
    assert carol.say("#room", "?") == (NOT_A_MEMBER, 0)
    cluster.wait_until_room_is("room", 2)
    assert carol.join("room")[0] == DONE
    assert change_of(alice) == ("room", 3, CAME, "carol")
    cluster.wait_until_room_is("room", 3)
    assert bob.say("#room", "hello")[0] == DONE
    for client in (alice, carol):
        assert client.message() == Message("bob", "#room", "hello")
    assert carol.list("room") == (DONE, True, ["alice", "bob", "carol"])
    assert carol.leave("room")[0] == DONE
    assert change_of(alice) == ("room", 2, WENT, "carol")
    cluster.wait_until_room_is("room", 2)
    bob.raw.close_socket()
    assert change_of(alice) == ("room", 1, WENT, "bob")
    carol.expect_nothing()


# --- a backend's HTTP -----------------------------------------------------------------------------


def test_a_backend_may_ask_any_node(cluster):
    one, two, three = cluster()
    alice, bob = one.talk("alice"), two.talk("bob")
    cluster.wait_until_known("alice", "bob")
    three.admin.queued("alice", "your order is on its way")
    assert alice.text() == "your order is on its way"
    assert three.admin.push("carol", "?").problem == "offline"
    reply = three.admin.post("/v1/broadcast", {"text": "closing at ten"})
    assert reply.status == 202, reply
    assert [client.text() for client in (alice, bob)] == ["closing at ten"] * 2
    assert three.admin.put("/v1/rooms/room/members/alice").json["sessions"] == 1
    assert alice.members() == ("room", 1, CAME, "alice")
    assert three.admin.delete("/v1/users/bob?code=1008&reason=banned").status in (200, 204)
    bob.raw.expect_close(1008, "banned")
    wait_until_equal(lambda: set(cluster.sessions()), everybody("alice"))


def test_each_knows_who_speaks_tls(cluster, tmp_path):
    """Where a console sends its second client."""
    ports = free_port(), free_port()
    nodes = (cluster.add("gw-1", listen=[f"127.0.0.1:{ports[0]}"]),
             cluster.add("gw-2", *Pair(tmp_path).options, listen=[f"wss://127.0.0.1:{ports[1]}"]))
    cluster.wait_until_whole()
    for node in nodes:
        wait_until_equal(lambda: {name: (row["ws_port"], row["ws_tls"]) for name, row in node.rows().items()},  # noqa: B023
                         {"gw-1": (ports[0], False), "gw-2": (ports[1], True)})


def test_who_is_there_can_be_seen(cluster):
    """At each node, of each node."""
    nodes = cluster()
    with nodes[0].login("alice"), nodes[0].login("bob"), nodes[1].login("carol"):
        for node in nodes:
            wait_until_equal(lambda: {name: row["sessions"] for name, row in node.rows().items()},  # noqa: B023
                             {"gw-1": 2, "gw-2": 1, "gw-3": 0})
            assert node.metric("tidegate_cluster_up") == 1
            assert node.metric("tidegate_cluster_nodes") == 2
            assert node.lost() == node.metric("tidegate_cluster_lost_total") == 0
            assert {row["version"] for row in node.rows().values()} == {node.rows()["gw-1"]["version"]}
    cluster.wait_until_equal()

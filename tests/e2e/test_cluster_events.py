"""Presence of a cluster, as backends follow it: over NATS, and at each node's admin port."""

import re

import pytest

from cluster import DOWN_S, Presence, within
from following import Follower
from gateway import Process
from waiting import wait_until

NO_GRACE = ("--presence-grace", 0)


@pytest.fixture
def presence(nats):
    return Presence(nats.client())


def follow(node):
    return Follower(node.gateway, node.admin)


def test_what_is_published_is_what_the_port_tells(cluster, presence):
    one, two = cluster(*NO_GRACE, count=2)
    with one.login("alice"), two.talk("bob", "phone").raw:
        presence.wait_for(event="online", user="alice", node="gw-1")
        presence.wait_for(event="online", user="bob", device="phone", node="gw-2")
    presence.wait_for(event="offline", user="alice", node="gw-1")
    presence.wait_for(event="offline", user="bob", node="gw-2")
    for node in (one, two):
        incarnation = node.look()["nodes"][0]["incarnation"]
        told = node.admin.get(f"/v1/events?after={incarnation}.0&limit=1000").json["events"]
        published = [event for event in presence.read() if event["incarnation"] == incarnation]
        # Who is there before the line is up is told by the port alone.
        assert published and told[-len(published) :] == published
        assert [event["seq"] for event in told] == list(range(1, len(told) + 1))


def test_a_kick_across_is_no_offline(cluster):
    one, two = cluster(*NO_GRACE, count=2)
    here, there = follow(one), follow(two)
    before = one.login("alice")
    came = here.expect("online", "alice")
    cluster.wait_until_known("alice")
    after = two.login("alice")
    before.expect_close(4001, "kicked")
    moved = there.expect("moved", "alice")
    assert int(moved["epoch"]) > int(came["epoch"])
    after.close_socket()
    there.expect("offline", "alice")
    one.login("bob")
    # Nothing of alice in between.
    here.expect("online", "bob")


def test_who_moves_in_his_grace_is_not_offline_where_he_was(cluster):
    one, two = cluster("--presence-grace", 3600, count=2)
    here, there = follow(one), follow(two)
    one.login("alice").close_socket()
    here.expect("online", "alice")
    wait_until(lambda: one.admin.status()["totals"]["event_graces"] == 1, "alice has gone")
    two.login("alice")
    assert there.next()["user"] == "alice"
    wait_until(lambda: one.admin.status()["totals"]["event_graces"] == 0, "alice is elsewhere")
    here.expect_nothing()


def test_a_device_that_is_displaced_from_elsewhere_is_offline(cluster):
    one, two = cluster("--max-devices", 2, *NO_GRACE, count=2)
    here, there = follow(one), follow(two)
    oldest = one.talk("alice", "1")
    here.expect("online", "alice", "1")
    two.talk("alice", "2")
    there.expect("online", "alice", "2")
    cluster.wait_until_known("alice", sessions=2)
    two.talk("alice", "3")
    there.expect("online", "alice", "3")
    oldest.raw.expect_close(4001, "kicked")
    assert here.expect("offline", "alice", "1")["reason"] == "kicked"


def test_nodes_are_events(cluster, presence):
    one, two = cluster(count=2)
    follower = follow(one)
    life = two.look()["nodes"][0]["incarnation"]
    three = cluster.add("gw-3")
    cluster.wait_until_whole()
    event = follower.next()
    assert event["event"] == "node_up" and event["peer"]["node"] == "gw-3"
    # In good order it is known at once.
    three.gateway.stop()
    cluster.forget(three)
    event = follower.next()
    assert event["event"] == "node_down" and event["peer"]["node"] == "gw-3"
    # Who is killed is waited for.
    two.gateway.kill()
    cluster.forget(two)
    wait_until(lambda: follower.take(wait=20), "an event", timeout=within(DOWN_S))
    event = follower.next()
    assert (event["event"], event["peer"]) == ("node_down", {"node": "gw-2", "incarnation": life})
    assert presence.wait_for(event="node_down", node="gw-1", peer=event["peer"])["seq"] == event["seq"]


def test_without_an_admin_port_presence_is_published(cluster, start, nats, cluster_key, presence):
    gateway = start("--cluster", nats.url, "--cluster-key", cluster_key, "--id", "alone", *NO_GRACE)
    gateway.wait_for_line("cluster: connected")
    gateway.login("alice").close_socket()
    event = presence.wait_for(event="online", user="alice", node="alone")
    assert event["seq"] > 1
    presence.wait_for(event="offline", user="alice", node="alone")
    gateway.login("bob")
    presence.wait_for(event="online", user="bob", node="alone")


# --- joining ------------------------------------------------------------------------------------


def test_of_two_with_one_name_the_younger_ends(cluster):
    (one,) = cluster(count=1)
    other = cluster.add("gw-1")
    cluster.forget(other)
    other.gateway.wait_for_line("another node of the cluster is called gw-1 too")
    other.gateway.assert_ends(1)
    one.login("alice").round_trip()


def test_a_key_that_cannot_be_taken(nats, tmp_path):
    """Is told by --test, and by a start."""
    short = tmp_path / "short"
    short.write_text("abc\n", encoding="ascii")
    short.chmod(0o600)
    for key in (short, tmp_path / "none"):
        arguments = ("--listen", "127.0.0.1:0", "--cluster", nats.url, "--cluster-key", key, "--id", "gw-1")
        for process in (Process(("--test", *arguments)), Process(arguments)):
            assert process.wait() == 1
            assert process.matching(f"cluster_key: {re.escape(str(key))}: ")

"""Clocks that are off: 10 s, 61 s, a year. A node a minute off the others serves its own users alone until it is not.

The offset is for tests: builds with them read it from the environment."""

import pytest

from cluster import within
from handover import has_hooks
from talking import DONE, Message
from waiting import wait_until

pytestmark = [
    pytest.mark.threads,
    pytest.mark.slow,
    pytest.mark.skipif(not has_hooks(), reason="for a build with unit tests"),
]

YEAR_S = 365 * 86400
OFFSET = "TIDEGATE_TEST_CLOCK_OFFSET_MS"


@pytest.fixture
def offset(monkeypatch):
    """Of the nodes that are started from now on."""
    def set_offset(seconds):
        monkeypatch.setenv(OFFSET, str(int(seconds * 1000)))
    return set_offset


def test_ten_seconds_are_nothing(cluster, offset):
    """The newest login wins, whichever clock it came by."""
    one = cluster.add("gw-1")
    offset(10)
    two = cluster.add("gw-2")
    cluster.wait_until_whole()
    wait_until(lambda: one.rows()["gw-2"]["clock_ms"] > 9000, "it is seen")
    with two.login("alice") as first:
        cluster.wait_until_known("alice")
        with one.login("alice") as second:
            first.expect_close(4001, "kicked")
            with two.login("alice") as third:
                second.expect_close(4001, "kicked")
                third.round_trip()
    assert one.is_linked and two.is_linked


@pytest.mark.parametrize("seconds", [61, -61, YEAR_S, -YEAR_S])
def test_a_node_that_is_off_leaves_until_it_is_not(cluster, offset, seconds):
    one, two = cluster(count=2)
    alice, bob = one.talk("alice"), two.talk("bob")
    cluster.wait_until_known("alice", "bob")
    offset(seconds)
    three = cluster.add("gw-3")
    three.wait_until_linked(False)
    wait_until(lambda: three.rows()["gw-3"]["fenced"], "it knows", timeout=within(10))
    three.gateway.wait_for_line(r"clock")
    for node in (one, two):
        wait_until(lambda: node.states().get("gw-3") in ("fenced", "clock"), "it is seen", timeout=within(10))  # noqa: B023
        ahead_s = node.admin.metrics()['tidegate_cluster_clock_ahead_seconds{node="gw-3"}']
        assert abs(ahead_s - seconds) < 5
        assert node.is_linked
    # Its own users are served; nobody else's sessions end for it, nor do its for others.
    with three.login("alice") as here, three.login("carol") as carol:
        carol.text("anybody?")
        here.expect_text("anybody? -- FROM carol")
        alice.expect_nothing()
        assert alice.say("@bob", "still us two") == (DONE, 1)
        assert bob.message() == Message("alice", "@bob", "still us two")
        here.round_trip()
        assert one.rows()["gw-3"]["lost"] == 0
    three.gateway.stop()
    cluster.forget(three)
    offset(0)
    back = cluster.add("gw-3")
    cluster.wait_until_whole(timeout=within(10))
    with back.login("alice") as newest:
        alice.raw.expect_close(4001, "kicked")
        newest.round_trip()
    cluster.wait_until_equal(timeout=within(5))


def test_of_two_nobody_knows_who_is_right(cluster, offset):
    """Both show it, and go on."""
    one = cluster.add("gw-1")
    offset(61)
    two = cluster.add("gw-2")
    for node, other in ((one, "gw-2"), (two, "gw-1")):
        wait_until(lambda: node.states().get(other) == "clock", "it is seen", timeout=within(10))  # noqa: B023
        assert node.is_linked
    with one.login("alice") as alice, two.login("bob") as bob:
        wait_until(lambda: one.rows()["gw-2"]["sessions"] == 1, "there is somebody to be heard by")
        alice.text("hello")
        bob.expect_text("hello -- FROM alice")

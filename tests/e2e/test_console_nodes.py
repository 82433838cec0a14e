"""The consoles of two nodes that know of each other."""

import json

import pytest

from console_pages import action, card, count, get, name_on, nodes_of, say, wait_for_bubble, whisper
from waiting import wait_until

pytestmark = pytest.mark.release


@pytest.fixture
def consoles(open_console, nats, cluster_key):
    """Of two nodes that know of each other. The first one's pages open lines to the second as well."""
    words = ("--demo", "--cluster", nats.url, "--cluster-key", cluster_key)
    both = [open_console(*words, "--id", name) for name in ("gw-1", "gw-2")]
    both[0].others = {f"ws://{both[1].gateway.listen[0]}"}
    for console in both:
        wait_until(lambda: [row["state"] for row in nodes_of(console)[1:]] == ["up"], "the other one is up")  # noqa: B023
    return both


def test_the_two_talk_across_nodes(consoles):
    one, two = consoles
    page = one.open_live()
    assert page.text(f"{card('bob')} .place") == "on gw-2" and count(page, f"{card('alice')} .place") == 0
    [alice], [bob] = ([row["user"] for row in json.loads(get(it.admin, "/v1/users")[1])["users"]] for it in consoles)
    assert (alice, bob) == (name_on(page, "alice"), name_on(page, "bob"))
    whisper(page, "alice", "just you")
    wait_for_bubble(page, "alice", f"just you only to {bob}, heard by 1 session")
    wait_for_bubble(page, "bob", f"{alice}, only to {bob}")
    say(page, "bob", "and all of us")
    wait_for_bubble(page, "alice", "and all of us")
    # What its own gateway cannot do to it is not offered.
    assert page.attribute(action("bob", "cut"), "aria-disabled") == "true"
    assert "the console of gw-2" in page.text(f"{card('bob')} .faults")
    assert page.attribute(action("alice", "cut"), "aria-disabled") == "false"


def test_the_nodes_are_watched(consoles):
    one, two = consoles
    page = one.open("watch")
    page.wait("document.querySelector('.nodes tr[data-node=gw-2][data-state=up]') !== null")
    assert page.text(".nodes tr[data-node=gw-1] th") == "gw-1, this one"
    assert page.run("document.querySelector('.nodes tr[data-node=gw-2] a').href") == two.url
    page.wait_for_text(".nodes .summary", "The line to NATS is up. Nothing was lost between nodes.")
    with two.gateway.login("somebody"):
        page.wait_for_text(".nodes tr[data-node=gw-2]", "up\t1\t0")
    two.gateway.stop()
    page.wait("document.querySelector('.nodes tr[data-node=gw-2][data-state=up]') === null")


def test_a_gateway_alone_says_nothing_of_nodes(console):
    page = console.open("watch")
    page.wait("document.querySelector('.users .summary').textContent !== ''")
    assert page.run("document.querySelector('.nodes').hidden && document.getElementById('to-nodes').hidden")

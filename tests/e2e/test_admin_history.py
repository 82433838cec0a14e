"""The last minutes as the admin port tells them, and what a connection costs."""

import pytest

from crowd import Crowd
from waiting import wait_until

pytestmark = pytest.mark.threads


def lists_of(history):
    """All of its lists: (name, list)."""
    for name in ("at_ms", "interval_ms"):
        yield name, history[name]
    for group in ("levels", "growth", "ends"):
        yield from history[group].items()
    yield from enumerate(history["busy"])


def history_of(admin, since=0):
    history = admin.get(f"/v1/history?since={since}").json
    for name, values in lists_of(history):
        assert len(values) == len(history["at_ms"]), name
    return history


def with_more(admin, count):
    """The history once it has more than `count` moments."""
    return wait_until(lambda: [h for h in [history_of(admin)] if h["count"] > count], "moments")[0]


def test_what_happened_is_found_in_the_history(serve):
    gateway, admin = serve()
    first = gateway.login("alice")
    second = gateway.login("alice")
    first.expect_close(4001, "kicked")
    bob = gateway.login("bob")
    bob.text("hello")
    second.expect_text("hello -- FROM bob")
    # Another moment begins when all of it has happened.
    history = with_more(admin, history_of(admin)["count"] + 1)
    growth, levels = history["growth"], history["levels"]
    totals = admin.status()["totals"]
    for name in ("logins", "kicks", "fanout_messages", "deliveries", "accepted"):
        assert sum(growth[name]) == totals[name] > 0, name
    assert sum(growth["bytes_in"]) > 0 and sum(growth["cpu_us"]) > 0
    assert list(history["ends"]) == ["kicked"] and sum(history["ends"]["kicked"]) == 1
    assert (levels["connections"][-1], levels["users"][-1]) == (2, 2)
    assert levels["memory_per_connection"][-1] is None
    assert levels["rss"][-1] > 1 << 20
    assert len(history["busy"]) == 2


def test_times_are_in_order_and_what_was_told_is_not_told_again(serve):
    _, admin = serve()
    before = with_more(admin, 1)
    for at, later, interval in zip(before["at_ms"], before["at_ms"][1:], before["interval_ms"][1:]):
        assert later - at == interval >= before["every_ms"] // 2
    assert 0 <= before["now_ms"] - before["at_ms"][-1]
    assert before["span_ms"] == 900 * before["every_ms"]
    count = before["count"]
    after = wait_until(lambda: [h for h in [history_of(admin, count)] if h["at_ms"]], "more")[0]
    assert after["at_ms"][0] > before["at_ms"][-1]
    assert len(after["at_ms"]) == after["count"] - count
    assert after["started_ms"] == before["started_ms"]
    # Of another run, whose numbers went further: all there is.
    assert history_of(admin, 4_000_000_000)["at_ms"][: len(before["at_ms"])] == before["at_ms"]


@pytest.mark.parametrize("query", ["since=x", "since=-1", "since=4294967296", "since", "until=3"])
def test_queries_that_are_refused(serve, query):
    assert serve()[1].get(f"/v1/history?{query}").problem == "bad-query"


@pytest.mark.release
def test_memory_per_connection_is_told_from_1000_on(serve):
    gateway, admin = serve("--max-connections", 2000)
    start = admin.status()["memory"]
    assert 0 < start["rss_at_start"] <= start["rss"] and start["per_connection"] is None
    crowd = Crowd(gateway, 1200)
    memory = admin.status()["memory"]
    assert memory["per_connection"] == (memory["rss"] - memory["rss_at_start"]) // 1200
    assert 0 < memory["per_connection"] < 8192
    for client in list(crowd.clients.values())[:201]:
        client.close_socket()
    wait_until(lambda: admin.status()["totals"]["connections"] == 999, "they have left")
    assert admin.status()["memory"]["per_connection"] is None

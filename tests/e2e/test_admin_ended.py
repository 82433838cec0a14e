"""Connections that a backend ends, and those that have ended of late."""

import re

import pytest

from admin import DESCRIPTION
from waiting import wait_until

pytestmark = pytest.mark.threads


@pytest.mark.parametrize(
    ("query", "code", "reason"),
    [
        ("", 4003, "disconnected"),
        ("?code=4100", 4100, ""),
        ("?reason=bye", 4003, "bye"),
        ("?code=1000&reason=", 1000, ""),
        ("?code=1008&reason=no%20more%20ü".replace("ü", "%C3%BC"), 1008, "no more ü"),
        ("?code=4999&reason=" + "x" * 123, 4999, "x" * 123),
    ],
)
def test_a_connection_is_closed(serve, query, code, reason):
    gateway, admin = serve()
    alice = gateway.login("alice")
    assert admin.delete(f"/v1/users/alice{query}").status == 204
    alice.expect_close(code, reason)
    gateway.wait_for_line("disconnected by the backend")
    assert admin.delete("/v1/users/alice").problem == "offline"
    assert admin.metrics()['tidegate_ends_total{reason="disconnected"}'] == 1
    [ended] = admin.get("/v1/ended").json["ended"]
    assert (ended["user"], ended["reason"], ended["code"]) == ("alice", "disconnected", code)


@pytest.mark.parametrize(
    "query",
    [
        "code=999",
        "code=1001",
        "code=1005",
        "code=1006",
        "code=3999",
        "code=5000",
        "code=x",
        "code=1000&code=1000",
        "reason=" + "x" * 124,
        "reason=%ff",
        "why=1",
    ],
)
def test_closes_that_are_refused(serve, query):
    gateway, admin = serve()
    alice = gateway.login("alice")
    reply = admin.delete(f"/v1/users/alice?{query}")
    assert (reply.status, reply.problem) == (400, "bad-query")
    alice.round_trip()


def test_the_codes_that_a_backend_may_give(serve):
    """Those of the description, which the problem names too; of nobody who is there."""
    [parameter] = [
        one
        for one in DESCRIPTION["paths"]["/v1/users/{NAME}"]["delete"]["parameters"]
        if one.get("name") == "code"
    ]
    [registered, private] = parameter["schema"]["anyOf"]
    _, admin = serve()
    taken = []
    for code in range(999, private["minimum"] + 1):
        reply = admin.delete(f"/v1/users/nobody?code={code}")
        assert reply.problem in ("offline", "bad-query")
        taken += [code] if reply.problem == "offline" else []
    assert taken == [*registered["enum"], private["minimum"]]
    assert admin.delete(f"/v1/users/nobody?code={private['maximum']}").problem == "offline"
    detail = admin.delete("/v1/users/nobody?code=1001").json["detail"]
    said = [int(number) for number in re.findall(r"\d+", detail)]
    assert said == [*registered["enum"], private["minimum"], private["maximum"]]


def test_the_recently_ended(serve):
    gateway, admin = serve()
    assert admin.get("/v1/ended").json == {"ended": [], "matched": 0, "complete_ms": None}
    first = gateway.login("alice")
    second = gateway.login("alice")
    first.expect_close(4001, "kicked")
    second.close(4321)
    second.frames_to_close()
    second.close_socket()
    gateway.wait_for_line("user alice out:", 2)
    third = gateway.login("carol")
    third.close_socket()
    gateway.wait_for_line("user carol out:")
    gateway.login("%00").expect_close(4000, "bad login")
    ended = wait_until(
        lambda: [e for e in [admin.get("/v1/ended").json["ended"]] if len(e) == 4], "all are there"
    )[0]
    assert [(end["user"], end["reason"], end["code"]) for end in ended] == [
        (None, "bad_login", 4000),
        ("carol", "peer_eof", 0),
        ("alice", "peer_close", 4321),
        ("alice", "kicked", 4001),
    ]
    assert len(admin.get("/v1/ended?limit=2").json["ended"]) == 2
    for query in ("limit=0", "limit=257", "x=1"):
        assert admin.get(f"/v1/ended?{query}").problem == "bad-query"


def test_no_more_of_the_ended_than_are_kept(serve):
    gateway, admin = serve()
    for number in range(300):
        with gateway.login(f"user{number}"):
            pass
    gateway.wait_for_line("user .* out:", 300)
    answer = admin.get("/v1/ended?limit=256").json
    ended = answer["ended"]
    assert 256 <= answer["matched"] <= 300, "each worker keeps its own"
    assert (answer["complete_ms"] is None) == (answer["matched"] == 300)
    assert len(ended) == 256
    assert len({end["user"] for end in ended}) == 256
    assert [end["ended_ms_ago"] for end in ended] == sorted(end["ended_ms_ago"] for end in ended)

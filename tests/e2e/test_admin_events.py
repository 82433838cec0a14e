"""GET /v1/events: who came, moved and went, as backends are told."""

import datetime
import pathlib
import re
import signal
import socket

import pytest

from admin import Admin
from crowd import Crowd
from following import Follower, Wait
from gateway import free_port, limit_files
from talking import Talker
from waiting import wait_until_equal

pytestmark = pytest.mark.threads

NO_GRACE = ("--presence-grace", 0)
LONG_GRACE = ("--presence-grace", 3600)


def waiters(admin):
    return admin.status()["totals"]["event_waiters"]


def come_to_wait(admin, after, count=1, seconds=60):
    """As many requests, each of which waits for an event."""
    waits = [Wait(admin, after, seconds) for _ in range(count)]
    wait_until_equal(lambda: waiters(admin), count)
    return waits


# --- what is told -------------------------------------------------------------------------------


def test_the_first_event_is_the_start(serve):
    _, admin = serve("--id", "gw-7")
    answer = admin.get("/v1/events").json
    assert answer["node"] == "gw-7"
    assert answer["after"] == f"{answer['incarnation']}.1"
    (event,) = admin.get(f"/v1/events?after={answer['incarnation']}.0").json["events"]
    assert event["event"] == "node_up" and event["seq"] == 1
    assert event["peer"] == {"node": "gw-7", "incarnation": answer["incarnation"]}
    time = datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
    assert abs(datetime.datetime.now(datetime.timezone.utc) - time) < datetime.timedelta(minutes=5)
    assert int(answer["incarnation"].partition("-")[0], 16) == round(time.timestamp() * 1000)


def test_who_comes_and_goes(serve):
    gateway, admin = serve(*NO_GRACE)
    follower = Follower(gateway, admin)
    alice = gateway.login("alice")
    event = follower.expect("online", "alice")
    host, port = alice.sock.getsockname()
    assert event["address"] == f"{host}:{port}"
    assert "reason" not in event
    Talker(gateway.raw(), "bob", "phone")
    follower.expect("online", "bob", "phone")
    alice.close()
    alice.expect_close(1000)
    event = follower.expect("offline", "alice")
    assert event["reason"] == "peer_close" and event["address"] == f"{host}:{port}"
    gateway.login("alice")
    follower.expect("online", "alice")
    follower.expect_nothing()


def test_a_refused_login_is_no_event(serve):
    gateway, admin = serve(*NO_GRACE)
    follower = Follower(gateway, admin)
    bad = gateway.raw()
    bad.upgrade("/?user=")
    bad.expect_close(4000)
    gateway.login("alice")
    follower.expect("online", "alice")


def test_a_kick_is_no_offline(serve):
    gateway, admin = serve(*NO_GRACE)
    follower = Follower(gateway, admin)
    first = gateway.login("alice")
    follower.expect("online", "alice")
    for _ in range(5):
        second = gateway.login("alice")
        first.expect_close(4001, "kicked")
        event = follower.expect("moved", "alice")
        assert event["address"].endswith(f":{second.sock.getsockname()[1]}")
        first = second
    first.close_socket()
    follower.expect("offline", "alice")
    follower.expect_nothing()


def test_a_device_that_is_displaced_is_offline(serve):
    gateway, admin = serve("--max-devices", 2, *NO_GRACE)
    follower = Follower(gateway, admin)
    talkers = []
    for device in ("1", "2"):
        talkers.append(Talker(gateway.raw(), "alice", device))
        follower.expect("online", "alice", device)
    talkers.append(Talker(gateway.raw(), "alice", "3"))
    events = sorted((follower.next() for _ in range(2)), key=lambda event: event["device"])
    assert [(event["event"], event["device"]) for event in events] == [("offline", "1"), ("online", "3")]
    assert events[0]["reason"] == "kicked"
    talkers[0].raw.expect_close(4001)
    follower.expect_nothing()


def test_who_comes_back_in_time_has_moved(serve):
    gateway, admin = serve(*LONG_GRACE)
    follower = Follower(gateway, admin)
    alice = gateway.login("alice")
    follower.expect("online", "alice")
    alice.close_socket()
    wait_until_equal(lambda: admin.status()["totals"]["event_graces"], 1)
    gateway.login("alice")
    follower.expect("moved", "alice")
    wait_until_equal(lambda: admin.status()["totals"]["event_graces"], 0)
    follower.expect_nothing()


def test_the_grace_is_waited_for(serve):
    gateway, admin = serve("--presence-grace", 1)
    follower = Follower(gateway, admin)
    gateway.login("alice").close_socket()
    came, went = follower.expect("online", "alice"), follower.next()
    assert went["event"] == "offline"
    # Told behind the grace, but of the time when it happened.
    assert admin.status()["totals"]["event_graces"] == 0
    assert came["time"] <= went["time"]


def test_a_reload_changes_the_grace(serve, tmp_path):
    config = tmp_path / "tidegate.conf"
    config.write_text("presence_grace = 3600\n", encoding="ascii")
    gateway, admin = serve("--config", config)
    follower = Follower(gateway, admin)
    gateway.login("alice").close_socket()
    follower.expect("online", "alice")
    wait_until_equal(lambda: admin.status()["totals"]["event_graces"], 1)
    follower.expect_nothing()
    config.write_text("presence_grace = 0\n", encoding="ascii")
    gateway.signal(signal.SIGHUP)
    follower.expect("offline", "alice")


def test_names_of_all_kinds(serve):
    gateway, admin = serve(*NO_GRACE)
    follower = Follower(gateway, admin)
    for encoded, name in (('a%22b%5Cc', 'a"b\\c'), ("%E2%82%AC%20x", "€ x"), ("%F0%9F%8C%8A", "🌊")):
        gateway.login(encoded).close_socket()
        follower.expect("online", name)
        follower.expect("offline", name)


def test_nobody_is_missed_and_nobody_twice(serve):
    gateway, admin = serve(*NO_GRACE)
    follower = Follower(gateway, admin)
    crowd = Crowd(gateway, 2000)
    seen = set()
    while len(seen) < len(crowd):
        event = follower.next()
        assert event["event"] == "online" and event["user"] not in seen
        seen.add(event["user"])
    for client in crowd.clients.values():
        client.close_socket()
    while seen:
        event = follower.next()
        assert event["event"] == "offline"
        seen.remove(event["user"])
    follower.expect_nothing()
    metrics = admin.metrics()
    assert metrics["tidegate_events_total"] == follower.seq == 4001
    assert metrics['tidegate_memory_bytes{kind="events"}'] > 0


# --- positions ----------------------------------------------------------------------------------


def test_pages(serve):
    gateway, admin = serve(*NO_GRACE)
    follower = Follower(gateway, admin)
    begin = follower.after
    for number in range(5):
        # Of two workers' sessions either may be told of first.
        gateway.login(f"user{number}")
        follower.expect("online", f"user{number}")
    follower.after, follower.seq = begin, 1
    pages = [follower.take(limit=2) for _ in range(3)]
    assert [len(page) for page in pages] == [2, 2, 1]
    more = [admin.get(f"/v1/events?after={begin}&limit={limit}").json["more"] for limit in (4, 5)]
    assert more == [True, False]
    # An event's own number is a position too.
    event = pages[1][1]
    rest = admin.get(f"/v1/events?after={event['incarnation']}.{event['seq']}").json["events"]
    assert rest == pages[2]


def test_what_is_gone(serve):
    gateway, admin = serve()
    answer = admin.get("/v1/events").json
    incarnation = answer["incarnation"]
    wall, _, random = incarnation.partition("-")
    for after in (f"{wall}-{int(random, 16) ^ 1:016x}.1", f"{int(wall, 16) + 1:x}-{random}.1", f"{incarnation}.2"):
        reply = admin.get(f"/v1/events?after={after}&wait=60")
        assert (reply.status, reply.problem) == (410, "gone")


def test_after_a_restart_all_is_gone(start):
    port = free_port()
    options = ("--admin", f"127.0.0.1:{port}")
    gateway = start(*options)
    with Admin(gateway) as admin:
        before = admin.get("/v1/events").json
    gateway.stop()
    gateway = start(*options)
    with Admin(gateway) as admin:
        assert admin.get(f"/v1/events?after={before['after']}&wait=60").problem == "gone"
        after = admin.get("/v1/events").json
        assert after["incarnation"] != before["incarnation"]
        assert after["incarnation"].partition("-")[0] > before["incarnation"].partition("-")[0]


@pytest.mark.parametrize(
    "query",
    [
        "after=1",
        "after=1-2",
        "after=1-2.",
        "after=x-2.1",
        "after=1-2.x",
        "after=1-2.-1",
        "after=1-2.18446744073709551615",
        "after=1-2.99999999999999999999",
        "after=1-2.1%00",
        "after=" + "1" * 100,
        "wait=61",
        "wait=-1",
        "wait=x",
        "limit=0",
        "limit=1001",
        "before=1",
        "after=&after=",
    ],
)
def test_queries_that_are_refused(serve, query):
    assert serve()[1].get(f"/v1/events?{query}").problem == "bad-query"


# --- waiting ------------------------------------------------------------------------------------


def test_an_event_ends_all_waits(serve):
    gateway, admin = serve(*LONG_GRACE)
    follower = Follower(gateway, admin)
    waits = come_to_wait(admin, follower.after, 10)
    assert not any(wait.is_answered() for wait in waits)
    gateway.login("alice")
    for wait in waits:
        (event,) = wait.reply().json["events"]
        assert (event["event"], event["user"]) == ("online", "alice")
    wait_until_equal(lambda: waiters(admin), 0)


def test_a_wait_ends_without_an_event(serve):
    gateway, admin = serve()
    follower = Follower(gateway, admin)
    assert follower.take(wait=1) == []


def test_who_hangs_up_waits_no_longer(serve):
    gateway, admin = serve()
    follower = Follower(gateway, admin)
    gone, half, there = come_to_wait(admin, follower.after, 3)
    gone.sock.close()
    wait_until_equal(lambda: waiters(admin), 2)
    # Who has said all that he has to say may still listen.
    half.sock.shutdown(socket.SHUT_WR)
    assert half.reply().json["events"] == []
    wait_until_equal(lambda: waiters(admin), 1)
    gateway.login("alice")
    assert len(there.reply().json["events"]) == 1


def test_others_are_served_while_some_wait(serve):
    gateway, admin = serve(preexec_fn=limit_files(256))  # 16 connections to the admin port
    follower = Follower(gateway, admin)
    waits = come_to_wait(admin, follower.after, 8)
    refused = Wait(admin, follower.after).reply()
    assert (refused.status, refused.problem) == (503, "too-many-waits")
    assert refused.headers["retry-after"] == "1"
    # Without waiting all may ask.
    assert admin.get(f"/v1/events?after={follower.after}").status == 200
    for _ in range(20):
        with Admin(gateway) as other:
            assert other.get("/healthz").status == 200
    waits.pop().sock.close()
    wait_until_equal(lambda: waiters(admin), 7)
    waits += come_to_wait_too(admin, follower.after, 8)
    gateway.login("alice")
    for wait in waits:
        assert len(wait.reply().json["events"]) == 1


def come_to_wait_too(admin, after, total):
    wait = Wait(admin, after)
    wait_until_equal(lambda: waiters(admin), total)
    return [wait]


def test_the_end_ends_all_waits(serve):
    gateway, admin = serve()
    follower = Follower(gateway, admin)
    waits = come_to_wait(admin, follower.after, 3)
    gateway.signal(signal.SIGTERM)
    for wait in waits:
        assert wait.reply().json["events"] == []
    gateway.assert_ends(0)


def test_a_drain_is_followed(serve):
    gateway, admin = serve(*NO_GRACE, drain=1)
    follower = Follower(gateway, admin)
    alice = gateway.login("alice")
    follower.expect("online", "alice")
    (wait,) = come_to_wait(admin, follower.after)
    gateway.signal(signal.SIGTERM)
    alice.expect_close(1012)
    (event,) = wait.reply().json["events"]
    assert (event["event"], event["reason"]) == ("offline", "drain")
    gateway.assert_ends(0)


def test_without_an_admin_port_nobody_keeps_account(start):
    with_port = start("--admin", "127.0.0.1:0", "--workers", 1)
    without = start("--workers", 1)
    # The port's thread, and the registrar.
    assert with_port.threads() - without.threads() == 2
    assert re.search("registrar", names_of_threads(with_port))
    assert not re.search("registrar", names_of_threads(without))


def names_of_threads(gateway):
    return " ".join(path.read_text() for path in pathlib.Path(f"/proc/{gateway.pid}/task").glob("*/comm"))

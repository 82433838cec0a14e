"""The admin port for machines and backends: what can be asked, what comes of it."""

import http.client
import json
import re
import signal
import subprocess
import threading
import urllib.parse

import pytest

from admin import DESCRIPTION, Admin
from gateway import ROOT, free_port
from raw import (
    BINARY,
    CLOSE,
    PACKET_PING,
    PACKET_TEXT,
    PING,
    TEXT,
    Gone,
    close_payload,
    frame,
    packet,
    request,
)
from waiting import TIMEOUT, wait_until, wait_until_equal

pytestmark = pytest.mark.threads

KIB = 1 << 10


# --- machines -----------------------------------------------------------------------------------


def test_health_and_readiness(serve):
    gateway, admin = serve()
    assert admin.get("/healthz").body == b"ok\n"
    assert admin.get("/readyz").body == b"ready\n"


def test_not_ready_while_draining(serve):
    """The port stays up until the last client has gone, and says that it does not take new ones."""
    gateway, admin = serve("--close-deadline", 60, drain=600)
    alice, bob = gateway.login("alice"), gateway.login("bob")
    gateway.signal(signal.SIGTERM)
    gateway.wait_for_line("draining")
    reply = admin.get("/readyz")
    assert (reply.status, reply.body) == (503, b"draining\n")
    assert admin.get("/healthz").status == 200
    assert admin.status()["draining"]
    for client in (alice, bob):
        client.close()
        client.frames_to_close()
        client.close_socket()
    gateway.assert_ends(0)


def test_a_drain_asked_for(serve):
    """As SIGTERM does it; asked twice it is still one drain. Two clients take no 600 s."""
    gateway, admin = serve("--close-deadline", 60, drain=600)
    alice, bob = gateway.login("alice"), gateway.login("bob")
    reply = admin.post("/v1/drain")
    assert (reply.status, reply.json) == (202, {"drain_ms": 600_000})
    assert admin.get("/readyz").status == 503
    assert admin.post("/v1/drain").status == 202
    gateway.wait_for_line(r"draining 2 connections over 0\.2 s")
    assert admin.post("/v1/drain").status == 202
    assert gateway.is_running
    for client in (alice, bob):
        client.close()
        client.frames_to_close()
        client.close_socket()
    gateway.assert_ends(0)
    assert not gateway.matching("ending at once")


def test_a_drain_with_nobody_there_is_answered(serve):
    gateway, admin = serve(drain=600)
    assert admin.post("/v1/drain").status == 202
    gateway.assert_ends(0)


def test_a_signal_behind_a_drain_asked_for_ends_at_once(serve):
    gateway, admin = serve("--close-deadline", 60, drain=600)
    alice, _ = gateway.login("alice"), gateway.login("bob")
    admin.post("/v1/drain")
    gateway.wait_for_line("draining")
    gateway.signal(signal.SIGTERM)
    gateway.wait_for_line("ending at once")
    gateway.assert_ends(0)
    alice.read_to_end()


def test_promtool_accepts_the_metrics(serve):
    gateway, admin = serve("--id", 'a"b\\c')
    alice, bob = gateway.login("alice"), gateway.login("bob")
    alice.text("hello")
    bob.message()
    text = admin.get("/metrics").body
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, timeout=TIMEOUT, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def grown(text):
    """Each sample that is served as a series that Prometheus would have by now, a minute between two values."""
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        yield f'{name}{{{labels + "," if labels else ""}job="tidegate",instance="a"}}'


def test_the_dashboard_draws_what_is_served(serve, tmp_path):
    """Each query of a panel has an answer when all that is served grows."""
    served = list(grown(serve()[1].get("/metrics").body.decode()))
    if not any(name.startswith("tidegate_jemalloc_allocated_bytes") for name in served):
        served.append('tidegate_jemalloc_allocated_bytes{job="tidegate",instance="a"}')  # a sanitizer has its own
    dashboard = json.loads((ROOT / "tools/deploy/grafana.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    assert len(queries) > 30
    for variable, value in (("$__rate_interval", "5m"), ("$job", "tidegate"), ("$instance", "a")):
        queries = [query.replace(variable, value) for query in queries]
    checks = [{"expr": f"count({query}) > bool 0", "eval_time": "30m", "exp_samples": [{"labels": "{}", "value": 1}]}
              for query in queries]
    test = {"input_series": [{"series": name, "values": "0+60x60"} for name in served], "interval": "1m",
            "promql_expr_test": checks}
    path = tmp_path / "queries.yml"
    path.write_text(json.dumps({"evaluation_interval": "1m", "tests": [test]}), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_guide_lists_the_metrics(serve):
    """Those of jemalloc are served where it is the allocator."""
    text = serve()[1].get("/metrics").body.decode()
    served = re.findall(r"^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$", text, re.MULTILINE)
    guide = (ROOT / "server/admin/README.md").read_text(encoding="utf-8").split("## Metrics", 1)[1]
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", guide, re.MULTILINE)
    if "tidegate_jemalloc_" not in text:
        listed = [row for row in listed if not row[0].startswith("tidegate_jemalloc_")]
    assert sorted(listed) == sorted((name, kind, words) for name, words, kind in served)


def test_what_is_counted(serve):
    gateway, admin = serve()
    before = admin.metrics()
    alice, bob, carol = (gateway.login(name) for name in ("alice", "bob", "carol"))
    for client in (bob, carol):
        client.round_trip()  # by now their workers have told the others how many receivers they have
    alice.text("one")
    alice.packet(PACKET_TEXT, b"two")
    for client in (bob, carol):
        client.expect_text("one -- FROM alice")
        client.expect_binary(packet(PACKET_TEXT, b"two -- FROM alice"))
    alice.round_trip()
    alice.round_trip()
    alice.ping(b"x")
    alice.expect_pong(b"x")
    alice.packet(999)
    alice.round_trip()
    again = gateway.login("alice")
    alice.expect_close(4001, "kicked")
    bob.close()
    bob.frames_to_close()
    bob.close_socket()
    gateway.wait_for_line("user bob out:")
    admin.queued("carol", "pushed")
    carol.expect_text("pushed")

    counted = {
        "tidegate_connections": 2,
        "tidegate_users": 2,
        "tidegate_connections_total": 4,
        "tidegate_logins_total": 4,
        "tidegate_kicks_total": 1,
        'tidegate_ends_total{reason="kicked"}': 1,
        'tidegate_ends_total{reason="peer_close"}': 1,
        'tidegate_ends_total{reason="read_timeout"}': 0,
        'tidegate_pings_received_total{kind="packet"}': 5,
        'tidegate_pings_received_total{kind="protocol"}': 1,
        "tidegate_unknown_commands_total": 1,
        # Two texts, five pings and an unknown one; a protocol ping and two Closes are frames only.
        "tidegate_messages_received_total": 8,
        "tidegate_frames_received_total": 11,
        # Four deliveries, five pongs, one push; a protocol pong and two Closes.
        "tidegate_messages_sent_total": 10,
        "tidegate_frames_sent_total": 13,
        "tidegate_fanout_messages_total": 2,
        "tidegate_fanout_deliveries_total": 4,
        "tidegate_fanout_receivers_count": 2,
        "tidegate_fanout_receivers_sum": 4,
        'tidegate_fanout_receivers_bucket{le="1"}': 0,
        'tidegate_fanout_receivers_bucket{le="2"}': 2,
        "tidegate_pushed_messages_total": 1,
    }

    def grown(after):
        return {name: after[name] - before[name] for name in counted}

    wait_until_equal(lambda: grown(admin.metrics()), counted)  # what is sent is counted a moment after
    after = admin.metrics()
    assert after["tidegate_ready"] == 1
    for name, least in (("received_bytes_total", 400), ("sent_bytes_total", 400), ("turn_seconds_count", 4)):
        assert after[f"tidegate_{name}"] - before[f"tidegate_{name}"] > least
    assert after["tidegate_turn_seconds_sum"] > 0
    assert after['tidegate_turn_seconds_bucket{le="+Inf"}'] == after["tidegate_turn_seconds_count"]
    assert after["process_open_fds"] <= gateway.fds() + 1
    assert after["process_resident_memory_bytes"] > 1 << 20
    status = admin.status()
    assert status["totals"]["logins"] == after["tidegate_logins_total"]
    assert status["ends"]["kicked"] == 1
    assert sum(worker["users"] for worker in status["workers"]) == 2
    again.round_trip()


def test_every_byte_is_counted_and_every_connection_ends_once(serve):
    gateway, admin = serve()
    sent = request("/?user=alice") + b"".join(
        [
            frame(PING, b"x" * 100),
            frame(BINARY, packet(PACKET_PING)),
            frame(TEXT, "to nobody, ü".encode()),
            frame(BINARY, packet(PACKET_PING, b"y" * 3000)),
            frame(CLOSE, close_payload(1000)),
        ]
    )
    received = b""
    with gateway.socket() as sock:
        sock.sendall(sent)
        while data := sock.recv(1 << 16):
            received += data
    with gateway.socket() as sock:
        sock.sendall(b"no HTTP\r\n\r\n")
        sent += b"no HTTP\r\n\r\n"
        while data := sock.recv(1 << 16):
            received += data
    with gateway.login("bob"):
        wait_until(lambda: admin.metrics()["tidegate_connections"] == 1, "the others are gone")
    wait_until(lambda: admin.metrics()["tidegate_connections"] == 0, "all are gone")
    values = admin.metrics()
    of_bob = len(request("/?user=bob"))
    assert values["tidegate_received_bytes_total"] == len(sent) + of_bob
    answer = received[: received.index(b"\r\n\r\n") + 4]
    assert values["tidegate_sent_bytes_total"] == len(received) + len(answer)
    ends = [value for name, value in values.items() if name.startswith("tidegate_ends_total{")]
    assert sum(ends) == values["tidegate_connections_total"] == 3
    assert values['tidegate_ends_total{reason="http_refused"}'] == 1
    reasons = re.findall(
        r'^CLOSE_REASON\(\w+, \w+, "(\w+)"', (ROOT / "proto/close_reason.def").read_text("utf-8"), re.M
    )
    assert {f'tidegate_ends_total{{reason="{reason}"}}' for reason in reasons} <= set(values)
    assert len(ends) == len(reasons) > 15


def test_time_outs_refusals_and_slow_readers_are_counted(serve):
    gateway, admin = serve("--read-deadline", 1, "--write-deadline", 1, "--max-connections", 1)
    silent = gateway.login("silent")
    with gateway.raw() as refused:
        refused.send(b"GET /?user=x HTTP/1.1\r\n\r\n")
        refused.read_to_end()
    assert admin.metrics()["tidegate_accept_refused_total"] == 1
    silent.expect_close(3008, "i/o timeout")
    figures = admin.metrics()
    assert figures["tidegate_read_deadline_timeouts_total"] == 1
    assert figures['tidegate_ends_total{reason="read_timeout"}'] == 1


def test_status_of_the_node(serve):
    port = free_port()
    gateway, admin = serve("--id", "n1", "--drain", 7, listen=[f"127.0.0.1:{port}"])
    status = admin.status()
    assert (status["node"], status["ws_port"], status["listen"]) == ("n1", port, [f"ws://127.0.0.1:{port}"])
    assert not status["demo"]
    assert status["limits"]["read_deadline_ms"] == 120_000
    assert len(status["workers"]) == 2


# --- one user -----------------------------------------------------------------------------------


def test_a_user_is_shown(serve):
    gateway, admin = serve()
    assert admin.get("/v1/users/alice").problem == "offline"
    alice = gateway.login("alice")
    shown = admin.user("alice")
    host, port = alice.sock.getsockname()
    assert (shown["user"], shown["address"], shown["queue_bytes"]) == ("alice", f"{host}:{port}", 0)
    alice.close()
    alice.frames_to_close()
    gateway.wait_for_line("user alice out:")
    assert admin.get("/v1/users/alice").problem == "offline"


@pytest.mark.parametrize("name", ["ä/b c%", "日本語", "a?b#c&d", "..", "x" * 64])
def test_names_are_percent_encoded(serve, name):
    gateway, admin = serve()
    quoted = urllib.parse.quote(name, safe="")
    client = gateway.login(quoted)
    assert admin.user(name)["user"] == name
    admin.queued(name, "for you")
    client.expect_text("for you")
    assert [user["user"] for user in admin.users(prefix=name[:1])] == [name]
    assert admin.delete(f"/v1/users/{quoted}").status == 204
    client.expect_close(4003, "disconnected")


@pytest.mark.parametrize("name", ["", "%", "%4", "%zz", "%00", "%0a", "%ff", "x" * 65, "%c2%80"])
def test_what_is_no_name(serve, name):
    _, admin = serve()
    for reply in (
        admin.get(f"/v1/users/{name}"),
        admin.delete(f"/v1/users/{name}"),
        admin.post(f"/v1/users/{name}/messages", {"text": "x"}),
    ):
        assert (reply.status, reply.problem) == (400, "bad-name")


def test_a_push_reaches_one_user(serve):
    gateway, admin = serve()
    alice, bob = gateway.login("alice"), gateway.login("bob")
    admin.queued("alice", "plain")
    alice.expect_text("plain")
    target = "/v1/users/alice/messages"
    for body, opcode, payload in [
        ({"text": "from a shop", "from": "shop"}, TEXT, b"from a shop -- FROM shop"),
        ({"text": ""}, TEXT, b""),
        ({"text": "nul \0 and ü"}, TEXT, "nul \0 and ü".encode()),
        ({"packet": {"command": 102, "payload": "hi"}}, BINARY, packet(102, b"hi")),
        ({"packet": {"command": 102, "payload": "hi"}, "from": "x"}, BINARY, packet(102, b"hi -- FROM x")),
        ({"packet": {"command": 7}}, BINARY, packet(7)),
        ({"packet": {"command": 65535, "payload_base64": "AP8="}}, BINARY, packet(65535, b"\x00\xff")),
        ({"text": "x" * 65536}, TEXT, b"x" * 65536),
        ({"text": "\1" * 65536}, TEXT, b"\1" * 65536),  # six bytes each in JSON
        ({"text": "🌊" * 16384}, TEXT, "🌊".encode() * 16384),
    ]:
        reply = admin.post(target, body)
        assert (reply.status, reply.json) == (202, {"result": "queued", "sessions": 1, "overflowed": 0})
        assert alice.message() == (opcode, payload)
    bob.round_trip()


def test_a_push_to_nobody(serve):
    gateway, admin = serve()
    reply = admin.push("alice", "x")
    assert (reply.status, reply.problem, reply.json["result"]) == (404, "offline", "offline")
    with gateway.login("alice"):
        admin.queued("alice", "x")
    gateway.wait_for_line("user alice out:")
    assert admin.push("alice", "x").problem == "offline"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"{}",
        b'{"text":1}',
        b'{"text":null}',
        b'{"text":"a","text":"b"}',
        '{"text":"a","x%s":1}'.encode() % ("ä" * 40).encode(),
        b'{"text":"a","\\ud83c\\udf0a%s":1}' % ("🌊" * 40).encode(),
        b'{"text":"a","other":1}',
        b'{"text":"a","packet":{"command":102}}',
        b'{"text":"a"} x',
        b'{"text":"\xff"}',
        b'{"text":"\\ud800"}',
        b'{"text":"a","from":""}',
        b'{"text":"a","from":"a\\nb"}',
        b'{"text":"a","from":"' + b"x" * 65 + b'"}',
        b'{"packet":[]}',
        b'{"packet":{}}',
        b'{"packet":{"command":"102"}}',
        b'{"packet":{"command":1.5}}',
        b'{"packet":{"command":-1}}',
        b'{"packet":{"command":65536}}',
        b'{"packet":{"command":1,"payload":"a","payload_base64":"YQ=="}}',
        b'{"packet":{"command":1,"payload_base64":"a b"}}',
        b'{"packet":{"command":102,"payload_base64":"/w=="}}',
        b'{"packet":{"command":1,"x":1}}',
        b'{"packet":{"command":1},"from":"a"}',
        b"[" * 5000,
    ],
)
def test_bodies_that_are_refused(serve, body):
    gateway, admin = serve("--max-message", 16 * KIB)
    alice = gateway.login("alice")
    for target in ("/v1/users/alice/messages", "/v1/broadcast"):
        reply = admin.post(target, body)
        assert (reply.status, reply.problem) == (400, "bad-body"), body
        assert reply.json["detail"]
    alice.round_trip()


def test_10_000_pushes_arrive_in_order(serve):
    """Over one connection that is kept alive, while everybody gets broadcasts too."""
    gateway, admin = serve("--read-deadline", 3600)  # alice says nothing, however long it takes
    alice = gateway.login("alice")
    count = 10_000
    over = threading.Event()
    faults, broadcasts = [], [0]

    def broadcast():
        try:
            with Admin(gateway) as other:
                while not over.is_set():
                    reply = other.post("/v1/broadcast", {"text": f"all {broadcasts[0]}"})
                    if reply.status == 202:
                        broadcasts[0] += 1
                    else:
                        assert reply.problem == "overflow"
        except BaseException as error:
            faults.append(error)

    def read():
        try:
            pushed = for_all = 0
            while pushed < count:
                kind, number = alice.message()[1].split(b" ")
                if kind == b"all":
                    assert int(number) == for_all
                    for_all += 1
                else:
                    assert int(number) == pushed
                    pushed += 1
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=broadcast), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    try:
        for number in range(count):
            reply = admin.push("alice", f"you {number}")
            if reply.status == 503:
                wait_until(lambda n=number: admin.push("alice", f"you {n}").status == 202, "there is room")
            else:
                assert reply.status == 202, reply
    finally:
        over.set()
    for thread in threads:
        thread.join(4 * TIMEOUT)
        assert not thread.is_alive()
    if faults:
        raise faults[0]
    assert broadcasts[0] > 0


def test_a_stalled_reader_overflows_and_loses_nothing(serve):
    """Over the limit the answer is overflow, he is not cut off, and gets all that was queued."""
    gateway, admin = serve("--tx-queue-limit", 128 * KIB, "--write-deadline", 600)
    slow = gateway.login("slow", receive_buffer=4 * KIB)
    padding = "x" * 8 * KIB
    queued = 0
    while True:
        reply = admin.push("slow", f"{queued} {padding}")
        if reply.status != 202:
            break
        queued += 1
    assert (reply.status, reply.problem, reply.json["result"]) == (503, "overflow", "overflow")
    assert int(reply.headers["retry-after"]) >= 1
    assert admin.user("slow")["queue_bytes"] > 64 * KIB
    assert admin.metrics()["tidegate_queue_bytes"] > 64 * KIB
    for _ in range(20):
        assert admin.push("slow", f"refused {padding}").status == 503
    for number in range(queued):
        slow.expect_text(f"{number} {padding}")
    wait_until(lambda: admin.user("slow")["queue_bytes"] == 0, "all is taken")
    admin.queued("slow", "again")
    slow.expect_text("again")
    assert not gateway.matching("reads too slowly")


def test_the_nodes_memory_limit_holds_for_pushes(serve):
    """Nobody else is cut off for what a backend pushes."""
    gateway, admin = serve(
        "--memory-limit", 512 * KIB, "--tx-queue-limit", 64 << 20, "--write-deadline", 600
    )
    slow = gateway.login("slow", receive_buffer=4 * KIB)
    results = {admin.push("slow", "x" * 32 * KIB).status for _ in range(200)}
    assert results == {202, 503}
    assert admin.user("slow")
    assert not gateway.matching("memory limit")
    slow.close_socket()


def test_pushes_race_with_kicks(serve):
    """What was queued arrives in one of the sessions, in order, and never twice."""
    gateway, admin = serve("--kick-limit", 0)
    count, rounds = 40, 25
    clients = [gateway.login("alice")]
    faults = []

    def log_in():
        try:
            for _ in range(rounds):
                clients.append(gateway.login("alice"))
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=log_in)
    thread.start()
    number, queued = 0, []
    while thread.is_alive() or number < count:
        if admin.push("alice", str(number)).status == 202:
            queued.append(number)
        number += 1
    thread.join()
    if faults:
        raise faults[0]
    admin.queued("alice", "end")
    seen = []
    for client in clients[:-1]:
        for got in client.frames_to_close():
            if got.opcode == TEXT:
                seen.append(int(got.payload))
        assert got.close_code == 4001
    while True:
        payload = clients[-1].message()[1]
        if payload == b"end":
            break
        seen.append(int(payload))
    assert sorted(seen) == queued, "lost or doubled"
    assert seen == queued


def test_pushes_race_with_ends(serve):
    """Never queued for who is not there: what a live session was promised it has."""
    gateway, admin = serve()
    for _ in range(30):
        alice = gateway.login("alice")
        admin.queued("alice", "first")
        alice.expect_text("first")
        alice.close()
        replies = [admin.push("alice", str(number)) for number in range(3)]
        assert replies[-1].status in (202, 404)
        frames = alice.frames_to_close()
        promised = sum(reply.status == 202 for reply in replies)
        assert len(frames) - 1 <= promised
        alice.close_socket()
        wait_until(lambda: admin.push("alice", "x").status == 404, "alice is offline")


# --- all users ----------------------------------------------------------------------------------


def test_a_broadcast_reaches_everybody(serve):
    gateway, admin = serve()
    reply = admin.post("/v1/broadcast", {"text": "nobody there"})
    assert (reply.status, reply.json) == (202, {"result": "queued", "receivers": 0})
    clients = [gateway.login(f"user{number}") for number in range(5)]
    reply = admin.post("/v1/broadcast", {"text": "hello", "from": "user0"})
    assert reply.json == {"result": "queued", "receivers": 5}
    for client in clients:
        client.expect_text("hello -- FROM user0")
    admin.post("/v1/broadcast", {"packet": {"command": 9, "payload": "p"}})
    for client in clients:
        client.expect_binary(packet(9, b"p"))


def test_pushes_and_broadcasts_of_one_caller_keep_their_order(serve):
    gateway, admin = serve()
    clients = [gateway.login(f"user{number}") for number in range(3)]
    for number in range(300):
        admin.post("/v1/broadcast", {"text": f"all {number}"})
        admin.queued(f"user{number % 3}", f"you {number}")
    for index, client in enumerate(clients):
        for number in range(300):
            client.expect_text(f"all {number}")
            if number % 3 == index:
                client.expect_text(f"you {number}")


def test_a_broadcast_that_would_pile_up_is_refused(serve):
    """A slow reader is left behind; the backend is told to come back, the others get all of it."""
    gateway, admin = serve(
        "--tx-queue-limit", 256 * KIB, "--write-deadline", 600, "--memory-limit", 4 << 20
    )
    slow = gateway.login("slow", receive_buffer=4 * KIB)
    replies = [admin.post("/v1/broadcast", {"text": "x" * 32 * KIB}) for _ in range(100)]
    results = {reply.status for reply in replies}
    assert 503 in results, "all went in"
    refused = next(reply for reply in replies if reply.status == 503)
    assert (refused.problem, refused.json["result"]) == ("overflow", "overflow")
    slow.close_socket()


def test_users_page_by_page(serve):
    gateway, admin = serve()
    names = {f"user{number:03}" for number in range(130)}
    clients = {name: gateway.login(name) for name in names}
    for limit in (1, 7, 130, 1000):
        listed = [user["user"] for user in admin.users(limit)]
        assert sorted(listed) == sorted(names), "each exactly once"
    assert {user["user"] for user in admin.users(prefix="user01")} == {f"user01{n}" for n in range(10)}
    assert list(admin.users(prefix="nobody")) == []
    assert len(admin.get("/v1/users?prefix=&limit=&cursor=").json["users"]) == 100
    # Half of them leave and others come while somebody is reading.
    pages = admin.users(limit=10)
    listed = [next(pages)["user"] for _ in range(10)]
    leaving = set(sorted(names)[::2])
    for name in leaving:
        clients[name].close()
        clients[name].frames_to_close()
        clients[name].close_socket()
    for number in range(30):
        gateway.login(f"late{number}")
    listed += [user["user"] for user in pages]
    staying = [name for name in listed if name in names - leaving]
    assert sorted(staying) == sorted(names - leaving)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=1&limit=2",
        "cursor=x",
        "cursor=9.0",
        "cursor=0",
        "cursor=0.99999999999",
        "prefix=" + "x" * 65,
        "prefix=%zz",
        "colour=red",
        "limit",
    ],
)
def test_queries_that_are_refused(serve, query):
    _, admin = serve()
    reply = admin.get(f"/v1/users?{query}")
    assert (reply.status, reply.problem) == (400, "bad-query")


# --- ends ---------------------------------------------------------------------------------------


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


# --- faults for a demonstration -----------------------------------------------------------------


def test_faults_need_demo(serve):
    gateway, admin = serve()
    gateway.login("alice")
    assert admin.post("/v1/demo/users/alice/cut").problem == "not-found"
    assert admin.post("/v1/demo/users/alice/mute", {"muted": True}).problem == "not-found"


def test_a_cut(serve):
    gateway, admin = serve("--demo")
    assert admin.status()["demo"]
    alice = gateway.login("alice")
    assert admin.post("/v1/demo/users/alice/cut").status == 204
    with pytest.raises(Gone, match="reset"):
        alice.frame()
    assert admin.post("/v1/demo/users/alice/cut").problem == "offline"
    assert admin.get("/v1/ended").json["ended"][0]["reason"] == "demo_cut"


def test_a_mute(serve):
    """Read from, never answered, until it is taken back; the others notice nothing."""
    gateway, admin = serve("--demo")
    alice, bob = gateway.login("alice"), gateway.login("bob")
    assert admin.post("/v1/demo/users/alice/mute", {"muted": True}).status == 204
    alice.ping(b"unanswered")
    alice.packet(100)
    alice.text("heard")
    bob.expect_text("heard -- FROM alice")
    bob.text("lost on her")
    refused = admin.push("alice", "never queued, for it would be dropped")
    assert (refused.status, refused.json["result"]) == (503, "overflow")
    bob.round_trip()
    assert admin.post("/v1/demo/users/alice/mute", {"muted": False}).status == 204
    alice.ping(b"answered")
    got = alice.frame()
    while got.opcode == TEXT and got.payload == b"lost on her -- FROM bob":
        got = alice.frame()  # handed out only after the mute was taken back
    assert got.payload == b"answered"
    for body in ({}, {"muted": 1}, {"muted": True, "x": 1}):
        assert admin.post("/v1/demo/users/alice/mute", body).problem == "bad-body"


def test_a_muted_one_still_ends(serve):
    gateway, admin = serve("--demo", "--close-deadline", 1, "--read-deadline", 1)
    alice = gateway.login("alice")
    assert admin.post("/v1/demo/users/alice/mute", {"muted": True}).status == 204
    gateway.wait_for_line("i/o timeout")
    with pytest.raises(Gone):
        alice.frame()


# --- tokens of a demonstration ------------------------------------------------------------------


def log_in_with(gateway, token, target="/"):
    client = gateway.raw()
    client.send(request(target, extra=[f"Authorization: Bearer {token}"]))
    assert client.answer().status == 101
    return client


def test_a_demonstration_makes_tokens(serve):
    gateway, admin = serve("--demo", "--auth", "token", "--auth-audience", "chat", "--auth-issuer", "me")
    status = admin.status()
    assert (status["auth"], status["demo_tokens"], status["totals"]["auth_keys"]) == ("token", True, 1)
    answer = admin.post("/v1/demo/users/alice%20b/token", {"seconds": 20})
    assert answer.status == 200 and answer.json["seconds"] == 20
    assert answer.headers["cache-control"] == "no-store"
    token = answer.json["token"]
    log_in_with(gateway, token).round_trip()
    session = admin.get("/v1/users/alice%20b").json
    assert 0 < session["token_left_ms"] <= 20_000
    # Of a device too. It is nobody else's.
    phone = admin.post("/v1/demo/users/alice/token?device=phone", {"seconds": 600}).json["token"]
    log_in_with(gateway, phone, "/?device=phone").round_trip()
    log_in_with(gateway, phone, "/?device=desk").expect_close(3000, "bad token")
    log_in_with(gateway, token, "/?user=bob").expect_close(3000, "bad token")
    # A reload does not take the key away.
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("reloaded")
    log_in_with(gateway, token).round_trip()
    for body in ({}, {"seconds": 0}, {"seconds": 601}, {"seconds": "20"}, {"seconds": 20, "x": 1}):
        assert admin.post("/v1/demo/users/alice/token", body).problem == "bad-body"
    assert admin.post("/v1/demo/users/%20/token", {"seconds": 20}).problem == "bad-name"
    assert admin.post("/v1/demo/users/alice/token?x=1", {"seconds": 20}).problem == "bad-query"
    gateway.stop()
    assert not gateway.matching(token.rpartition(".")[2]), "a token is in the log"


def test_only_a_demonstration_with_a_key_of_its_own_makes_tokens(serve, tmp_path):
    keys = tmp_path / "keys.json"
    keys.touch(mode=0o600)
    keys.write_text(json.dumps({"kty": "oct", "alg": "HS256", "k": "A" * 43}), encoding="ascii")
    by_others = ("--auth", "token", "--auth-keys", keys)
    for options, auth in (((), "open"), (by_others, "token"), (("--demo",), "open"), (("--demo", *by_others), "token")):
        _, admin = serve(*options)
        status = admin.status()
        assert (status["auth"], status["demo_tokens"]) == (auth, False)
        answer = admin.post("/v1/demo/users/alice/token", {"seconds": 20})
        assert answer.problem == "not-found"
        assert ("no key to sign with" in answer.json.get("detail", "")) == ("--demo" in options)


# --- reload -------------------------------------------------------------------------------------


def test_limits_change_with_a_reload(serve, tmp_path):
    path = tmp_path / "tidegate.conf"
    path.write_text("max_message = 1000\n", encoding="utf-8")
    gateway, admin = serve("--config", path)
    gateway.login("alice")
    assert admin.push("alice", "x" * 1001).problem == "too-large"
    path.write_text("max_message = 2000\n", encoding="utf-8")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("reloaded")
    wait_until(lambda: admin.status()["limits"]["max_message"] == 2000, "the port knows")
    admin.queued("alice", "x" * 1001)


def test_reloads_and_the_end_while_everybody_asks(serve, tmp_path):
    """Callers who never pause hold up neither reloads nor the end, and every answer is one of the API's."""
    path = tmp_path / "tidegate.conf"
    path.write_text("max_message = 1000\n", encoding="utf-8")
    gateway, admin = serve("--config", path, "--demo")
    for number in range(50):
        gateway.login(f"user{number}")
    ending = threading.Event()
    rounds, faults = [0] * 4, []

    def ask(index):
        try:
            with Admin(gateway) as caller:
                while True:
                    user = f"user{(rounds[index] * 7 + index) % 50}"
                    caller.push(user, "x")
                    caller.post("/v1/broadcast", {"text": "x"})
                    list(caller.users(limit=7))
                    caller.get(f"/v1/users/{user}")
                    caller.get("/v1/ended?limit=256")
                    caller.get("/metrics")
                    if rounds[index] % 10 == index:
                        caller.delete(f"/v1/users/{user}")
                    rounds[index] += 1
        except (OSError, http.client.HTTPException) as error:
            if not ending.is_set():
                faults.append(error)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=ask, args=(index,)) for index in range(len(rounds))]
    for thread in threads:
        thread.start()
    for number in range(1, 11):
        path.write_text(f"max_message = {1000 + number}\n", encoding="utf-8")
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line("reloaded", number)
    wait_until(lambda: min(rounds) > 3 or faults, "all have asked")
    ending.set()
    gateway.signal(signal.SIGTERM)
    gateway.assert_ends(0)
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    if faults:
        raise faults[0]

"""What is measured: what Prometheus and the status of the node say, and what counts."""

import json
import re
import subprocess

import pytest

from gateway import ROOT, free_port
from raw import BINARY, CLOSE, PACKET_PING, PACKET_TEXT, PING, TEXT, close_payload, frame, packet, request
from tls import Pair
from waiting import TIMEOUT, wait_until, wait_until_equal

pytestmark = pytest.mark.threads


def test_promtool_accepts_the_metrics(serve, serve_all):
    check_metrics(serve_all)
    gateway, admin = serve("--id", 'a"b\\c')
    alice, bob = gateway.login("alice"), gateway.login("bob")
    alice.text("hello")
    bob.message()
    check_metrics(admin)


def check_metrics(admin):
    text = admin.get("/metrics").body
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, timeout=TIMEOUT, check=False
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def grown(text):
    """Each sample that is served as a series that Prometheus would have by now, a minute between two values."""
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        yield f'{name}{{{labels + "," if labels else ""}job="tidegate",instance="a"}}'


@pytest.fixture
def serve_all(serve, nats, cluster_key, tmp_path):
    """A node of two, with certificates, which has all there is to be measured; its admin port."""
    options = ["--cluster", nats.url, "--cluster-key", cluster_key, *Pair(tmp_path).options]
    both = [serve(*options, "--id", name, listen=[f"wss://127.0.0.1:{free_port()}"])[1] for name in ("gw-1", "gw-2")]
    wait_until(lambda: 'tidegate_cluster_round_trip_seconds{node="gw-2"}' in both[0].metrics(), "both know of each other")
    return both[0]


def test_the_dashboard_draws_what_is_served(serve_all, tmp_path):
    """Each query of a panel has an answer when all that is served grows."""
    served = list(grown(serve_all.get("/metrics").body.decode()))
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


def test_the_guide_lists_the_metrics(serve_all):
    """Those of jemalloc are served where it is the allocator."""
    text = serve_all.get("/metrics").body.decode()
    served = re.findall(r"^# HELP (\S+) (.*)\n# TYPE \S+ (\S+)$", text, re.MULTILINE)
    guide = (ROOT / "server/admin/README.md").read_text(encoding="utf-8").split("## Metrics", 1)[1]
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", guide, re.MULTILINE)
    if "tidegate_jemalloc_" not in text:
        listed = [row for row in listed if not row[0].startswith("tidegate_jemalloc_")]
    assert sorted(listed) == sorted((name, kind, words) for name, words, kind in served)


def test_without_a_cluster_nothing_is_said_of_one(serve):
    assert "tidegate_cluster" not in serve()[1].get("/metrics").body.decode()


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

"""A gateway's line to NATS as tools/deploy/nats has it: who it is there, TLS, what it says when it is refused.

What NATS does to the line itself, tests/unit/test_link_nats.c tries.
"""

import json
import shutil
import time

import pytest

from nats import NatsError
from test_nats_samples import BACKEND, NODE, SAMPLES, make_certificates, without_listen
from waiting import FACTOR, wait_until

pytestmark = pytest.mark.threads


@pytest.fixture(autouse=True)
def passwords(monkeypatch):
    monkeypatch.setenv("TIDEGATE_NODE_PASSWORD", NODE["password"])
    monkeypatch.setenv("TIDEGATE_BACKEND_PASSWORD", BACKEND["password"])


@pytest.fixture
def creds(tmp_path):
    """A file for --cluster-creds."""
    path = tmp_path / "creds"
    path.touch(mode=0o600)
    path.write_text(f"{NODE['user']}:{NODE['password']}\n", encoding="ascii")
    return path


@pytest.fixture
def guarded(tmp_path, nats_server):
    """A server with the users of the samples; `more` stands in its configuration."""
    shutil.copy(SAMPLES / "users.conf", tmp_path)
    text = without_listen((SAMPLES / "one.conf").read_text())
    return lambda more="": nats_server(f"{text}\n{more}\n")


@pytest.fixture
def join(start, cluster_key):
    """Starts a node: join("gw-1", url)."""
    return lambda name, url, *options: start(
        *("--id", name, "--cluster", url, "--cluster-key", cluster_key, "--workers", 1), *options
    )


def where(backend, user):
    """The sessions that some node finds; none, while it has not heard of them."""
    body = json.dumps({"user": user}).encode()
    return backend.request("tidegate.api.v1.where", body, inbox="backend.inbox").json().get("sessions")


def test_a_node_and_a_backend_with_the_rights_of_the_samples(guarded, join, creds):
    server = guarded()
    with server.client(**BACKEND) as backend:
        backend.subscribe("tidegate.events.>")
        first = join("gw-1", server.url, "--cluster-creds", creds)
        second = join("gw-2", server.url, "--cluster-creds", creds)
        for gateway, other in ((first, "gw-2"), (second, "gw-1")):
            gateway.wait_for_line(f"cluster: connected to {server.url}")
            gateway.wait_for_line(f"node {other} is up")
        first.login("alice")
        event = backend.next(where=lambda message: message.subject == "tidegate.events.gw-1").json()
        while event["event"] != "online":
            event = backend.next_on("tidegate.events.gw-1").json()
        assert event["user"] == "alice"
        answer = wait_until(lambda: where(backend, "alice"), "the node that is asked, whichever it is, knows of alice")
        assert [session["node"] for session in answer] == ["gw-1"]
        # Nothing that the nodes have done was forbidden to them.
        assert not first.matching("Permissions Violation") and not second.matching("Permissions Violation")
        with pytest.raises(NatsError):
            backend.subscribe("tidegate.n1.>")


def test_a_wrong_password_is_said_and_put_right(guarded, join, creds):
    server = guarded()
    creds.write_text("node:wrong\n", encoding="ascii")
    gateway = join("gw-1", server.url, "--cluster-creds", creds)
    gateway.wait_for_line(f"cluster: not connected: {server.url}: .*Authorization Violation")
    gateway.login("alice").round_trip()  # the node itself is there
    creds.write_text("node:of-nodes\n", encoding="ascii")
    gateway.wait_for_line("cluster: connected to")
    gateway.expect_lines("not connected", 1)  # a reason is said once


def test_a_server_that_takes_too_little_says_which_number_to_raise(nats_server, join):
    server = nats_server("max_payload: 64KB")
    gateway = join("gw-1", server.url)
    gateway.wait_for_line(
        rf"cluster: .*{server.url} takes messages of 65536 bytes: raise its max_payload to 69632, or lower max_message"
    )
    gateway.login("alice").round_trip()
    server.configure("max_payload: 128KB")
    server.restart()
    gateway.wait_for_line("cluster: connected to")


def test_over_tls(guarded, join, creds, tmp_path):
    make_certificates(tmp_path / "tls")
    folder = tmp_path / "tls"
    server = guarded(f'tls {{ cert_file: "{folder}/server.pem", key_file: "{folder}/server.key", timeout: 5 }}')
    url = f"tls://localhost:{server.port}"
    options = ("--cluster-creds", creds, "--cluster-ca", folder / "ca.pem")
    nodes = [join(name, url, *options) for name in ("gw-1", "gw-2")]
    nodes[0].wait_for_line("node gw-2 is up")
    nodes[1].wait_for_line("node gw-1 is up")
    stranger = join("gw-3", url, "--cluster-creds", creds)
    stranger.wait_for_line("cluster: not connected: .*SSL handshake error")


@pytest.mark.parametrize("freeze", [False, True], ids=["running", "frozen"])
def test_the_end_does_not_wait_for_nats(nats, join, freeze):
    gateway = join("gw-1", nats.url)
    gateway.wait_for_line("cluster: connected to")
    if freeze:
        nats.freeze()
    begin = time.monotonic()
    gateway.stop()
    assert time.monotonic() - begin < 2 * FACTOR
    if freeze:
        nats.thaw()


def test_what_a_cluster_cannot_do_without(start, cluster_key, tmp_path):
    def refused(*options):
        with pytest.raises(AssertionError) as failed:
            start("--cluster", "nats://127.0.0.1:9", *options)
        return str(failed.value)

    assert "each node needs a name that no other has" in refused("--cluster-key", cluster_key)
    assert "the nodes need a secret that they share" in refused("--id", "gw-1")
    assert "No such file" in refused("--id", "gw-1", "--cluster-key", tmp_path / "none")
    assert "No such file" in refused(
        "--id", "gw-1", "--cluster-key", cluster_key, "--cluster-creds", tmp_path / "none"
    )

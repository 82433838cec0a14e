"""Whether the node is there and ready, as machines ask, and a drain that is asked for."""

import signal

import pytest

pytestmark = pytest.mark.threads


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

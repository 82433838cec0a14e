"""What a demonstration may do to connections, and the tokens it makes."""

import json
import signal

import pytest

from raw import TEXT, Gone, request

pytestmark = pytest.mark.threads


# --- faults ---------------------------------------------------------------------------------------


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


# --- tokens ---------------------------------------------------------------------------------------


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

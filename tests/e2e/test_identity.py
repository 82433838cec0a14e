"""Who may be whom: tokens at the login and in the session, over real sockets. PROTOCOL sections 1, 5 and 6."""

import itertools
import json
import signal
import subprocess
import threading
import time

import pytest

from foreign import NODE
from gateway import BINARY, ROOT
from identity import Holder, Key, bearer, offer, write
from raw import CLOSE, request
from talking import BUSY, DONE, NO_END, NOT_ALLOWED, TAKEN_OUT, Talker
from waiting import TIMEOUT, wait_until, wait_until_equal

pytestmark = pytest.mark.threads

REQUEST, REPLY, UNREACHABLE = 130, 131, 7


@pytest.fixture(scope="module")
def key():
    return Key(kid="1")


@pytest.fixture
def keys(tmp_path, key):
    return write(tmp_path / "keys.json", key)


@pytest.fixture(scope="module")
def gateway(start_for_module, tmp_path_factory, key):
    path = write(tmp_path_factory.mktemp("keys") / "keys.json", key)
    return start_for_module("--auth", "token", "--auth-keys", path, "--workers", "2")


@pytest.fixture
def ask(gateway):
    """Sends a request: ask("/?user=alice", bearer(token)). The client has its 101."""

    def run(target="/", *lines, at=gateway):
        client = at.raw()
        client.send(request(target, extra=lines))
        answer = client.answer()
        assert answer.status == 101, answer
        assert "token" not in answer.headers.get("sec-websocket-protocol", "")
        return client

    yield run
    gateway.close_clients()


# --- the login ------------------------------------------------------------------------------------


ALGORITHMS = ["HS256", "ES256", "RS256", "PS256", "EdDSA"]


@pytest.mark.parametrize(
    ("form", "algorithm"),
    [(form, algorithm) for form in ("jwk", "set") for algorithm in ALGORITHMS]
    + [("pem", algorithm) for algorithm in ALGORITHMS[1:]],  # which has no form for secrets
)
def test_tokens_of_others(start, tmp_path, ask, algorithm, form):
    """What PyJWT signs is taken, and nothing that another key has signed."""
    key, path = Key(algorithm), tmp_path / "keys"
    path.touch(mode=0o600)
    if form == "pem":
        path.write_text(key.pem, encoding="ascii")
    else:
        path.write_text(json.dumps(key.jwk if form == "jwk" else {"keys": [Key("ES256").jwk, key.jwk]}), encoding="ascii")
    gateway = start("--auth", "token", "--auth-keys", path)
    ask("/", bearer(key.sign("alice")), at=gateway).round_trip()
    ask("/", bearer(Key(algorithm).sign("alice")), at=gateway).expect_close(3000, "bad token")


def test_where_the_token_is(ask, key):
    ask("/?user=a", bearer(key.sign("a"))).round_trip()
    ask("/", f"authorization: BEARER {key.sign('b')}").round_trip()
    ask("/", offer(key.sign("c"), "tidegate.v0")).round_trip()
    ask("/", f"Sec-WebSocket-Protocol: tidegate.token.{key.sign('d')}").round_trip()


def test_a_browser_like_client(gateway, key):
    """It fails where none of what it offers is answered, and must not see its token again."""
    script = """
        const { WebSocket } = require("ws")
        const [url, token] = process.argv.slice(1)
        const line = new WebSocket(url, ["tidegate.v1", "tidegate.token." + token])
        line.on("message", (data) => { console.log(line.protocol, data.readUInt16BE(0)); line.close() })
        line.on("close", (code, reason) => console.log(code, String(reason)))
    """
    url = f"ws://127.0.0.1:{gateway.port}/"
    seen = [subprocess.run([NODE, "-e", script, url, token], cwd=ROOT / "tests/e2e/clients", check=True,
                           capture_output=True, text=True, timeout=TIMEOUT).stdout.split("\n")[0]
            for token in (key.sign("alice"), key.sign("alice", -60))]  # fmt: skip
    assert seen == ["tidegate.v1 104", "3000 expired"]


REFUSALS = {
    "none": ("/?user=alice", [], "no token"),
    "none, with rubbish for a user": ("/?user=%20", [], "no token"),
    "another scheme": ("/", ["Authorization: Basic YTpi"], "no token"),
    "in the URL": ("/?token={good}", [], "no token"),
    "two": ("/", ["Authorization: Bearer {good}", "Authorization: Bearer {good}"], "bad token"),
    "in two places": ("/", ["Authorization: Bearer {good}", "Sec-WebSocket-Protocol: tidegate.token.{good}"], "bad token"),
    "rubbish": ("/", ["Authorization: Bearer a.b.c"], "bad token"),
    "of another key": ("/", ["Authorization: Bearer {foreign}"], "bad token"),
    "unsigned": ("/", ["Authorization: Bearer {unsigned}"], "bad token"),
    "for another user": ("/?user=bob", ["Authorization: Bearer {good}"], "bad token"),
    "for another device": ("/?device=desk", ["Authorization: Bearer {phone}"], "bad token"),
    "ended": ("/", ["Authorization: Bearer {ended}"], "expired"),
    "early": ("/", ["Authorization: Bearer {early}"], "not yet valid"),
}  # fmt: skip


@pytest.mark.parametrize("target, lines, reason", REFUSALS.values(), ids=REFUSALS.keys())
def test_refusals(ask, key, target, lines, reason):
    words = {
        "good": key.sign(),
        "foreign": Key(kid="1").sign(),
        "unsigned": key.sign().rpartition(".")[0] + ".",
        "phone": key.sign(device="phone"),
        "ended": key.sign(ttl=-60),
        "early": key.sign(nbf=int(time.time()) + 120),
    }
    ask(target.format(**words), *(line.format(**words) for line in lines)).expect_close(3000, reason)


@pytest.mark.parametrize("target", ["/?user=", "/?user=a&user=a", "/?device=%20"])
def test_a_good_token_beside_a_bad_name(ask, key, target):
    ask(target, bearer(key.sign())).expect_close(4000, "bad login")


def test_clocks_that_differ(ask, key):
    """By half a minute, either way."""
    now = int(time.time())
    ask("/", bearer(key.sign(ttl=-15))).round_trip()
    ask("/", bearer(key.sign(nbf=now + 15))).round_trip()
    ask("/", bearer(key.sign(ttl=-45))).expect_close(3000, "expired")
    ask("/", bearer(key.sign(nbf=now + 90))).expect_close(3000, "not yet valid")


def test_a_token_in_the_url(start, keys, key, ask):
    gateway = start("--auth", "token", "--auth-keys", keys, "--token-in-url")
    ask(f"/?token={key.sign()}", at=gateway).round_trip()
    ask(f"/?token={key.sign()}", bearer(key.sign()), at=gateway).expect_close(3000, "bad token")


def test_a_hint_for_who_sends_it_in_the_url(ask, gateway, key):
    ask(f"/?token={key.sign()}").expect_close(3000, "no token")
    gateway.wait_for_line(r"login from .* refused: no token; one in the URL counts with token_in_url only")


def test_audience_and_issuer(start, keys, key, ask):
    gateway = start("--auth", "token", "--auth-keys", keys, "--auth-audience", "chat", "--auth-issuer", "https://id/")
    ask("/", bearer(key.sign(aud=["mail", "chat"], iss="https://id/")), at=gateway).round_trip()
    for claims in ({}, {"aud": "chat"}, {"aud": "mail", "iss": "https://id/"}, {"aud": "chat", "iss": "https://id"}):
        ask("/", bearer(key.sign(**claims)), at=gateway).expect_close(3000, "bad token")


def test_a_long_head(ask, key):
    """A token of 4 KiB, and the cookies of a host."""
    cookies = "Cookie: " + "; ".join(f"name{number}={'x' * 200}" for number in range(39))
    token = key.sign(padding="x" * 2930)
    assert 4000 < len(token) <= 4096 and len(cookies) > 8000
    ask("/", cookies, bearer(token)).round_trip()
    ask("/", cookies, offer(token, "tidegate.v0")).round_trip()
    ask("/", bearer(key.sign(padding="x" * 3050))).expect_close(3000, "bad token")


def test_a_newer_login_kicks(ask, key):
    old = ask("/", bearer(key.sign("alice")))
    old.round_trip()
    new = ask("/", bearer(key.sign("alice")))
    old.expect_close(4001, "kicked")
    new.round_trip()


# --- rights ---------------------------------------------------------------------------------------


def test_without_rights_in_the_token(gateway, ask, key):
    alice, bob = Holder(gateway.raw(), key.sign("alice")), Holder(gateway.raw(), key.sign("bob"))
    assert alice.say("", "all") == (NOT_ALLOWED, 0)
    assert alice.say("@bob", "you") == (DONE, 1)
    assert bob.message().text == "you"
    assert alice.join("room") == (DONE, 1)
    bob.join("room")
    assert alice.say("#room", "us") == (DONE, 1)
    assert bob.message().text == "us"
    classic = ask("/", bearer(key.sign("old")))
    classic.text("all")
    classic.expect_close(1008, "not allowed")
    alice.expect_nothing()


def test_rights_in_the_token(gateway, key):
    rights = {"say": ["@bo*", "#team-*"], "join": ["team-*"], "all": True}
    alice, bob = Holder(gateway.raw(), key.sign("alice", tg=rights)), Holder(gateway.raw(), key.sign("bob", tg={}))
    assert alice.say("@bob", "you") == (DONE, 1)
    assert bob.message().text == "you"
    assert alice.say("@carol", "you") == (NOT_ALLOWED, 0)
    assert alice.join("other") == (NOT_ALLOWED, 0)
    assert alice.join("team-1") == (DONE, 1)
    alice.say("", "everybody")
    assert bob.text() == "everybody -- FROM alice"
    for audience in ("", "@alice", "#team-1"):
        assert bob.say(audience, "?") == (NOT_ALLOWED, 0)
    assert bob.join("team-1") == (NOT_ALLOWED, 0)


def ask_backend(talker):
    number = talker.ask(REQUEST, b"{}")
    fields = talker.expect(REPLY)
    assert fields.take("!I") == number
    result = fields.take("!B")
    assert not fields.data
    return result


def test_requests_have_nowhere_to_go_yet(start, gateway, key):
    assert ask_backend(Holder(gateway.raw(), key.sign("alice"))) == UNREACHABLE
    assert ask_backend(Holder(gateway.raw(), key.sign("bob", tg={"all": True}))) == NOT_ALLOWED
    assert ask_backend(Talker(start().raw(), "carol")) == UNREACHABLE


def test_a_backend_may_put_anybody_into_a_room(serve, keys, key):
    gateway, admin = serve("--auth", "token", "--auth-keys", keys)
    alice = Holder(gateway.raw(), key.sign("alice", tg={"join": ["a"]}))
    assert alice.join("staff") == (NOT_ALLOWED, 0)
    assert admin.put("/v1/rooms/staff/members/alice").status in (200, 204)
    assert alice.members()[0] == "staff"
    alice.join("a")
    # A fresh token that allows less takes it out of what the old one had let it in, and only of that.
    alice.send(103, key.sign("alice", tg={}).encode())
    assert alice.members() == ("a", 0, TAKEN_OUT, "")
    assert alice.session()[0] == DONE
    assert alice.leave("staff") == (DONE, 0)


# --- the session ----------------------------------------------------------------------------------


def test_seconds_are_told(gateway, start, key):
    result, seconds, user, device = Holder(gateway.raw(), key.sign("alice", 600, device="phone")).greeting
    assert (result, user, device) == (DONE, "alice", "phone")
    assert 500 < seconds <= 600
    assert Holder(gateway.raw(), key.sign("bob", -15)).greeting[1] == 1
    open_one = Talker(start().raw(), "carol")  # 104 with no end, says the Talker
    open_one.send(103, b"whatever")
    assert open_one.session() == (DONE, NO_END, "carol", "")


def test_a_refresh(gateway, key):
    alice = Holder(gateway.raw(), key.sign("alice", 60))
    result, seconds = alice.refresh(key.sign("alice", 1000))
    assert result == DONE and 900 < seconds <= 1000
    result, seconds = alice.refresh(key.sign("alice", 2000))
    assert result == BUSY and 900 < seconds <= 1000
    bob = Holder(gateway.raw(), key.sign("bob"))
    assert bob.refresh(Key().sign("bob"))[0] == NOT_ALLOWED
    bob.expect_nothing()
    carol = Holder(gateway.raw(), key.sign("carol"))
    carol.send(103, key.sign("alice").encode())
    carol.raw.expect_close(3000, "bad token")
    alice.expect_nothing()


def test_a_session_ends_with_its_token(gateway, ask, key):
    """Its end is 30 s behind that of the token: one that has ended nearly as long ago lasts seconds."""
    alice = Holder(gateway.raw(), key.sign("alice", -27))
    bob = Holder(gateway.raw(), key.sign("bob", -27))
    classic = ask("/", bearer(key.sign("old", -27)))
    bob.refresh(key.sign("bob"))
    alice.raw.expect_close(3000, "expired")
    classic.expect_close(3000, "expired")
    bob.expect_nothing()


# --- keys -----------------------------------------------------------------------------------------


def test_rotation_under_load(start, tmp_path, ask):
    """Old, both, new: nobody whose token is by one of the keys that are in force is refused."""
    old, new = Key(kid="old"), Key(kid="new")
    path = write(tmp_path / "keys.json", old)
    gateway = start("--auth", "token", "--auth-keys", path, "--workers", "2")
    stayer = ask("/", bearer(old.sign("stayer")), at=gateway)
    signer, ends, refused, logins = [old], threading.Event(), [], itertools.count()

    def storm(number):
        while not ends.is_set():
            with gateway.raw() as client:
                client.send(request(extra=[bearer(signer[0].sign(f"user{number}"))], target="/"))
                assert client.answer().status == 101
                client.ping(b"x")
                frame = client.frame()
                if frame.opcode == CLOSE:
                    refused.append(frame.close_reason)
                next(logins)

    threads = [threading.Thread(target=storm, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()

    def wait_for_logins(count):
        """As many more, of which each may have been under way when it began."""
        seen = int(repr(logins)[6:-1])
        wait_until(lambda: int(repr(logins)[6:-1]) > seen + count, "logins go on")

    wait_for_logins(50)
    write(path, old, new)
    gateway.wait_for_line(r'auth_keys: 2 keys, 1 new \("new"\)')
    signer[0] = new
    wait_for_logins(50)
    write(path, new)
    gateway.wait_for_line(r'auth_keys: 1 key, 1 gone \("old"\)')
    wait_for_logins(50)
    ends.set()
    for thread in threads:
        thread.join()
    assert not refused
    ask("/", bearer(old.sign("late")), at=gateway).expect_close(3000, "bad token")
    stayer.round_trip()


def test_a_file_that_cannot_be_taken(serve, keys, key, ask):
    gateway, admin = serve("--auth", "token", "--auth-keys", keys)
    assert admin.metrics()["tidegate_auth_keys"] == 1
    keys.write_text("{ this is no JSON", encoding="utf-8")
    gateway.wait_for_line(r"ERROR.* auth_keys: going on with the keys of before|ERRO.* going on with the keys of before")
    wait_until(lambda: admin.metrics()["tidegate_auth_keys_stale"] == 1, "it is told")
    ask("/", bearer(key.sign()), at=gateway).round_trip()
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("going on with the keys of before", count=2)
    write(keys, key)
    wait_until(lambda: admin.metrics()["tidegate_auth_keys_stale"] == 0, "it is good again")
    ask("/", bearer(key.sign()), at=gateway).round_trip()


def test_reload_takes_another_file(start, tmp_path, key, ask):
    other, config = Key(kid="2"), tmp_path / "tidegate.ini"
    first, second = write(tmp_path / "first", key), write(tmp_path / "second", other)
    config.write_text(f"auth = token\nauth_keys = {first}\n", encoding="utf-8")
    gateway = start("--config", config)
    ask("/", bearer(key.sign()), at=gateway).round_trip()
    config.write_text(f"auth = token\nauth_keys = {second}\nauth_audience = chat\ntoken_in_url = yes\n", encoding="utf-8")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("reloaded: 3 options changed")
    ask("/", bearer(key.sign(aud="chat")), at=gateway).expect_close(3000, "bad token")
    ask("/", bearer(other.sign()), at=gateway).expect_close(3000, "bad token")
    ask(f"/?token={other.sign(aud='chat')}", at=gateway).round_trip()
    config.write_text("auth = open\n", encoding="utf-8")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("auth token -> open cannot change while running")
    ask("/?user=alice", at=gateway).expect_close(3000, "no token")


def refusal(*options):
    """What a start that fails says, and what --test says of it."""
    told = [subprocess.run([BINARY, *map(str, options), *test], capture_output=True, text=True, timeout=TIMEOUT)
            for test in ([], ["--test"])]  # fmt: skip
    assert [done.returncode for done in told] == [1, 1], told
    return [done.stderr for done in told]


def files():
    """What is wrong with a file: what it holds, its mode, and what is said of it."""
    return {
        "missing": (None, 0o600, "No such file"),
        "empty": ("", 0o600, "keys"),
        "no JSON": ("{", 0o600, "JSON"),
        "a private key": (Key("ES256").private_pem, 0o600, "private key"),
        "a short secret": (json.dumps({"kty": "oct", "alg": "HS256", "k": "c2hvcnQ"}), 0o600, "HS256"),
        "no key": (json.dumps({"keys": []}), 0o600, "key"),
    }


@pytest.mark.parametrize("name", files())
def test_a_start_that_fails(tmp_path, name):
    text, mode, word = files()[name]
    path = tmp_path / "keys"
    if text is not None:
        path.write_text(text, encoding="ascii")
        path.chmod(mode)
    for told in refusal("--listen", "127.0.0.1:0", "--auth", "token", "--auth-keys", path):
        assert word in told and str(path) in told, told


def test_a_secret_that_others_may_read(start, keys):
    keys.chmod(0o644)
    gateway = start("--auth", "token", "--auth-keys", keys)
    gateway.wait_for_line("warning: .*keys.json: holds a secret")
    done = subprocess.run([BINARY, "--auth", "token", "--auth-keys", keys, "--listen", "127.0.0.1:0", "--test"],
                          capture_output=True, text=True, timeout=TIMEOUT)  # fmt: skip
    assert done.returncode == 0 and "holds a secret" in done.stderr and "with 1 warning" in done.stdout


def test_a_start_without_keys():
    for told in refusal("--listen", "127.0.0.1:0", "--auth", "token"):
        assert "--auth=token: tokens need keys to be verified with: auth_keys = FILE" in told


# --- open logins ----------------------------------------------------------------------------------


@pytest.mark.parametrize("listen, auth, is_told", [
    ("127.0.0.1:0", False, False), ("0.0.0.0:0", False, True), ("0.0.0.0:0", True, False),
])  # fmt: skip
def test_open_logins_are_warned_of(start, keys, listen, auth, is_told):
    options = ["--auth", "token", "--auth-keys", keys] if auth else []
    gateway = start(*options, listen=[listen])
    gateway.stop()
    told = gateway.matching("anybody can be anybody")
    assert len(told) == is_told
    if is_told:
        assert "WARN" in told[0] and "--auth=token" in told[0]


# --- what is shown --------------------------------------------------------------------------------


def test_what_is_shown(serve, keys, key, ask):
    gateway, admin = serve("--auth", "token", "--auth-keys", keys)
    alice = Holder(gateway.raw(), key.sign("alice", 600))
    alice.refresh(key.sign("alice", 900))
    alice.refresh("rubbish")
    ask("/", at=gateway).expect_close(3000, "no token")
    ask("/", bearer("x"), at=gateway).expect_close(3000, "bad token")
    ask("/", bearer(key.sign(ttl=-60)), at=gateway).expect_close(3000, "expired")
    ask("/", bearer(key.sign(nbf=int(time.time()) + 300)), at=gateway).expect_close(3000, "not yet valid")
    names = {
        **{f'tidegate_login_tokens_total{{verdict="{verdict}"}}': 1 for verdict in
           ("good", "none", "bad", "expired", "not_yet")},
        **{f'tidegate_ends_total{{reason="{reason}"}}': 1 for reason in
           ("no_token", "bad_token", "token_expired", "token_not_yet")},
        'tidegate_token_refreshes_total{result="good"}': 1,
        'tidegate_token_refreshes_total{result="too_soon"}': 1,
        'tidegate_token_refreshes_total{result="bad"}': 0,
        "tidegate_auth_keys": 1,
    }  # fmt: skip
    wait_until_equal(lambda: {name: admin.metrics()[name] for name in names}, names)
    assert 800_000 < admin.user("alice")["token_left_ms"] <= 900_250
    assert admin.user("alice")["sessions"][0]["token_left_ms"] is not None
    totals = admin.status()["totals"]
    assert (totals["tokens_good"], totals["refreshes_good"], totals["auth_keys"]) == (1, 1, 1)


def test_no_token_no_end(serve):
    gateway, admin = serve()
    gateway.login("alice")
    assert admin.user("alice")["token_left_ms"] is None


def test_no_token_is_ever_said(serve, tmp_path, key):
    """All that a gateway says in a run, of whatever level and by whatever way, against all tokens of the run."""
    path = write(tmp_path / "keys.json", key)
    used, numbers = [], itertools.count(10**9)

    def sign(*args, by=key, **claims):
        used.append(by.sign(*args, jti=str(next(numbers)), **claims))
        return used[-1]

    gateway, admin = serve("--auth", "token", "--auth-keys", path, "--token-in-url", "--log-level", "debug")
    said = []
    for target, lines in [
        ("/", [bearer(sign())]), ("/", [offer(sign(), "tidegate.v0")]), (f"/?token={sign()}", []),
        ("/", [bearer(sign(by=Key()))]), (f"/?token={sign(ttl=-99)}", []), ("/", [bearer(sign()), bearer(sign())]),
        ("/?user=bob", [bearer(sign())]), ("/?user=%ff", [bearer(sign())]),
    ]:  # fmt: skip
        with gateway.raw() as client:
            client.send(request(target, extra=lines))
            said.append(repr(client.answer()))
            client.ping()
            said.append(repr(client.frame()))
    for broken in (request(f"/?token={sign()}", without=["Sec-WebSocket-Key"]), b"GET /?token=" + sign().encode() + b"\n\n",
                   request("/", extra=[bearer(sign())], method="POST"), request("/", extra=[bearer(sign()), "x" * 20000])):  # fmt: skip
        with gateway.raw() as client:
            client.send(broken)
            said.append(repr(client.refusal()))
    alice = Holder(gateway.raw(), sign("alice"))
    for token in (sign("alice"), sign("alice", by=Key())):
        alice.send(103, token.encode())
        said.append(repr(alice.session()))
    said += [repr(admin.get(target)) for target in ("/metrics", "/v1/status", "/v1/users", "/v1/users/alice", "/v1/ended")]
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("reloaded")
    gateway.stop()
    said += gateway.lines
    said.append(" ".join(gateway.arguments))
    parts = {part for token in used for part in token.split(".") if len(part) >= 16}
    pieces = {part[:16] for part in parts} | {key.jwk["k"]}
    # A message is shown as numbers.
    pieces |= {" ".join(str(byte) for byte in part[:8].encode()) for part in parts}
    text = "\n".join(said)
    assert len(parts) > 20 and "recv message" in text
    for piece in pieces:
        assert piece not in text, next(line for line in said if piece in line)

"""What strangers try at the door: tokens forged by hand against the running gateway, and what they hang behind them."""

import base64
import hashlib
import hmac
import json
import socket
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives import hashes, serialization

from identity import Holder, Key, base64url, bearer, offer, write
from raw import BINARY, TEXT, Gone, frame, packet, request
from talking import DONE, NOT_ALLOWED, SAY, V1, string

FAR = 4102444800  # the year 2100
GOOD = {"sub": "alice", "exp": FAR}


def part(json_or_text):
    text = json_or_text if isinstance(json_or_text, (str, bytes)) else json.dumps(json_or_text)
    return base64url(text.encode() if isinstance(text, str) else text)


def hs256(secret, header, claims):
    """A token whose signature is right, whatever it says."""
    text = f"{part(header)}.{part(claims)}"
    return f"{text}.{base64url(hmac.digest(secret, text.encode(), 'sha256'))}"


def es256(private, header, claims):
    text = f"{part(header)}.{part(claims)}"
    r, s = decode_dss_signature(private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{text}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


@pytest.fixture(scope="module")
def secret():
    return Key(kid="s")


@pytest.fixture(scope="module")
def pair():
    return Key("ES256", kid="e")


@pytest.fixture(scope="module")
def gateway(start_for_module, tmp_path_factory, secret, pair):
    """One that takes both kinds, as while a backend moves from one to the other."""
    path = write(tmp_path_factory.mktemp("keys") / "keys.json", secret, pair)
    return start_for_module("--auth", "token", "--auth-keys", path, "--workers", "2")


@pytest.fixture(autouse=True)
def no_clients_left(gateway):
    yield
    gateway.close_clients()


def verdict_on(gateway, token, where=bearer):
    """None where it is let in, else the reason."""
    with gateway.raw() as client:
        client.send(request("/", extra=[where(token)]))
        answer = client.answer()
        assert answer.status == 101 and (len(token) < 40 or token[:20] not in repr(answer))
        client.ping()
        got = client.frame()
        if got.opcode != 0x8:
            return None
        assert got.close_code == 3000
        return got.close_reason


def test_what_they_are_made_of_is_right(gateway, secret, pair):
    """Else nothing below would be a test."""
    assert verdict_on(gateway, hs256(secret.private, {"alg": "HS256"}, GOOD)) is None
    assert verdict_on(gateway, es256(pair.private, {"alg": "ES256", "kid": "e"}, GOOD)) is None


# --- forged -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["none", "None", "NONE", "nOnE", "", "HS256 ", "hs256", "HS257", None, 5, ["HS256"], {}])
def test_algorithms_that_are_none(gateway, secret, name):
    header = {"alg": name, "kid": "s"}
    whole = hs256(secret.private, header, GOOD)
    for token in (whole, whole.rpartition(".")[0] + ".", whole.rpartition(".")[0], f"{part(header)}.{part(GOOD)}.{part('x')}"):
        assert verdict_on(gateway, token) == "bad token"


def test_a_public_key_is_no_secret(gateway, pair):
    """All that a stranger knows of the key, as the secret of HS256."""
    public = pair.private.public_key()
    numbers = public.public_numbers()
    x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
    forms = [
        public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
        public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint),
        public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint),
        x, y, x + y, base64url(x).encode(), json.dumps(pair.jwk).encode(),
        json.dumps(pair.jwk, separators=(",", ":")).encode(), b"", b"\0" * 32,
    ]  # fmt: skip
    for form in forms:
        for kid in ("e", "s", None):
            header = {"alg": "HS256"} | ({"kid": kid} if kid else {})
            assert verdict_on(gateway, hs256(form, header, GOOD)) == "bad token"


@pytest.mark.parametrize("r, s", [(0, 0), (1, 0), (0, 1), (1, 1), ("order", "order"), ("order", 1)])
def test_signatures_of_nothing(gateway, r, s):
    """As a verifier took them that forgot to look (CVE-2022-21449)."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    numbers = [order if number == "order" else number for number in (r, s)]
    signature = b"".join(number.to_bytes(32, "big") for number in numbers)
    token = f"{part({'alg': 'ES256', 'kid': 'e'})}.{part(GOOD)}.{base64url(signature)}"
    assert verdict_on(gateway, token) == "bad token"
    der = b"\x30\x06\x02\x01\x01\x02\x01\x01"
    assert verdict_on(gateway, f"{part({'alg': 'ES256'})}.{part(GOOD)}.{base64url(der)}") == "bad token"


def test_a_key_that_comes_along_is_not_used(gateway):
    """Nor is one fetched: nobody calls where the token says that there is one."""
    own = Key("ES256", kid="mine")
    with socket.create_server(("127.0.0.1", 0)) as trap:
        url = f"http://127.0.0.1:{trap.getsockname()[1]}/keys"
        for more in ({"jwk": own.jwk}, {"jku": url}, {"x5u": url}, {"x5c": [base64.b64encode(own.pem.encode()).decode()]},
                     {"jwk": own.jwk, "kid": "e"}, {"jku": url, "kid": "e"}, {"kid": url}, {"kid": "../../../etc/passwd"}):  # fmt: skip
            assert verdict_on(gateway, es256(own.private, {"alg": "ES256"} | more, GOOD)) == "bad token"
        trap.setblocking(False)
        with pytest.raises(BlockingIOError):
            trap.accept()


HEADERS = [
    {"alg": "HS256", "crit": ["exp"], "exp": FAR}, {"alg": "HS256", "crit": []}, {"alg": "HS256", "crit": ["b64"], "b64": False},
    {"alg": "HS256", "kid": "e"}, {"alg": "HS256", "kid": 1}, {"alg": "ES256"}, {"alg": "HS512"},
    '{"alg":"none","alg":"HS256"}', '{"alg":"HS256","alg":"none"}', '{"alg":"HS256","\\u0061lg":"HS256"}',
    '["HS256"]', '"HS256"', "", "{", '{"alg":"HS256"}x', '{"alg":"HS256","x":' + "[" * 500 + "]" * 500 + "}",
    {"alg": "HS256", "x": ["y"] * 500},
]  # fmt: skip


@pytest.mark.parametrize("header", HEADERS, ids=range(len(HEADERS)))
def test_headers(gateway, secret, header):
    """The signature is right in all of them."""
    assert verdict_on(gateway, hs256(secret.private, header, GOOD)) == "bad token"


CLAIMS = [
    {}, {"sub": "alice"}, {"exp": FAR}, {"sub": "alice", "exp": str(FAR)}, '{"sub":"alice","exp":1e300}', '{"sub":"alice","exp":1e400}',
    '{"sub":"alice","exp":-1}', '{"sub":"alice","exp":NaN}', '{"sub":"alice","exp":Infinity}', '{"sub":"alice","exp":99999999999999999999}',
    {"sub": "alice", "exp": None}, {"sub": "alice", "exp": [FAR]}, {"sub": "alice", "exp": True},
    GOOD | {"nbf": "0"}, GOOD | {"nbf": -1}, GOOD | {"aud": 5}, GOOD | {"aud": ["a", 5]}, GOOD | {"iss": ["a"]},
    GOOD | {"sub": ""}, GOOD | {"sub": 5}, GOOD | {"sub": None}, GOOD | {"sub": ["alice"]}, GOOD | {"sub": "a\nb"},
    GOOD | {"sub": "alice\0"}, GOOD | {"sub": " alice"}, GOOD | {"sub": "x" * 65}, GOOD | {"sub": "a -- FROM b"}, GOOD | {"sub": "\u202ealice"},
    GOOD | {"device": 5}, GOOD | {"device": "x" * 33}, GOOD | {"device": "\x1b"},
    f'{{"sub":"bob","sub":"alice","exp":{FAR}}}', f'{{"sub":"alice","exp":1,"exp":{FAR}}}', f'{{"sub":"bob","\\u0073ub":"alice","exp":{FAR}}}',
    f'{{"sub":"alice","exp":{FAR},"tg":{{"all":false,"all":true}}}}',
    f'{{"sub":"alice","exp":{FAR},"x":' + "[" * 1000 + "]" * 1000 + "}", GOOD | {"x": list(range(600))}, GOOD | {"x": "y" * 4096},
    GOOD | {"tg": []}, GOOD | {"tg": None}, GOOD | {"tg": "all"}, GOOD | {"tg": {"all": 1}}, GOOD | {"tg": {"say": "@*"}},
    GOOD | {"tg": {"say": ["@*"] * 33}}, GOOD | {"tg": {"join": ["x" * 60] * 20}}, GOOD | {"tg": {"say": ["a*b", "@a*b"]}},
    b'{"sub":"\xff\xfe","exp":' + str(FAR).encode() + b"}", "", "null", "[]", "{}}", f'\ufeff{{"sub":"alice","exp":{FAR}}}',
]  # fmt: skip


@pytest.mark.parametrize("claims", CLAIMS, ids=range(len(CLAIMS)))
def test_claims(gateway, secret, claims):
    """Signed by the right key: what a careless backend makes, or one that takes a name from a stranger."""
    assert verdict_on(gateway, hs256(secret.private, {"alg": "HS256"}, claims)) == "bad token"


def test_parts(gateway, secret):
    good = hs256(secret.private, {"alg": "HS256"}, GOOD)
    header, claims, signature = good.split(".")
    other = hs256(secret.private, {"alg": "HS256"}, GOOD | {"sub": "bob"}).split(".")
    for token in (
        f"{claims}.{header}.{signature}", f"{header}.{signature}.{claims}", f"{header}.{other[1]}.{signature}",
        f"{header}.{claims}.{other[2]}", f"{header}.{claims}", f"{header}.{claims}.", f".{claims}.{signature}", f"{header}..{signature}",
        f"{good}.", f".{good}", f"{good}.{signature}", f"{header}.{claims}.{signature}.{part('x')}.{part('y')}", f"{good}=", f"{good}A",
        good[:-1], good[1:], good.upper(), good.swapcase(), good.replace(".", ".."), f"{header}.{claims}.{signature[:-4]}",
        f"{header}.{claims}.{signature}{signature}", f"{header}%2e{claims}.{signature}", "...", "..", ".", "a", "a.b", "a.b.c",
        f"{header}.{claims}.{signature[:20]}", "x" * 5000, f"{header}.{claims}." + "A" * 3000,
    ):  # fmt: skip
        assert verdict_on(gateway, token) == "bad token", token
    for digest in ("sha1", "sha384", "sha512", "md5"):
        text = f"{header}.{claims}"
        assert verdict_on(gateway, f"{text}.{base64url(hmac.digest(secret.private, text.encode(), digest))}") == "bad token"
    # The last character of a signature has two bits that say nothing: only one way to write it is taken.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same = [letters[letters.index(signature[-1]) ^ bit] for bit in (1, 2, 3)]
    assert {verdict_on(gateway, good[:-1] + letter) for letter in same} == {"bad token"}
    assert hashlib.sha256(good.encode()) and verdict_on(gateway, good) is None


def test_offers(gateway, secret):
    """More than one, wherever they are, is none."""
    good = hs256(secret.private, {"alg": "HS256"}, GOOD)
    bad = hs256(b"x" * 32, {"alg": "HS256"}, GOOD)
    assert verdict_on(gateway, good, offer) is None
    for lines in (
        [offer(good), bearer(bad)], [offer(bad), bearer(good)], [offer(good), offer(good)], [bearer(good), bearer(bad)],
        [f"Sec-WebSocket-Protocol: tidegate.token.{good}, tidegate.v1, tidegate.token.{bad}"],
    ):  # fmt: skip
        with gateway.raw() as client:
            client.send(request("/", extra=lines))
            assert client.answer().status == 101
            client.expect_close(3000, "bad token")


# --- what hangs behind it -----------------------------------------------------------------------


def say(audience, text):
    return frame(BINARY, packet(SAY, struct.pack("!IB", 1, 0) + string(audience) + text.encode()))


@pytest.mark.parametrize("token", ["none", "bad", "ended"])
@pytest.mark.parametrize("lines", [[], V1], ids=["classic", "v1"])
def test_who_is_refused_has_said_nothing(gateway, secret, token, lines):
    """What comes in one piece with a request that is refused goes nowhere."""
    bob = Holder(gateway.raw(), secret.sign("bob", tg={"join": ["room"], "say": ["@*"]}))
    assert bob.join("room") == (DONE, 1)
    tokens = {
        "none": [], "bad": [bearer("a.b.c")],
        "ended": [bearer(hs256(secret.private, {"alg": "HS256"}, GOOD | {"exp": 1}))],
    }  # fmt: skip
    behind = [
        frame(TEXT, b"evil"), frame(BINARY, packet(102, b"evil")), say("@bob", "evil"), say("#room", "evil"), say("", "evil"),
        frame(BINARY, packet(120, struct.pack("!IB", 2, 1) + string("room"))), frame(BINARY, packet(103, secret.sign("mallory").encode())),
        frame(TEXT, b"evil"),
    ]  # fmt: skip
    with gateway.raw() as mallory:
        mallory.send(request("/?user=mallory", extra=[*lines, *tokens[token]]) + b"".join(behind))
        assert mallory.answer().status == 101
        got = mallory.frame()
        assert (got.opcode, got.close_code) == (0x8, 3000)
        # Nor does a token make good what has been refused.
        try:
            mallory.send(frame(BINARY, packet(103, secret.sign("mallory").encode())) + frame(TEXT, b"evil"))
        except Gone:
            pass
        bob.expect_nothing()
        assert bob.list("room")[2] == ["bob"]


def test_nobody_is_kicked_by_who_is_refused(gateway, secret):
    alice = Holder(gateway.raw(), secret.sign("alice"))
    for target, token in (("/?user=alice", "a.b.c"), ("/?user=alice", secret.sign("bob")), ("/", secret.sign("alice", -99)),
                          ("/?user=alice&user=bob", secret.sign("alice")), ("/?user=alice", Key(kid="s").sign("alice"))):  # fmt: skip
        with gateway.raw() as mallory:
            mallory.send(request(target, extra=[bearer(token)]))
            assert mallory.answer().status == 101
            assert mallory.frame().close_code in (3000, 4002, 4000, 1008)
    alice.expect_nothing()


def test_names_that_only_look_the_same(gateway, secret):
    """A token is of one user, to the byte."""
    token = secret.sign("alice")
    for user in ("Alice", "alic%65%00", "%61lice%20", "alice%E2%80%8B", "al%C4%B1ce", "alice%2F"):
        with gateway.raw() as mallory:
            mallory.send(request(f"/?user={user}", extra=[bearer(token)]))
            assert mallory.answer().status == 101
            got = mallory.frame()
            assert got.opcode == 0x8, user
    with gateway.raw() as alice:
        alice.send(request("/?user=%61lice", extra=[bearer(token)]))
        assert alice.answer().status == 101
        alice.round_trip()


# --- in the session -----------------------------------------------------------------------------


def test_a_flood_of_tokens_is_judged_once(serve_flood, secret):
    """Each is answered, and one of them verified: others wait until five seconds have passed."""
    gateway, admin = serve_flood
    alice = Holder(gateway.raw(), secret.sign("alice"))
    many = 500
    for _ in range(many):
        alice.send(103, b"a.b.c")
    assert [alice.session()[0] for _ in range(many)].count(NOT_ALLOWED) == 1
    metrics = admin.metrics()
    assert metrics['tidegate_token_refreshes_total{result="bad"}'] == 1
    assert metrics['tidegate_token_refreshes_total{result="too_soon"}'] == many - 1


@pytest.fixture
def serve_flood(serve, tmp_path, secret):
    return serve("--auth", "token", "--auth-keys", write(tmp_path / "keys.json", secret))


@pytest.mark.parametrize("payload", [b"", b".", b"\0" * 100, b"x" * 60000, b"a.b.c" * 1000, b"\xff" * 4097])
def test_tokens_that_are_none_in_the_session(serve_flood, secret, payload):
    gateway, _ = serve_flood
    alice = Holder(gateway.raw(), secret.sign("alice"))
    alice.send(103, payload)
    result, seconds, *_ = alice.session()
    assert result == NOT_ALLOWED and seconds > 500
    alice.expect_nothing()


def test_more_rights_than_one_has_are_not_to_be_had(serve_flood, secret):
    gateway, _ = serve_flood
    alice = Holder(gateway.raw(), secret.sign("alice", tg={"say": ["@bob"]}))
    bob = Holder(gateway.raw(), secret.sign("bob"))
    alice.send(103, hs256(b"x" * 32, {"alg": "HS256", "kid": "s"}, GOOD | {"tg": {"all": True}}).encode())
    assert alice.session()[0] == NOT_ALLOWED
    assert alice.say("", "all") == (NOT_ALLOWED, 0)
    assert alice.say("@carol", "x") == (NOT_ALLOWED, 0)
    for audience in ("@bob\0", "@", "#", "@bob@carol", "@*", "#*", "*"):
        assert alice.say(audience, "x")[0] != DONE
    # The other way to speak to everybody.
    alice.raw.send(frame(BINARY, packet(102, b"all")))
    alice.raw.send(frame(TEXT, b"all"))
    bob.expect_nothing()


def test_a_mark_in_a_text_names_nobody_else(serve_flood, secret):
    """Whoever may speak to everybody is still himself."""
    gateway, _ = serve_flood
    alice = Holder(gateway.raw(), secret.sign("alice", tg={"all": True}))
    bob = Holder(gateway.raw(), secret.sign("bob"))
    alice.raw.send(frame(TEXT, b"give me your money -- FROM bank"))
    assert bob.text().endswith(" -- FROM alice")


@pytest.mark.parametrize("where", ["Authorization: Bearer {}", "Sec-WebSocket-Protocol: tidegate.v1, tidegate.token.{}"])
def test_the_longest(gateway, secret, where):
    """4,096 bytes are a token, and not one more."""
    for wanted, verdict in ((4096, None), (4097, "bad token")):
        for fill in range(2600, 3100):
            token = hs256(secret.private, {"alg": "HS256"}, GOOD | {"x": "y" * fill})
            if len(token) >= wanted:
                break
        if len(token) != wanted:
            # A part's length leaves out one in four: the header fills it up.
            for pad in range(8):
                token = hs256(secret.private, {"alg": "HS256", "typ": "J" * pad}, GOOD | {"x": "y" * (fill - 8)})
                if len(token) == wanted:
                    break
        if len(token) == wanted:
            assert verdict_on(gateway, token, where.format) == verdict



"""`tidegate token`: keys and tokens for scripts, as other programs than ours see them."""

import base64
import json
import stat
import subprocess
import time

import pytest

from gateway import BINARY
from waiting import TIMEOUT

KINDS = {"hs256": "HS256", "es256": "ES256", "ed25519": "EdDSA", "rs256": "RS256"}


def ask(*arguments, **popen):
    """(exit code, standard output, standard error)"""
    done = subprocess.run(
        [BINARY, "token", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        **popen,
    )
    assert "Sanitizer" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def fails(code, what, *arguments):
    got, out, err = ask(*arguments)
    assert got == code, err
    assert out == ""
    assert err.startswith("tidegate token: ") and what in err


def make_key(path, kind="es256"):
    code, _, err = ask(f"--new={kind}", f"--key={path}")
    assert (code, err) == (0, "")
    return path


@pytest.fixture
def key(tmp_path):
    return make_key(tmp_path / "chat.jwk")


def part(token, index):
    text = token.strip().split(".")[index]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def claims_of(*arguments):
    code, out, err = ask(*arguments)
    assert (code, err) == (0, "")
    return part(out, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_key(tmp_path, kind):
    path = make_key(tmp_path / "key", kind)
    public = tmp_path / "key.pub"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    jwk = json.loads(path.read_text(encoding="ascii"))
    assert jwk["alg"] == KINDS[kind]
    assert len(jwk["kid"]) == 12
    if kind == "hs256":
        assert len(base64.urlsafe_b64decode(jwk["k"] + "=")) == 32
        assert not public.exists()
        fails(1, "a secret has no public half", "--public", f"--key={path}")
    else:
        half = json.loads(public.read_text(encoding="ascii"))
        assert "d" in jwk and not {"d", "p", "q", "k"} & set(half)
        assert half.items() <= jwk.items()
        code, out, _ = ask("--public", f"--key={path}")
        assert (code, json.loads(out)) == (0, half)
    code, token, _ = ask(f"--key={path}", "--user=bob")
    assert code == 0
    assert part(token, 0) == {"alg": KINDS[kind], "typ": "JWT", "kid": jwk["kid"]}


def test_no_two_keys_are_the_same(tmp_path):
    keys = {make_key(tmp_path / f"key{number}", "hs256").read_text(encoding="ascii") for number in range(4)}
    assert len(keys) == 4


def test_a_key_is_never_written_over(key):
    before = key.read_bytes()
    fails(1, "a key is never written over", "--new=hs256", f"--key={key}")
    assert key.read_bytes() == before


@pytest.mark.parametrize("kind", ["EC:P-256", "ED25519", "RSA"])
def test_a_key_of_openssl(tmp_path, kind):
    """OpenSSL verifies what is signed with a key that it made."""
    path = tmp_path / "key.pem"
    name, _, curve = kind.partition(":")
    options = ["-pkeyopt", f"ec_paramgen_curve:{curve}"] if curve else []
    subprocess.run(
        ["openssl", "genpkey", "-algorithm", name, *options, "-out", str(path)],
        check=True,
        capture_output=True,
        timeout=TIMEOUT,
    )
    code, token, err = ask(f"--key={path}", "--user=bob")
    assert (code, err) == (0, "")
    if name != "RSA":
        assert "kid" not in part(token, 0)
        return
    text, _, signature = token.strip().rpartition(".")
    (tmp_path / "text").write_text(text, encoding="ascii")
    (tmp_path / "signature").write_bytes(base64.urlsafe_b64decode(signature + "=="))
    subprocess.run(
        ["openssl", "dgst", "-sha256", "-prverify", path, "-signature", tmp_path / "signature", tmp_path / "text"],
        check=True,
        capture_output=True,
        timeout=TIMEOUT,
    )


def test_claims(key):
    before = int(time.time())
    claims = claims_of(
        f"--key={key}", "--user=bob", "--device=phone", "--aud=chat", "--iss=https://idp", "--ttl=1h30m"
    )
    assert before <= claims["iat"] <= time.time()
    assert claims == {
        "sub": "bob",
        "device": "phone",
        "aud": "chat",
        "iss": "https://idp",
        "iat": claims["iat"],
        "exp": claims["iat"] + 5400,
    }
    claims = claims_of("-k", key, "-u", "bob")
    assert claims == {"sub": "bob", "iat": claims["iat"], "exp": claims["iat"] + 3600}


def test_rights(key):
    basis = f"--key={key}", "--user=bob"
    assert claims_of(*basis, "--say=@*", "--say=#team-*", "--join=lobby", "--all", "--request")["tg"] == {
        "say": ["@*", "#team-*"],
        "join": ["lobby"],
        "all": True,
        "request": True,
    }
    assert claims_of(*basis, "--all")["tg"] == {"all": True}
    assert claims_of(*basis, '--tg={"join": ["*"]}')["tg"] == {"join": ["*"]}
    assert claims_of(*basis, "--tg={}")["tg"] == {}
    assert "tg" not in claims_of(*basis)
    for wrong in ["--say=bob", "--say=*", "--join= x", '--tg={"all": 1}', "--tg=[]"]:
        fails(2, "no rights that a gateway takes", *basis, wrong)
    fails(2, "--tg says it all", *basis, "--tg={}", "--all")
    fails(2, "--tg says it all", *basis, "--all", "--tg={}")
    fails(2, "--tg: no JSON", *basis, "--tg={")


def test_wrong_command_lines(key):
    basis = f"--key={key}", "--user=bob"
    fails(2, "--key=FILE is missing")
    fails(2, "--user=NAME is missing", f"--key={key}")
    fails(2, "--user takes 1 to 64 bytes", f"--key={key}", "--user= bob")
    fails(2, "--device takes 1 to 32 bytes", *basis, "--device=" + "x" * 33)
    fails(2, "takes seconds", *basis, "--ttl=0")
    fails(2, "takes seconds", *basis, "--ttl=soon")
    fails(2, "takes seconds", *basis, "--ttl=4000d")
    fails(2, "the key is not for that", *basis, "--alg=HS256")
    fails(2, "the key is not for that", *basis, "--alg=none")
    fails(2, "two things", f"--key={key}", "--new=hs256", "--public")
    fails(2, "by itself", *basis, "--public")
    fails(2, "is no option", *basis, "more")
    fails(2, "takes hs256, es256, ed25519 or rs256", "--new=md5", f"--key={key}.other")


def test_keys_that_cannot_sign(tmp_path, key):
    fails(1, "No such file", f"--key={tmp_path}/nowhere", "--user=bob")
    fails(1, "a public key, which cannot sign", f"--key={key}.pub", "--user=bob")
    broken = tmp_path / "broken"
    broken.write_text('{"keys": []}', encoding="ascii")
    fails(1, "a set of keys; give one of them", f"--key={broken}", "--user=bob")
    broken.write_text("secret words", encoding="ascii")
    code, out, err = ask(f"--key={broken}", "--user=bob")
    assert (code, out) == (1, "") and "secret" not in err


def test_a_token_that_is_too_long(key):
    fails(1, "a gateway takes 4096", f"--key={key}", "--user=bob", "--aud=" + "x" * 4096)


def test_a_full_disk(key):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(
            [BINARY, "token", f"--key={key}", "--user=bob"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    assert done.returncode == 1
    assert "cannot write to standard output" in done.stderr


def test_help():
    code, out, err = ask("--help")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: tidegate token [OPTION...]")
    assert ask("--usage")[0] == 0
    done = subprocess.run(
        [BINARY, "config", "token"], capture_output=True, text=True, timeout=TIMEOUT, check=False
    )
    assert done.returncode == 2
    assert "`token' comes first" in done.stderr

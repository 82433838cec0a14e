"""The files of certificates and keys: what --test and a start say of them, and what a reload makes of them."""

import os
import re
import signal
import socket
import ssl
import subprocess

import pytest

from gateway import BINARY, free_port
from handover import has_hooks
from raw import PING, PONG, Raw, frame, request
from tls import Pair
from waiting import TIMEOUT

pytestmark = pytest.mark.threads

DAY_MS = 24 * 60 * 60 * 1000


def ask(*arguments, **popen):
    """(exit code, lines on standard output, lines on standard error)"""
    done = subprocess.run(
        [BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT, check=False, **popen
    )
    assert "Sanitizer" not in done.stderr, done.stderr
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def later(days):
    """An environment in which the gateway's clock is so many days ahead."""
    return {**os.environ, "TIDEGATE_TEST_CLOCK_OFFSET_MS": str(int(days * DAY_MS))}


def connect(gateway, name="chat.example.org"):
    """A line with TLS, without a look at the certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    port = int(gateway.listen[0].rpartition(":")[2])
    plain = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    return context.wrap_socket(plain, server_hostname=name)


def shown(gateway, name="chat.example.org"):
    """The certificate that a client gets who asks for a name."""
    with connect(gateway, name) as line:
        return line.getpeercert(binary_form=True)


@pytest.fixture
def pair(tmp_path):
    return Pair(tmp_path)


@pytest.fixture
def listen():
    return ["--listen", f"wss://127.0.0.1:{free_port()}"]


# --- --test -------------------------------------------------------------------------------------


def test_a_good_pair(pair, listen):
    code, out, err = ask("--test", *listen, *pair.options)
    assert (code, err) == (0, [])
    assert out == ["tidegate: the configuration is good: no file, command line and defaults only"]


def test_all_that_is_wrong(pair, listen, tmp_path):
    other = Pair(tmp_path, stem="b")
    other.key.write_bytes(pair.key.read_bytes())
    pair.key.chmod(0o644)
    code, _, err = ask("--test", *listen, *pair.options, *other.options)
    assert code == 1
    assert err == [
        f"tidegate: tls_key: {pair.key}: others may read or change it: chmod o= takes that from them",
        f"tidegate: tls_key: {other.key}: it is not the key of the certificate in {other.cert}",
        "tidegate: the configuration has 2 faults",
    ]


def test_options_that_miss_each_other(pair, listen):
    code, _, err = ask("--test", *listen)
    assert code == 1
    assert err[0] == f"tidegate: --listen={listen[1]}: TLS needs a certificate and its key: tls_cert = FILE and tls_key = FILE"
    code, _, err = ask("--test", *listen, "--tls-cert", pair.cert)
    assert code == 1
    assert err[0].startswith(f"tidegate: --tls-cert={pair.cert}: its key is missing")
    code, _, err = ask("--test", *pair.options)
    assert code == 0
    assert err == [f"tidegate: warning: --tls-cert={pair.cert}: means nothing without a wss:// in listen, or admin_tls"]


@pytest.mark.skipif(not has_hooks(), reason="for a build with unit tests")
def test_one_that_ends(pair, listen):
    code, out, err = ask("--test", *listen, *pair.options, env=later(83.5))
    assert code == 0
    assert re.fullmatch(
        r"tidegate: warning: tls_cert: chat.example.org: it ends on \d{4}-\d\d-\d\d, in 6 days", err[0]
    )
    assert out[0].startswith("tidegate: the configuration is good, with 1 warning: ")
    code, _, err = ask("--test", *listen, *pair.options, env=later(91))
    assert code == 0
    assert re.search(r"warning: tls_cert: chat.example.org: it has ended on \S+: clients refuse it$", err[0])
    code, _, err = ask("--test", *listen, *pair.options, env=later(-2))
    assert code == 0
    assert re.search(r"warning: tls_cert: chat.example.org: it does not begin before \S+: clients refuse it$", err[0])


def test_a_slow_key(pair, listen):
    pair.make(rsa_bits=4096)
    code, _, err = ask("--test", *listen, *pair.options)
    assert code == 0
    assert re.match(rf"tidegate: warning: tls_cert: {pair.cert}: a signature of its key takes \d+\.\d ms, ", err[0])


def test_what_is_in_force_names_the_files(pair, listen):
    code, out, _ = ask("config", "--changed", *listen, *pair.options)
    assert code == 0
    assert [re.split(r" = |\s+# ", row) for row in out] == [
        ["listen", listen[1], "command line"],
        ["tls_cert", str(pair.cert), "command line"],
        ["tls_key", str(pair.key), "command line"],
    ]


# --- a start ------------------------------------------------------------------------------------


def test_no_start_with_what_does_not_fit(pair, listen):
    pair.cert.write_text(pair.cert.read_text()[:200])
    code, _, err = ask(*listen, *pair.options)
    assert code == 1
    assert err == [f"tidegate: tls_cert: {pair.cert}: broken PEM: it is damaged, or not written to its end"]


def test_each_name_has_its_pair(start, pair, tmp_path):
    others = Pair(tmp_path, "*.example.net", stem="b")
    gateway = start(*pair.options, *others.options, listen=[f"wss://127.0.0.1:{free_port()}"])
    assert shown(gateway, "chat.example.org") == pair.der()
    assert shown(gateway, "chat.example.net") == others.der()
    assert shown(gateway, "nobody.example.com") == pair.der()
    assert shown(gateway, None) == pair.der()


# --- a reload -----------------------------------------------------------------------------------


@pytest.fixture
def gateway(start, pair, tmp_path):
    config = tmp_path / "tidegate.conf"
    config.write_text(f"tls_cert = {pair.cert}\ntls_key = {pair.key}\n", encoding="utf-8")
    gateway = start("--config", config, listen=[f"wss://127.0.0.1:{free_port()}"])
    gateway.wait_for_line(r"tls_cert: 1 certificate, chat\.example\.org until \d{4}-\d\d-\d\d$")
    return gateway


def test_a_new_pair(gateway, pair):
    """Newcomers get it; who is in talks on."""
    before = pair.der()
    with Raw(connect(gateway)) as old:
        old.send(request())
        assert old.answer().status == 101
        pair.make("chat.example.net")
        assert shown(gateway) == before
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line(r"INFO .*tls_cert: 1 certificate, chat\.example\.net until ")
        assert shown(gateway) == pair.der() != before
        old.send(frame(PING, b"still there?"))
        assert old.frame().opcode == PONG


def test_a_broken_pair_and_a_good_one_again(gateway, pair):
    whole = pair.key.read_text()
    before = pair.der()
    pair.key.write_text(whole[:100])
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line(rf"ERROR .*tls_key: {pair.key}: the private key is damaged, or not written to its end$")
    gateway.wait_for_line(r"ERROR .*tls_cert: going on with the certificates of before$")
    assert shown(gateway) == before
    pair.key.write_text(whole)
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line(r"INFO .*tls_cert: the files are good again, with the certificates in force$")
    secrets = whole.splitlines()[1:-1]
    assert not [line for line in gateway.lines if any(secret in line for secret in secrets)]


def test_another_name_in_the_file(gateway, pair, tmp_path):
    Pair(tmp_path, "chat.example.net", stem="b")
    config = tmp_path / "tidegate.conf"
    text = config.read_text(encoding="utf-8")
    config.write_text(text.replace("/a.pem", "/b.pem").replace("/a.key", "/b.key"), encoding="utf-8")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line(r"reloaded: 2 options changed: tls_cert .*/a\.pem -> .*/b\.pem")
    gateway.wait_for_line(r"tls_cert: 1 certificate, chat\.example\.net until ")


def test_none_are_left_out_while_they_are_needed(gateway, tmp_path):
    (tmp_path / "tidegate.conf").write_text("", encoding="utf-8")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line(r"ERROR .*reload: --listen=wss://\S+: TLS needs a certificate and its key")
    gateway.wait_for_line(r"reload: the configuration has 1 fault; going on as before")


# --- by itself ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_within_a_minute(gateway, pair):
    """Nobody says that the files have changed. test_tls_store.c has this on a clock of its own."""
    pair.make("chat.example.net")
    gateway.wait_for_line(r"tls_cert: 1 certificate, chat\.example\.net until ", timeout=TIMEOUT + 65)

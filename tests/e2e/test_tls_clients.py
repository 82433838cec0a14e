"""TLS as others have written it, against ours: OpenSSL's, GnuTLS's and NSS's own tools, curl, and the client
libraries of test_clients, which bring Node's, Python's and Chromium's."""

import contextlib
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess

import pytest

from foreign import KINDS, Library
from gateway import free_port
from raw import PACKET_PING, PACKET_PONG, PACKET_TEXT, TEXT, Raw, packet
from tls import Pair, secure
from waiting import TIMEOUT, wait_until

NAME = "localhost"

PROGRAMS = {"s_client": "openssl", "gnutls-cli": "gnutls-cli", "tstclnt": "tstclnt"}


def tools(*names):
    """Parametrizes over command line tools; those that are not installed are skipped."""
    return [
        pytest.param(
            name,
            marks=pytest.mark.skipif(
                not shutil.which(PROGRAMS[name]), reason=f"{name} is missing: tools/setup --tests"
            ),
        )
        for name in names
    ]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("pair"), NAME)


@pytest.fixture(scope="module")
def gateway(start_for_module, pair):
    return start_for_module(*pair.options, listen=[f"wss://127.0.0.1:{free_port()}"])


@pytest.fixture
def bob(gateway, pair):
    """Python's."""
    with secure(gateway.socket(), pair.context(), NAME) as client:
        client.upgrade("/?user=bob")
        yield client


# --- tools that pass bytes through ----------------------------------------------------------------


class Piped:
    """A command that sends its standard input over TLS and writes what comes: in the place of a socket."""

    family = socket.AF_UNIX

    def __init__(self, command, errors):
        self.errors = pathlib.Path(errors)
        with open(errors, "wb") as file:
            self._process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=file
            )

    def sendall(self, data):
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def recv(self, most):
        poll = select.poll()
        poll.register(self._process.stdout, select.POLLIN)
        if not poll.poll(TIMEOUT * 1000):
            raise socket.timeout
        return os.read(self._process.stdout.fileno(), most)

    def gettimeout(self):
        return TIMEOUT

    def said(self):
        return self.errors.read_text(encoding="utf-8", errors="replace")

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()


def nss_store(pair, folder):
    """Where NSS finds whom it trusts."""
    folder.mkdir()
    subprocess.run(["certutil", "-N", "-d", f"sql:{folder}", "--empty-password"], check=True)
    trust = ["-t", "C,,", "-n", "test", "-i", pair.cert]
    subprocess.run(["certutil", "-A", "-d", f"sql:{folder}", *trust], check=True)
    return folder


def command_of(tool, gateway, pair, folder):
    port = gateway.port
    if tool == "s_client":
        return (
            f"openssl s_client -quiet -connect 127.0.0.1:{port} -servername {NAME} -verify_hostname {NAME}"
            f" -CAfile {pair.cert} -verify_return_error"
        ).split()
    if tool == "gnutls-cli":
        return (
            f"gnutls-cli --logfile {folder}/log --x509cafile {pair.cert} --sni-hostname {NAME}"
            f" --verify-hostname {NAME} --port {port} 127.0.0.1"
        ).split()
    store = nss_store(pair, folder / "nss")
    return f"tstclnt -d sql:{store} -V tls1.3:tls1.3 -h {NAME} -p {port} -4".split()


@pytest.fixture
def through(tmp_path, gateway, pair):
    """Opens a line by a tool: through("s_client", "-maxfraglen", 512)."""
    opened = []

    def run(tool, *options, without=()):
        command = [word for word in command_of(tool, gateway, pair, tmp_path) if word not in without]
        opened.append(Raw(Piped([*command, *options], tmp_path / "errors")))
        return opened[-1]

    yield run
    for client in opened:
        client.close_socket()


def talk(alice, bob):
    """Texts of all sizes both ways, a heartbeat, and a Close."""
    for size in (0, 1, 125, 126, 4096, 16384, 60000):
        text = ("0123456789abcdef" * (size // 16 + 1))[:size]
        alice.text(text)
        bob.expect_text(f"{text} -- FROM alice")
        bob.text(text)
        alice.expect_text(f"{text} -- FROM bob")
    alice.packet(PACKET_PING, b"beat")
    alice.expect_binary(packet(PACKET_PONG, b"beat"))
    alice.close()
    assert alice.frame().close_code == 1000


@pytest.mark.parametrize("tool", tools("s_client", "gnutls-cli", "tstclnt"))
def test_a_talk(through, bob, tool):
    alice = through(tool)
    alice.upgrade("/?user=alice")
    talk(alice, bob)
    if tool != "tstclnt":  # which stays as long as its input does
        alice.expect_end()


SUITES = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]


@pytest.mark.parametrize("suite", SUITES)
def test_each_suite(through, bob, suite):
    alice = through("s_client", "-ciphersuites", suite)
    alice.upgrade("/?user=alice")
    talk(alice, bob)


def records_in(log):
    """What comes, as s_client's -msg tells it: the lengths of records."""
    headers = re.findall(r"<<< [^\n]*RecordHeader \[length 0005\]\n\s+((?:[0-9a-f]{2} ?){5})", log)
    return [int.from_bytes(bytes.fromhex(header)[3:], "big") for header in headers]


@pytest.mark.parametrize("most", [512, 1024, 2048, 4096])
def test_short_records(through, tmp_path, bob, most):
    log = tmp_path / "messages"
    alice = through("s_client", "-maxfraglen", most, "-msg", "-msgfile", log)
    alice.upgrade("/?user=alice")
    talk(alice, bob)
    lengths = records_in(log.read_text(encoding="ascii"))
    assert max(lengths) == most + 17  # its kind and its tag


@pytest.mark.parametrize("letter", ["K", "k"])
def test_new_keys(through, tmp_path, bob, letter):
    """K has the client renew its key and ask for ours; k renews its own alone."""
    log = tmp_path / "messages"
    alice = through("s_client", "-brief", "-msg", "-msgfile", log, without=["-quiet"])
    alice.upgrade("/?user=alice")
    for number in range(5):
        alice.send(f"{letter}\n".encode())
        wait_until(lambda: alice.sock.said().count("KEYUPDATE") == number + 1, "the key is renewed")
        alice.text(f"before {number}")
        bob.expect_text(f"before {number} -- FROM alice")
        bob.text(f"after {number}")
        alice.expect_text(f"after {number} -- FROM bob")
    answers = re.findall(r"<<< [^\n]*KeyUpdate", log.read_text(encoding="ascii"))
    assert len(answers) == (5 if letter == "K" else 0)


# --- curl -----------------------------------------------------------------------------------------


def curl(gateway, pair, *options):
    command = ["curl", "-sS", "--cacert", pair.cert, "-w", "%{http_code} %{http_version}", "-o", os.devnull]
    url = f"https://{NAME}:{gateway.port}/?user=carol"
    return subprocess.run([*command, *options, url], capture_output=True, text=True, check=False)


def test_curl(gateway, pair):
    """It is told what to do instead, by HTTP/1.1: HTTP/2, which it prefers, is not agreed to."""
    answer = curl(gateway, pair, "-H", "Accept: application/json")
    assert (answer.returncode, answer.stdout) == (0, "426 1.1"), answer


def test_curl_without_what_we_speak(gateway, pair):
    assert curl(gateway, pair, "--tls-max", "1.2").returncode == 35
    assert curl(gateway, pair, "--curves", "P-384").returncode == 35


def test_curl_trusts_no_stranger(gateway, pair, tmp_path):
    assert curl(gateway, Pair(tmp_path, NAME)).returncode == 60


# --- libraries ------------------------------------------------------------------------------------


def url(gateway, user):
    return f"wss://{NAME}:{gateway.port}/?user={user}"


@pytest.fixture(scope="module", params=KINDS)
def library(request, pair):
    opened = Library(request.param, pair)
    yield opened
    opened.close()


def test_a_talk_of_libraries(gateway, library):
    alice, bob = library.open(url(gateway, "alice")), library.open(url(gateway, "bob"))
    for text in ("hello", "grüße 中文 😀", "0123456789abcdef" * 4000):
        alice.text(text)
        bob.expect_text(f"{text} -- FROM alice")
        bob.text(text)
        alice.expect_text(f"{text} -- FROM bob")
    alice.binary(packet(PACKET_TEXT, b"a packet"))
    bob.expect_binary(packet(PACKET_TEXT, b"a packet -- FROM alice"))
    alice.close()
    assert alice.expect_close()[0] == 1000
    library.forget()


def test_many_lines_of_a_library(gateway, library):
    lines = [library.open(url(gateway, f"user-{number}")) for number in range(20)]
    lines[0].text("to all")
    for line in lines[1:]:
        line.expect_text("to all -- FROM user-0")
    library.forget()


@pytest.mark.parametrize("kind", KINDS)
def test_libraries_trust_no_stranger(gateway, kind):
    library = Library(kind)
    try:
        line = library.dial(url(gateway, "alice"))
        assert line.expect_close()[0] == 1006
    finally:
        library.close()


def test_a_frame_in_pieces_of_records(gateway, pair, bob):
    """Each byte of a frame in a record of its own: no kind of client does that, and all may."""
    with secure(gateway.socket(), pair.context(), NAME) as alice:
        alice.upgrade("/?user=alice", chunk=1)
        alice.send_frame(TEXT, b"byte by byte", chunk=1)
        bob.expect_text("byte by byte -- FROM alice")

"""Whoever comes to a listener that speaks TLS, up to the open line: who is let in, who is refused, and how."""

import contextlib
import re
import socket
import ssl

import pytest

from gateway import free_port
from raw import TEXT, frame, request
from tls import ALERT, Handshake, Pair, secure
from waiting import TIMEOUT, wait_until

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("pair"))


@pytest.fixture
def serve_tls(serve, pair):
    """serve, at a port for TLS."""

    def run(*options, front="", **more):
        listen = [f"{front}wss://{HOST}:{free_port()}"]
        return serve(*pair.options, *options, listen=listen, **more)

    return run


def ends(admin, reason):
    return admin.metrics()[f'tidegate_ends_total{{reason="{reason}"}}']


def handshakes(admin, result):
    return admin.metrics()[f'tidegate_tls_handshakes_total{{result="{result}"}}']


def enter(gateway, pair, user="alice", **options):
    client = secure(gateway.socket(**options), pair.context())
    client.upgrade(f"/?user={user}")
    return client


# --- in -----------------------------------------------------------------------------------------


def test_a_session(serve_tls, pair):
    gateway, admin = serve_tls()
    gateway.wait_for_line(rf"started: .*wss://{HOST}:{gateway.port}/")
    with enter(gateway, pair) as alice, enter(gateway, pair, "bob") as bob:
        assert alice.sock.version() == "TLSv1.3"
        bob.text("hello")
        alice.expect_text("hello -- FROM bob")
        alice.ping(b"?")
        alice.expect_pong(b"?")
        assert handshakes(admin, "done") == 2
        assert admin.metrics()['tidegate_tls_lines{suite="aes_128_gcm"}'] == 2
        assert admin.get("/v1/status").json["ws_tls"] is True
        assert admin.get("/v1/status").json["listen"] == [f"wss://{HOST}:{gateway.port}"]
        alice.close()
        alice.expect_close(1000)
    wait_until(lambda: ends(admin, "peer_close") == 1, "alice is gone")
    wait_until(lambda: admin.metrics()['tidegate_tls_lines{suite="aes_128_gcm"}'] == 0, "and bob")


def test_all_at_once_and_byte_by_byte(serve_tls, pair):
    """The request and a first text leave with the end of the handshake; the hello comes in pieces of one byte."""
    gateway, admin = serve_tls()
    with gateway.socket() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        handshake = Handshake(pair.context())
        for byte in handshake.hello:
            sock.sendall(bytes([byte]))
        finished = handshake.finish(sock)
        handshake.line.write(request("/?user=alice") + frame(TEXT, b"hello"))
        sock.sendall(finished + handshake.sent.read())
        answer = b""
        while b"\r\n\r\n" not in answer:
            handshake.arrived.write(sock.recv(65536))
            with contextlib.suppress(ssl.SSLWantReadError):
                answer += handshake.line.read(65536)
        assert answer.startswith(b"HTTP/1.1 101 ")
        wait_until(lambda: admin.metrics()["tidegate_messages_received_total"] == 1, "her text has come")


def test_behind_a_proxy(serve_tls, pair):
    gateway, _ = serve_tls("--trusted-proxy", HOST, front="proxy:")
    with gateway.socket() as sock:
        sock.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n")
        with secure(sock, pair.context()) as client:
            client.upgrade("/?user=alice")
            gateway.wait_for_line(r"alice.*192\.0\.2\.7:4711")


def test_a_slow_signature(serve, tmp_path):
    """Of RSA-4096: a thread makes it, and the log says that it is slow."""
    pair = Pair(tmp_path, rsa_bits=4096)
    gateway, admin = serve(*pair.options, listen=[f"wss://{HOST}:{free_port()}"])
    with contextlib.ExitStack() as clients:
        for number in range(20):
            clients.enter_context(enter(gateway, pair, f"user-{number}"))
        assert handshakes(admin, "done") == 20
    assert admin.metrics()["tidegate_tls_handshakes_half"] == 0


# --- refused ------------------------------------------------------------------------------------


def test_in_plain(serve_tls):
    gateway, admin = serve_tls()
    with gateway.raw() as client:
        client.send(request())
        answer = client.refusal()
    assert (answer.status, answer.body) == (400, b"Plain HTTP on a port for TLS: use wss://.\n")
    gateway.wait_for_line("INFO.*refused with 400: Plain HTTP on a port for TLS: use wss://")
    with gateway.raw() as client:
        client.send(b"SSH-2.0-OpenSSH_9.2p1\r\n")
        client.expect_end()
    gateway.wait_for_line("INFO.*no TLS with .*: SSH on a port for WebSockets")
    wait_until(lambda: ends(admin, "tls_plain") == 2, "both are counted")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_an_older_version(serve_tls, pair):
    gateway, admin = serve_tls()
    with gateway.socket() as sock, pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        secure(sock, pair.context(maximum_version=ssl.TLSVersion.TLSv1_2))
    gateway.wait_for_line("INFO.*no TLS with .*: the client does not speak TLS 1.3")
    wait_until(lambda: ends(admin, "tls_version") == 1, "it is counted")
    assert handshakes(admin, "failed") == 1


def test_a_client_that_does_not_trust_it(serve_tls):
    gateway, admin = serve_tls()
    with gateway.socket() as sock, pytest.raises(ssl.SSLCertVerificationError):
        secure(sock, ssl.create_default_context())
    wait_until(lambda: ends(admin, "tls_alert") == 1, "its alert is counted")


def test_without_a_word(serve_tls, pair):
    """Who hangs up is no failure before he has begun, and one in the middle."""
    gateway, admin = serve_tls("--handshake-deadline", 1)
    gateway.socket().close()
    wait_until(lambda: ends(admin, "peer_eof") == 1, "it was only a look")
    with gateway.socket() as sock:
        sock.sendall(Handshake(pair.context()).hello)
        assert sock.recv(65536)
    wait_until(lambda: ends(admin, "tls_handshake") == 1, "it was given up")
    with gateway.socket() as silent, gateway.socket() as half:
        handshake = Handshake(pair.context())
        half.sendall(handshake.hello)
        assert handshake.finish(half)  # which is kept
        assert silent.recv(65536) == b""
        # By then it could make nothing of an alert in clear.
        handshake.arrived.write(half.recv(65536))
        with pytest.raises(ssl.SSLError, match="alert internal error"):
            handshake.line.read()
        assert half.recv(65536) == b""
    assert ends(admin, "handshake_timeout") == 2


@pytest.mark.release  # a sanitized gateway shakes hands with fewer than 50 a second anyway
def test_at_the_limit(serve_tls, pair):
    """A few are told 503, which takes a handshake; the others by an alert ahead of one."""
    gateway, admin = serve_tls("--max-connections", 1)
    first = Handshake(pair.context()).hello
    with enter(gateway, pair), contextlib.ExitStack() as crowd:
        with secure(gateway.socket(), pair.context()) as client:
            client.send(request("/?user=bob"))
            assert client.refusal().status == 503
        alerts = 0
        # All at once: 50 a second have a handshake.
        waiting = [crowd.enter_context(gateway.socket()) for _ in range(100)]
        for sock in waiting:
            with contextlib.suppress(OSError):
                sock.sendall(first)
        for sock in waiting:
            alerts += sock.recv(len(ALERT)) == ALERT
        assert alerts >= 10
        refused = handshakes(admin, "refused") + admin.metrics()["tidegate_accept_refused_total"]
        assert refused >= alerts


def test_too_many_of_an_address(serve_tls, pair):
    gateway, _ = serve_tls("--per-ip-connections", 1)
    with enter(gateway, pair), secure(gateway.socket(), pair.context()) as client:
        client.upgrade("/?user=bob")
        client.expect_close(1013, re.compile(r"retry_ms=\d+"), end=False)
    gateway.wait_for_line("has more connections than per_ip_connections allows")


def test_a_drain(serve_tls, pair):
    gateway, admin = serve_tls(drain=TIMEOUT)
    with enter(gateway, pair), enter(gateway, pair, "bob"):
        assert admin.post("/v1/drain").status in (200, 202, 204)
        with secure(gateway.socket(), pair.context()) as client:
            client.send(request("/?user=carol"))
            assert client.refusal().status == 503


def test_the_end_of_the_stream(serve_tls, pair):
    """Without close_notify it is cut off, with it is the client's end."""
    gateway, admin = serve_tls()
    alice, bob = enter(gateway, pair), enter(gateway, pair, "bob")
    alice.close_socket()
    wait_until(lambda: ends(admin, "tls_truncated") == 1, "alice is gone")
    with contextlib.suppress(ssl.SSLError, OSError):
        bob.sock.unwrap()
    wait_until(lambda: ends(admin, "peer_eof") == 1, "bob has left")
    bob.close_socket()

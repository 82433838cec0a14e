"""Lines over TLS at a hand-over: keys, numbers, half records and what is left of whole ones go along."""

import contextlib
import socket
import threading

import pytest

from admin import TOKEN, Admin
from gateway import free_port
from handover import hand_over
from raw import CONTINUATION, PACKET_TEXT, PING, TEXT, Raw, frame, packet, request
from test_handover_bytes import KIB, MIB, frames_up_to, send_and_wait
from test_tls_clients import SUITES, Piped, command_of
from test_tls_faults import send_up_to
from tls import NAME, Pair
from tls_records import DATA, Records
from waiting import wait_until

pytestmark = pytest.mark.threads

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("pair"), NAME, "localhost")


@pytest.fixture
def serve_tls(serve, pair):
    """A gateway for TLS, and who asks its admin port."""

    def run(*options):
        return serve(*options, pair=pair, listen=[f"wss://{HOST}:{free_port()}"])

    return run


@pytest.fixture
def enter(pair, tmp_path):
    """Logs in on a line whose records are our own: enter(gateway, "alice") -> Raw over Records."""
    lines = []

    def run(gateway, user):
        sock = gateway.socket()
        lines.append(Raw(Records(sock, pair.context(), tmp_path / f"keys-{len(lines)}")))
        lines[-1].upgrade(f"/?user={user}")
        return lines[-1]

    yield run
    for line in lines:
        line.close_socket()


class Gate:
    """Between one client and the gateway: lets so many more bytes of the client's through, then keeps the rest."""

    def __init__(self, port):
        self._gateway_port, self._budget = port, None
        self._is_shut = False
        self._news = threading.Condition()
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.allow(None)
        self._listener.close()

    def allow(self, budget):
        """None: all there is."""
        with self._news:
            self._budget = budget
            self._news.notify_all()

    def is_shut(self):
        """All that was allowed has passed, and more is there."""
        return self._is_shut

    def _take(self, size):
        """How many of `size` bytes may pass, one at least."""
        with self._news:
            self._is_shut = self._budget == 0
            self._news.wait_for(lambda: self._budget != 0)
            self._is_shut = False
            if self._budget is None:
                return size
            taken = min(size, self._budget)
            self._budget -= taken
            return taken

    def _run(self):
        with contextlib.suppress(OSError), self._listener.accept()[0] as near, socket.create_connection((HOST, self._gateway_port)) as far:
            threading.Thread(target=self._back, args=(near, far), daemon=True).start()
            while data := near.recv(1 << 16):
                while data:
                    count = self._take(len(data))
                    far.sendall(data[:count])
                    data = data[count:]

    @staticmethod
    def _back(near, far):
        with contextlib.suppress(OSError):
            while data := far.recv(1 << 16):
                near.sendall(data)


# --- lines that are open --------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("cut", [1, 5, 6, 700, 15900])
def test_each_suite_with_a_half_record(serve_tls, pair, tmp_path, suite, cut):
    """OpenSSL's own client, of whose record so many bytes have come."""
    gateway, admin = serve_tls()
    bob = gateway.login("bob")
    with Gate(gateway.port) as between:
        command = [*command_of("s_client", between, pair, tmp_path), "-ciphersuites", suite]
        with Raw(Piped(command, tmp_path / "errors")) as alice:
            alice.upgrade("/?user=alice")
            alice.round_trip()
            between.allow(cut)
            alice.text("x" * 16000)
            wait_until(between.is_shut, "the half is on its way")
            hand_over(gateway, admin)
            between.allow(None)
            bob.expect_text("x" * 16000 + " -- FROM alice")
            for number in range(2):
                bob.text(f"{number}" * 20000)
                alice.expect_text(f"{number}" * 20000 + " -- FROM bob")
                alice.round_trip()
                hand_over(gateway, admin)
            alice.is_alive()


def test_a_chat(serve_tls):
    gateway, admin = serve_tls("--workers", 3)
    clients = [gateway.login(f"user{number}") for number in range(12)]
    for number in range(3):
        clients[number].text("x" * 30000)
        for client in clients:
            if client is not clients[number]:
                client.expect_text("x" * 30000 + f" -- FROM user{number}")
            client.round_trip()
        assert hand_over(gateway, admin)[0] == 12
    figures = admin.metrics()
    assert sum(value for name, value in figures.items() if name.startswith("tidegate_tls_lines{")) == 12
    assert figures['tidegate_tls_handshakes_total{result="done"}'] == 12, "nobody shook hands again"


def test_records_cut_anywhere(serve_tls, enter):
    """A line for each place, in the header, the text and the tag of a record."""
    gateway, admin = serve_tls()
    bob, senders = gateway.login("bob"), []
    for cut in (1, 4, 5, 6, 20, -17, -16, -1):
        sender = enter(gateway, f"user{len(senders)}")
        record = sender.sock.write.seal(frame(TEXT, b"hello") + bytes([DATA]))
        sender.sock.sock.sendall(record[:cut])
        senders.append((sender, record[cut:]))
    hand_over(gateway, admin)
    for number, (sender, rest) in enumerate(senders):
        sender.sock.sock.sendall(rest)
        bob.expect_text(f"hello -- FROM user{number}")
        assert frames_up_to(sender, b"the end") == []


def test_half_frames_and_messages_in_records(serve_tls, enter):
    """The record is whole and opened; what was in it ends in the middle of a frame."""
    gateway, admin = serve_tls("--max-message", 2 * MIB, "--tx-queue-limit", 16 * MIB)
    bob, data = gateway.login("bob"), frame(TEXT, b"y" * MIB, fin=False) + frame(CONTINUATION, b"z" * 5000)
    cuts = (1, 3, 8, 5000, MIB // 2, MIB + 20)
    senders = [enter(gateway, f"user{number}") for number in range(len(cuts))]
    for sender, cut in zip(senders, cuts, strict=True):
        send_and_wait(admin, sender, data[:cut])
    hand_over(gateway, admin)
    for number, (sender, cut) in enumerate(zip(senders, cuts, strict=True)):
        sender.send(data[cut:])
        assert bob.message() == (TEXT, b"y" * MIB + b"z" * 5000 + b" -- FROM user%d" % number)
        assert frames_up_to(sender, b"the end") == []


def test_keys_that_were_updated(serve_tls, enter):
    gateway, admin = serve_tls()
    alice, bob = enter(gateway, "alice"), gateway.login("bob")
    for number in range(3):
        alice.sock.update_key(asks=True)
        alice.text(f"before {number}")
        bob.expect_text(f"before {number} -- FROM alice")
        bob.text("x" * 20000)
        alice.expect_text("x" * 20000 + " -- FROM bob")
        hand_over(gateway, admin)
        alice.round_trip()


def test_a_record_that_was_sealed_and_not_sent(serve_tls):
    """A queue of who reads slowly: what is left of its last record goes on where it was, and none is sealed twice."""
    gateway, admin = serve_tls("--tx-queue-limit", 16 * MIB, "--max-message", 4 * MIB)
    deaf, speaker = gateway.login("deaf", receive_buffer=4 * KIB), gateway.login("speaker")
    text = "0123456789abcdef" * (3 * MIB // 16)
    speaker.text(text)
    wait_until(lambda: 0 < admin.user("deaf")["queue_bytes"] < len(text), "it is half sent")
    for _ in range(3):
        hand_over(gateway, admin)
    deaf.expect_text(f"{text} -- FROM speaker")
    deaf.round_trip()


def test_an_end_behind_it_says_goodbye(serve_tls):
    gateway, admin = serve_tls()
    alice = gateway.login("alice")
    hand_over(gateway, admin)
    assert admin.delete("/v1/users/alice").status == 204
    alice.expect_close(4003, "disconnected")


# --- lines that are not yet open ------------------------------------------------------------------


def test_newcomers_that_have_said_nothing(serve_tls, pair):
    """They shake hands with the taker."""
    gateway, admin = serve_tls()
    silent = [gateway.socket() for _ in range(8)]
    wait_until(lambda: admin.status()["totals"]["connections"] == 8, "they are there")
    hand_over(gateway, admin)
    for number, sock in enumerate(silent):
        with Raw(pair.context().wrap_socket(sock, server_hostname=NAME)) as client:
            client.upgrade(f"/?user=user{number}")
            client.round_trip()


def test_an_opening_half_sent(serve_tls, enter):
    gateway, admin = serve_tls()
    client, head = gateway.raw(), request("/?user=alice")
    send_and_wait(admin, client, head[:40])
    hand_over(gateway, admin)
    client.upgrade(head=head[40:])
    client.send(frame(PING, b"here"))
    client.expect_pong(b"here")
    client.send(frame(0x2, packet(PACKET_TEXT, b"to all")))
    client.round_trip()


def test_half_handshakes_are_reset_and_counted(serve_tls, pair):
    """They cannot move: whoever is in one comes back. Nobody else is held up."""
    gateway, admin = serve_tls()
    alice, half = gateway.login("alice"), Raw(gateway.socket())
    send_up_to(half, pair, 1, 5)
    wait_until(lambda: admin.metrics()["tidegate_tls_handshakes_half"] == 1, "it is half way")
    hand_over(gateway, admin)
    with contextlib.suppress(ConnectionResetError):
        assert half.sock.recv(1 << 16) == b""
    alice.round_trip()
    assert admin.metrics()["tidegate_tls_handshakes_half"] == 0
    gateway.login("late").round_trip()


def test_a_renewed_certificate_is_taken_along(serve_tls, pair):
    """The taker reads the files; lines of before go on with what they have."""
    gateway, admin = serve_tls()
    alice = gateway.login("alice")
    old = pair.der()
    pair.make(NAME, "localhost")
    try:
        hand_over(gateway, admin)
        alice.round_trip()
        late = gateway.login("late")
        assert late.sock.getpeercert(binary_form=True) == pair.der() != old
    finally:
        late.close_socket()


def test_the_admin_port_with_tls(start, pair, token_file):
    options = ["--admin", f"{HOST}:0", "--admin-token", token_file, "--admin-tls", *pair.options]
    gateway = start(*options)
    with Admin(gateway, TOKEN, pair.context()) as admin:
        assert admin.status()["totals"]["users"] == 0
        gateway.login("alice")
        hand_over(gateway, admin)
        assert admin.status()["totals"]["users"] == 1

"""Clients that break TLS: each ends its own line, is told why by an alert where the protocol has one for it, and is
counted; everybody else talks on."""

import contextlib
import pathlib
import resource
import signal
import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import tls_records as tls
from gateway import free_port
from raw import BINARY, Gone, Raw, frame, request
from tls import Handshake, Pair
from tls_records import DATA, HANDSHAKE, KEY_UPDATE, PLAIN_MAX, Records
from waiting import TIMEOUT, wait_until

HOST = "127.0.0.1"
MIB = 1 << 20


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("pair"))


class Crowd:
    """A gateway for TLS on which alice and bob talk, whatever others do."""

    def __init__(self, gateway, admin, pair, folder):
        self.gateway, self.admin, self.pair, self.folder = gateway, admin, pair, folder
        self.count = 0
        self.alice, self.bob = self.enter("alice"), self.enter("bob")

    def line(self):
        """A line that is open, for records of all kinds."""
        self.count += 1
        return Records(self.gateway.socket(), self.pair.context(), self.folder / f"keys-{self.count}")

    def enter(self, user):
        client = Raw(self.line())
        client.upgrade(f"/?user={user}")
        return client

    def check(self):
        """They talk on."""
        self.count += 1
        self.bob.text(f"still here {self.count}")
        self.alice.expect_text(f"still here {self.count} -- FROM bob")

    def ends(self, reason):
        return self.admin.metrics()[f'tidegate_ends_total{{reason="{reason}"}}']

    def wait_for_ends(self, reason, count):
        wait_until(lambda: self.ends(reason) == count, f"{count} lines have ended by {reason}")

    def metric(self, name):
        return self.admin.metrics()[name]


@pytest.fixture
def crowd(serve, pair, tmp_path):
    """Starts a gateway: crowd("--memory-limit", …) -> Crowd."""
    crowds = []

    def run(*options, **more):
        listen = [f"wss://{HOST}:{free_port()}"]
        crowds.append(Crowd(*serve(*pair.options, *options, listen=listen, **more), pair, tmp_path))
        return crowds[-1]

    yield run
    for each in crowds:
        each.alice.close_socket()
        each.bob.close_socket()


# --- in the middle of a handshake ---------------------------------------------------------------


def send_up_to(client, pair, flight, cut):
    """So much of the first or the second flight of a client."""
    handshake = Handshake(pair.context())
    if flight == 0:
        client.send(handshake.hello[:cut])
    else:
        client.send(handshake.hello)
        client.send(handshake.finish(client.sock)[:cut])


@pytest.mark.threads
def test_a_client_that_stops_anywhere(crowd, pair):
    """In its hello and in its Finished; by its FIN, and by a reset."""
    here = crowd()
    stops = 0
    for flight, cuts in ((0, (1, 4, 5, 6, 43, 100, -1)), (1, (1, 5, 6, 11, 30, -1))):
        for cut in cuts:
            for resets in (False, True):
                client = Raw(here.gateway.socket())
                send_up_to(client, pair, flight, cut)
                client.reset() if resets else client.close_socket()
                stops += 1
        here.check()
    wait_until(
        lambda: here.ends("tls_handshake") + here.ends("peer_eof") + here.ends("peer_reset") == stops,
        "all of them have gone",
    )
    assert here.metric("tidegate_tls_handshakes_half") == 0
    assert here.metric('tidegate_tls_handshakes_total{result="done"}') == 2
    here.check()


def test_a_client_that_waits_anywhere(crowd, pair):
    """It is let go of when its time is over, in the middle of a hello and of a Finished."""
    here = crowd("--handshake-deadline", 1)
    with contextlib.ExitStack() as clients:
        for flight, cut in ((0, 1), (0, 5), (0, 100), (1, 0), (1, 7)):
            client = clients.enter_context(Raw(here.gateway.socket()))
            send_up_to(client, pair, flight, cut)
        here.wait_for_ends("handshake_timeout", 5)
    assert here.metric("tidegate_tls_handshakes_half") == 0
    here.check()


def openssl(command, *arguments):
    """One of its programs, running."""
    return subprocess.Popen(
        ["openssl", command, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def session_of_elsewhere(pair, session, *options):
    """A session with a server of others, which early data may be sent in; written to a file."""
    port = free_port()
    with openssl("s_server", "-accept", port, "-early_data", "-cert", pair.cert, "-key", pair.key) as server:
        while b"ACCEPT" not in server.stdout.readline():
            assert server.poll() is None
        with openssl("s_client", "-connect", f"{HOST}:{port}", "-sess_out", session, *options) as client:
            wait_until(lambda: session.exists() and b"END SSL SESSION" in session.read_bytes(), "it is written")
            client.kill()
        server.kill()


def test_early_data(crowd, pair, tmp_path):
    """With a session of elsewhere: it is refused, and the line is as good as any other."""
    here, session, early = crowd(), tmp_path / "session", tmp_path / "early"
    options = ["-servername", "chat.example.org", "-CAfile", pair.cert]
    session_of_elsewhere(pair, session, *options)
    early.write_bytes(request("/?user=mallory"))
    where = ["-connect", f"{HOST}:{here.gateway.port}"]
    with openssl("s_client", *where, "-sess_in", session, "-early_data", early, "-ign_eof", *options) as client:
        # A request that is refused, and so ended by the gateway.
        said, _ = client.communicate(request("/?user=carol", without=["Upgrade"]), timeout=TIMEOUT)
    assert b"Early data was rejected" in said
    assert b"New, TLSv1.3" in said
    assert b"HTTP/1.1 4" in said
    assert not here.gateway.matching("mallory")
    here.check()


# --- records ------------------------------------------------------------------------------------


def spoil(record, at):
    return record[:at] + bytes([record[at] ^ 1]) + record[at + 1 :]


def seal(kind, content=b"", padding=0):
    """Sends one record."""
    return lambda line: line.send(kind, content, padding)


def plain(text):
    """Sends bytes as they are."""
    return lambda line: line.sock.sendall(bytes.fromhex(text))


def spoilt(at):
    """Sends a good record of which a bit is another."""
    return lambda line: line.sock.sendall(spoil(line.write.seal(b"hello" + bytes([DATA])), at))


def twice(line):
    """Sends the same record again."""
    record = line.write.seal(b"\x17")
    line.sock.sendall(record + record)


def skipped(line):
    line.write.number += 1
    line.send(DATA, b"hello")


def many(count, *record):
    def send(line):
        for _ in range(count):
            seal(*record)(line)

    return send


def updates(count, asks):
    def send(line):
        for _ in range(count):
            line.update_key(asks)

    return send


def too_much(line):
    line.sock.sendall(line.write.seal(bytes(PLAIN_MAX + 200) + bytes([DATA])))


FAULTS = {
    "a bit of the tag": (spoilt(-1), tls.BAD_RECORD_MAC),
    "a bit of what is sealed": (spoilt(5), tls.BAD_RECORD_MAC),
    "a bit of the outer version": (spoilt(2), tls.BAD_RECORD_MAC),
    "twice": (twice, tls.BAD_RECORD_MAC),
    "one left out": (skipped, tls.BAD_RECORD_MAC),
    "no room for a tag": (plain("17 0303 000f"), tls.BAD_RECORD_MAC),
    "nothing at all": (plain("17 0303 0000"), tls.BAD_RECORD_MAC),
    "too long": (plain("17 0303 4101"), tls.RECORD_OVERFLOW),
    "too much in it": (too_much, tls.RECORD_OVERFLOW),
    "too much padding": (seal(DATA, b"", PLAIN_MAX + 100), tls.RECORD_OVERFLOW),
    "zeros only": (seal(0, bytes(50)), tls.UNEXPECTED_MESSAGE),
    "an unknown kind": (seal(24, b"\x01\x00\x01x"), tls.UNEXPECTED_MESSAGE),
    "a sealed change_cipher_spec": (seal(tls.CHANGE_CIPHER_SPEC, b"\x01"), tls.UNEXPECTED_MESSAGE),
    "a change_cipher_spec": (plain("14 0303 0001 01"), tls.UNEXPECTED_MESSAGE),
    "an alert in plain": (plain("15 0303 0002 0228"), tls.UNEXPECTED_MESSAGE),
    "a handshake in plain": (plain("16 0303 0001 01"), tls.UNEXPECTED_MESSAGE),
    "plain HTTP": (lambda line: line.sock.sendall(request()), tls.UNEXPECTED_MESSAGE),
    "an empty handshake": (seal(HANDSHAKE), tls.UNEXPECTED_MESSAGE),
    "a hello again": (seal(HANDSHAKE, bytes([1, 0, 0, 2, 3, 3])), tls.UNEXPECTED_MESSAGE),
    "a certificate nobody asked for": (seal(HANDSHAKE, bytes([11, 0, 0, 4, 0, 0, 0, 0])), tls.UNEXPECTED_MESSAGE),
    "a KeyUpdate of no kind": (seal(HANDSHAKE, KEY_UPDATE + b"\x02"), tls.ILLEGAL_PARAMETER),
    "a long KeyUpdate": (seal(HANDSHAKE, bytes([24, 0, 0, 2, 0, 0])), tls.DECODE_ERROR),
    "more behind a KeyUpdate": (seal(HANDSHAKE, KEY_UPDATE + b"\0" + KEY_UPDATE + b"\0"), tls.UNEXPECTED_MESSAGE),
    "data within a KeyUpdate": (
        lambda line: (seal(HANDSHAKE, KEY_UPDATE)(line), seal(DATA, b"x")(line)),
        tls.UNEXPECTED_MESSAGE,
    ),
    "an empty alert": (seal(tls.ALERT), tls.UNEXPECTED_MESSAGE),
    "half an alert": (seal(tls.ALERT, b"\x02"), tls.DECODE_ERROR),
    "two alerts in one": (seal(tls.ALERT, b"\x01\x5a\x01\x00"), tls.DECODE_ERROR),
    "33 empty records": (many(33, DATA), tls.UNEXPECTED_MESSAGE),
    "33 KeyUpdates": (updates(33, False), tls.UNEXPECTED_MESSAGE),
    "33 that something is not wanted any more": (many(33, tls.ALERT, b"\x01\x5a"), tls.UNEXPECTED_MESSAGE),
}


@pytest.mark.threads
def test_records_of_every_wrong_kind(crowd):
    """Before the 101 and behind it."""
    here = crowd()
    for number, (fault, (send, alert)) in enumerate(FAULTS.items(), 1):
        with contextlib.closing(here.line()) as line:
            send(line)
            try:
                line.expect_alert(alert)
            except AssertionError as error:
                raise AssertionError(f"{fault}: {error}") from error
        here.wait_for_ends("tls_record", 2 * number - 1)
        with contextlib.closing(here.enter("mallory").sock) as line:
            send(line)
            try:
                line.expect_alert(alert)
            except AssertionError as error:
                raise AssertionError(f"{fault}, behind the 101: {error}") from error
        here.wait_for_ends("tls_record", 2 * number)
        here.check()


def test_every_alert(crowd):
    """Whatever its level, each but two ends the line, and is counted."""
    here = crowd()
    others = set(range(256)) - {tls.CLOSE_NOTIFY, tls.USER_CANCELED}
    for number in others:
        with contextlib.closing(here.line()) as line:
            line.alert(number, level=number % 4)
            with contextlib.suppress(ConnectionResetError):
                assert line.sock.recv(1) == b""  # it is not answered
    here.wait_for_ends("tls_alert", len(others))
    with here.enter("mallory") as mallory:
        mallory.sock.alert(tls.USER_CANCELED, tls.WARNING)
        mallory.round_trip()
        mallory.sock.alert(tls.CLOSE_NOTIFY, tls.WARNING)
        assert mallory.sock.receive() == (tls.ALERT, bytes([tls.WARNING, tls.CLOSE_NOTIFY]))
    here.wait_for_ends("peer_eof", 1)
    here.check()


def test_keys_that_are_updated(crowd):
    """Again and again, with something said in between: both directions go on, and hear each other."""
    here = crowd()
    with here.enter("carol") as carol:
        for round_trips in range(100):
            carol.sock.update_key(asks=round_trips % 3 == 0)
            carol.round_trip(payload=b"x" * round_trips)
        before = carol.sock.read.secret
        carol.sock.update_key(asks=True)
        carol.round_trip()
        assert carol.sock.read.secret != before
    here.check()


def test_a_flood_of_key_updates(crowd):
    """Each asks for an answer. Whoever sends on without reading ends, and what he was owed is not heaped up."""
    here = crowd()
    before = here.gateway.rss()
    for number in range(1, 6):
        with contextlib.closing(here.line()) as line:
            with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                for _ in range(5000):
                    line.update_key(asks=True)
        here.wait_for_ends("tls_record", number)
    here.check()
    assert here.gateway.rss() - before < 8 * MIB


def test_a_record_in_pieces(crowd):
    """Each byte of one comes alone, and one that holds the end of a frame and the beginning of the next."""
    here = crowd()
    with here.enter("carol") as carol:
        for byte in carol.sock.write.seal(frame(BINARY, bytes([0, 100, 0, 0, 0, 0])) + bytes([DATA])):
            carol.sock.sock.sendall(bytes([byte]))
        carol.expect_binary(bytes([0, 101, 0, 0, 0, 0]))
        ping = frame(BINARY, bytes([0, 100, 0, 0, 0, 0]))
        carol.sock.send(DATA, ping[:3])
        carol.sock.send(DATA, ping[3:] + ping[:5])
        carol.sock.send(DATA, ping[5:], padding=300)
        for _ in range(2):
            carol.expect_binary(bytes([0, 101, 0, 0, 0, 0]))


# --- memory -------------------------------------------------------------------------------------


def test_the_memory_limit_in_the_middle(crowd):
    """Records and hellos of which the most has come: whoever holds the most goes, and others come in and talk."""
    here = crowd("--memory-limit", "1M", "--handshake-deadline", 600)
    record = bytes([DATA, 3, 3, 0x40, 0]) + bytes(16000)
    begun = bytes.fromhex("16 0301 2000 01") + bytes(4000)
    with contextlib.ExitStack() as stack:
        for number in range(200):
            client = here.enter(f"user-{number}") if number % 4 else Raw(here.gateway.socket())
            stack.callback(client.close_socket)
            with contextlib.suppress(Gone):
                client.sock.sock.sendall(record) if number % 4 else client.send(begun)
            if number % 20 == 0:
                here.check()
        wait_until(lambda: here.ends("overloaded") > 50, "some have gone")
        wait_until(lambda: here.metric("tidegate_queue_bytes") <= MIB, "memory is within its limit")
        here.check()
        with here.enter("late") as late:
            late.round_trip()


# --- secrets ------------------------------------------------------------------------------------


def secrets_of(lines, pair):
    """{what it is: its bytes}, of open lines and of the pair."""
    found = {}
    for number, line in enumerate(lines):
        for name, half in (("read", line.write), ("write", line.read)):
            found[f"{name} secret of line {number}"] = half.secret
            found[f"{name} key of line {number}"] = half.key
            found[f"{name} secret of line {number}, as text"] = half.secret.hex().encode()
    key = load_pem_private_key(pair.key.read_bytes(), None).private_numbers().private_value.to_bytes(32, "big")
    found["private key"] = key
    found["private key, as OpenSSL has it"] = key[::-1]
    for number, text in enumerate(pair.key.read_text(encoding="ascii").splitlines()[1:-1]):
        found[f"line {number} of the key's file"] = text.encode()
    return found


def mappings(pid):
    """(first address, last, whether a core dump has it) of what the process may write."""
    place = None
    for line in pathlib.Path(f"/proc/{pid}/smaps").read_text(encoding="utf-8").splitlines():
        words = line.split()
        if "-" in words[0] and len(words[1]) == 4:
            place = [int(end, 16) for end in words[0].split("-")] if "w" in words[1] else None
        elif words[0] == "VmFlags:" and place:
            yield *place, "dd" not in words


def memory(pid, dumped):
    """What a core dump would have of the process, or what it would not."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for first, last, is_dumped in mappings(pid):
            if is_dumped == dumped:
                with contextlib.suppress(OSError, ValueError):
                    file.seek(first)
                    yield file.read(last - first)


def check_a_core(gateway, folder, secrets):
    """The kernel's own, where it leaves one in the folder of the process."""
    gateway.signal(signal.SIGCONT)
    gateway.signal(signal.SIGABRT)
    gateway.assert_ends(-signal.SIGABRT)
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii")
    if pattern.startswith("|") or "/" in pattern:
        return  # it goes elsewhere; the memory was searched by the same marks
    cores = list(folder.glob("core*"))
    assert len(cores) == 1
    core = cores[0].read_bytes()
    assert b"alice" in core
    assert [name for name, secret in secrets.items() if secret in core] == []


@pytest.mark.release  # a sanitizer's memory is all in the dump
def test_secrets_in_a_core_dump(crowd, pair, tmp_path):
    """None is there, while lines are open and talk, and others have come and gone. They are in the memory that is left
    out of it, so the search would find them."""
    here = crowd(
        cwd=tmp_path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2)
    )
    for number in range(20):
        with here.enter(f"gone-{number}") as gone:
            gone.round_trip()
    here.check()
    lines = [here.alice.sock, here.bob.sock]
    secrets = secrets_of(lines, pair)
    here.gateway.stop_running()
    kept = b"".join(memory(here.gateway.pid, dumped=False))
    dumped = b"".join(memory(here.gateway.pid, dumped=True))
    assert [name for name in ("read secret of line 0", "write key of line 1") if secrets[name] not in kept] == []
    assert secrets["private key, as OpenSSL has it"] in kept
    assert b"alice" in dumped
    assert [name for name, secret in secrets.items() if secret in dumped] == []
    check_a_core(here.gateway, tmp_path, secrets)

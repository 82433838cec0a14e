"""One client, hostile or unlucky, hurts nobody else. Judged by who is cut off and by the order in which things
come, never by time."""

import socket
import threading

import pytest

from raw import BINARY, PACKET_PING, TEXT, frame, packet, request
from waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.threads

KIB = 1 << 10
MIB = 1 << 20
EMPTY = frame(TEXT)
FLOODS = {
    "texts": EMPTY * 1000,
    "texts with pings": (EMPTY + frame(BINARY, packet(PACKET_PING))) * 1000,
    "texts with unknown packets": (EMPTY + frame(BINARY, packet(199))) * 1000,
}


class Flood:
    """Clients that send without a pause, and read nothing they need not, until told to stop."""

    def __init__(self, gateway, what, count=1, name="flooder"):
        self.sent = 0
        self._is_over = False
        self._threads = [
            threading.Thread(target=self._run, args=(gateway.login(f"{name}{number}"), what))
            for number in range(count)
        ]

    def _run(self, client, what):
        client.sock.settimeout(0.1)
        try:
            while not self._is_over:
                try:
                    self.sent += client.sock.send(what)
                except TimeoutError:
                    pass
                try:
                    client.sock.setblocking(False)
                    client.sock.recv(MIB)
                except BlockingIOError:
                    pass
                finally:
                    client.sock.settimeout(0.1)
        except OSError:
            pass

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._is_over = True
        for thread in self._threads:
            thread.join(2 * TIMEOUT)


class Reader:
    """Reads as fast as it can; counts bytes, and knows where a text came among them."""

    def __init__(self, gateway, name, wanted=None):
        self.bytes = 0
        self.found_at = None
        self.has_ended = False
        self._wanted = wanted
        self._client = gateway.login(name)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        tail = b""
        self._client.sock.settimeout(None)
        try:
            while data := self._client.sock.recv(MIB):
                self.bytes += len(data)
                if self._wanted and self.found_at is None:
                    if self._wanted in tail + data:
                        self.found_at = self.bytes
                    tail = data[-len(self._wanted):]
        except OSError:
            pass
        self.has_ended = True


def cut_off(gateway):
    return gateway.matching("reads too slowly|memory limit")


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("what", FLOODS)
def test_readers_outlive_a_flood(start, what, workers):
    """Who reads as fast as he can is never cut off, whatever is said between the texts."""
    gateway = start("--workers", workers, "--tx-queue-limit", 256 * KIB, "--max-message", 4 * KIB)
    readers = [Reader(gateway, f"reader{number}") for number in range(3)]
    with Flood(gateway, FLOODS[what]):
        wait_until(lambda: min(reader.bytes for reader in readers) > 24 * MIB, "all have read much",
                   timeout=6 * TIMEOUT)
    assert not cut_off(gateway)
    assert not any(reader.has_ended for reader in readers)


def test_what_lies_behind_an_opening_counts_too(start):
    """Newcomers whose first words are thousands of texts, in one piece with their requests."""
    gateway = start("--workers", 2, "--tx-queue-limit", 256 * KIB, "--max-message", 4 * KIB)
    readers = [Reader(gateway, f"reader{number}") for number in range(3)]
    count, texts = 12, 112 * KIB // len(EMPTY)

    def come(number):
        with gateway.socket() as sock:
            sock.sendall(request(f"/?user=newcomer{number}") + EMPTY * texts)
            sock.shutdown(socket.SHUT_WR)
            sock.settimeout(TIMEOUT)
            while sock.recv(MIB):
                pass

    threads = [threading.Thread(target=come, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    least = count * texts * (2 + len(" -- FROM newcomer0"))
    wait_until(lambda: min(reader.bytes for reader in readers) >= least, "all has arrived", timeout=6 * TIMEOUT)
    for thread in threads:
        thread.join(2 * TIMEOUT)
    assert not cut_off(gateway)
    assert not any(reader.has_ended for reader in readers)


def test_who_does_not_read_does_not_delay_talk(start):
    """A flood waits for those who never read, a quiet talker does not: his word is not behind megabytes of it."""
    gateway = start("--workers", 2, "--tx-queue-limit", 256 * KIB, "--max-message", 4 * KIB)
    deaf = [gateway.login(f"deaf{number}", receive_buffer=4 * KIB) for number in range(14)]
    talker = gateway.login("talker")
    with Flood(gateway, FLOODS["texts"]) as flood:
        wait_until(lambda: flood.sent > 100 * KIB, "the flood flows")
        for number in range(5):
            reader = Reader(gateway, f"reader{number}", wanted=f"word {number} -- FROM talker".encode())
            talker.text(f"word {number}")
            wait_until(lambda: reader.found_at, "the word has come", timeout=2 * TIMEOUT)
            assert reader.found_at < 16 * MIB
    assert not [line for line in cut_off(gateway) if "deaf" in line and "reader" in line]
    for client in deaf:
        client.close_socket()


@pytest.mark.parametrize("count", [64])
def test_floods_for_nobody_let_a_text_pass(start, count):
    """Packets that are ignored cost only their own turn: in the time until a text has come to all, each of the
    flooders has had about as much."""
    gateway = start("--workers", 1)
    readers = [gateway.login(f"reader{number}") for number in range(200)]
    talker = gateway.login("talker")
    with Flood(gateway, frame(BINARY, packet(199)) * 1000, count) as flood:
        wait_until(lambda: flood.sent > 4 * MIB, "the flood flows")
        for number in range(3):
            before = flood.sent
            talker.text(f"word {number}")
            for reader in readers:
                reader.sock.settimeout(4 * TIMEOUT)
                reader.expect_text(f"word {number} -- FROM talker")
            assert flood.sent - before < 512 * MIB
    for reader in readers:
        reader.round_trip()

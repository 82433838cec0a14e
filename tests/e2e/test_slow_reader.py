"""Back-pressure: who does not read is cut off and delays nobody; who floods is slowed down himself."""

import contextlib
import re
import threading
import time

import pytest

from admin import Admin
from gateway import SANITIZED
from raw import BINARY, CLOSE, PING, PONG, TEXT, Gone, frame, packet
from talking import DONE, SAY, Talker, string
from waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.threads

RETRY = re.compile(r"retry_ms=\d+")
KIB = 1 << 10
MIB = 1 << 20


def talk(sender, reader, count, size=8 * KIB):
    """The user "sender" says `count` numbered texts of about `size` bytes; `reader` takes each before the
    next is sent."""
    for number in range(count):
        text = f"{number} " + "x" * size
        sender.text(text)
        reader.expect_text(f"{text} -- FROM sender")


def cut_off(user, reason):
    """The log line that says it."""
    return re.escape(f"user {user} out: reads too slowly: {reason} (1013) after ")


def texts_to_close(client):
    """The numbers of the texts that come before the Close, and the Close."""
    numbers = []
    while True:
        got = client.frame()
        if got.opcode == CLOSE:
            return numbers, got
        assert got.opcode == TEXT, got
        numbers.append(int(got.payload.split(b" ", 1)[0]))


def test_a_reader_over_its_queue_limit_is_cut_off(start):
    """The others get every message meanwhile. He finds whole messages in order, then 1013."""
    gateway = start("--workers", 2, "--tx-queue-limit", 128 * KIB, "--close-deadline", 60)
    slow = gateway.login("slow", receive_buffer=4 * KIB)
    with gateway.login("sender") as sender, gateway.login("reader") as reader:
        talk(sender, reader, 200)
        gateway.wait_for_line(cut_off("slow", "queue limit"))
        talk(sender, reader, 20)
        numbers, close = texts_to_close(slow)
        assert numbers == list(range(len(numbers))), "a gap inside a live session"
        assert 0 < len(numbers) < 200
        slow.check_close(close, 1013, RETRY)
        slow.send_frame(CLOSE, close.payload[:2])
        slow.expect_end(allow_reset=True)
        reader.round_trip()


def test_who_never_reads_is_reset(start):
    """Cut off, and after the close deadline his socket is gone although he never took the Close."""
    gateway = start("--tx-queue-limit", 128 * KIB, "--close-deadline", 1)
    fds = gateway.fds()
    slow = gateway.login("slow", receive_buffer=4 * KIB)
    with gateway.login("sender") as sender, gateway.login("reader") as reader:
        talk(sender, reader, 100)
        gateway.wait_for_line("user slow out:")
        reader.round_trip()
    wait_until(lambda: gateway.fds() <= fds, "all sockets are closed")
    slow.read_to_end()


def test_the_write_deadline(start):
    """The queue is far from its limit, but its reader takes not a byte."""
    gateway = start("--write-deadline", 1, "--close-deadline", 1)
    slow = gateway.login("slow", receive_buffer=4 * KIB)
    with gateway.login("sender") as sender, gateway.login("reader") as reader:
        talk(sender, reader, 40)
        gateway.wait_for_line(cut_off("slow", "write deadline"))
        reader.round_trip()


@pytest.mark.slow  # test_timeouts.c: test_who_reads_slowly_but_reads_is_kept
def test_a_reader_that_takes_a_little_lives(start):
    """Slow but steady is within the write deadline."""
    gateway = start("--write-deadline", 2)
    steady = gateway.login("steady", receive_buffer=4 * KIB)
    with gateway.login("sender") as sender, gateway.login("reader") as reader:
        count = 60
        talk(sender, reader, count)
        for number in range(count):
            opcode, payload = steady.message()
            assert (opcode, int(payload.split(b" ", 1)[0])) == (TEXT, number)
            threading.Event().wait(0.05)  # the rhythm of a slow reader
        steady.round_trip()
        assert not gateway.matching("reads too slowly")


def test_the_memory_limit_of_the_node(start):
    """Many slow readers, none over its own limit: memory stays bounded, who reads goes on."""
    limit = 2 * MIB
    gateway = start("--memory-limit", limit, "--tx-queue-limit", 64 * MIB, "--close-deadline", 1)
    before = gateway.rss()
    for number in range(20):
        gateway.login(f"slow{number}", receive_buffer=4 * KIB)
    with gateway.login("sender") as sender, gateway.login("reader") as reader:
        talk(sender, reader, 300, size=32 * KIB)
        gateway.wait_for_line("over the node's memory limit")
        reader.round_trip()
        sender.round_trip()
        if not SANITIZED:  # the address sanitizer keeps what is freed
            assert gateway.rss() - before < 8 * limit + 24 * MIB


def test_who_asks_and_does_not_read_is_bounded(start):
    """A flood of pings whose pongs nobody takes costs a bounded amount, and only himself."""
    gateway = start("--write-deadline", 1, "--close-deadline", 1, "--tx-queue-limit", 256 * KIB)
    before = gateway.rss()
    flooder = gateway.login("flooder", receive_buffer=4 * KIB)
    pings = b"".join(frame(PING, b"x" * 125) for _ in range(1000))

    def flood():
        flooder.sock.settimeout(TIMEOUT)
        with pytest.raises((Gone, TimeoutError)):
            while True:
                flooder.send(pings)

    thread = threading.Thread(target=flood)
    thread.start()
    with gateway.login("alice") as alice, gateway.login("bob") as bob:
        for number in range(200):
            alice.text(str(number))
            bob.expect_text(f"{number} -- FROM alice")
        gateway.wait_for_line("user flooder out:")
        alice.round_trip()
        assert gateway.rss() - before < 24 * MIB
    thread.join(2 * TIMEOUT)
    assert not thread.is_alive()


def test_a_flooder_is_slowed_down_not_his_readers_cut_off(start):
    """He sends as fast as he can; three that read get everything, in order."""
    gateway = start("--workers", 2, "--tx-queue-limit", MIB)
    readers = [gateway.login(f"reader{number}") for number in range(3)]
    sender = gateway.login("sender")
    count, faults = 6000, []
    padding = "x" * 2 * KIB

    def read(reader):
        try:
            for number in range(count):
                opcode, payload = reader.message()
                assert opcode == TEXT and int(payload.split(b" ", 1)[0]) == number
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=read, args=(reader,)) for reader in readers]
    for thread in threads:
        thread.start()
    for number in range(0, count, 50):
        sender.send(b"".join(frame(TEXT, f"{i} {padding}".encode()) for i in range(number, number + 50)))
    for thread in threads:
        thread.join(4 * TIMEOUT)
        assert not thread.is_alive()
    if faults:
        raise faults[0]
    sender.round_trip()
    assert not gateway.matching("reads too slowly|memory limit")


def test_a_pong_passes_queued_data(start):
    """A protocol Ping is answered ahead of what is queued, where a frame boundary allows."""
    gateway = start("--tx-queue-limit", 16 * MIB)
    alice = gateway.login("alice", receive_buffer=4 * KIB)
    with gateway.login("sender") as sender, gateway.login("reader") as reader:
        count = 120
        talk(sender, reader, count)
        alice.ping(b"now")
        alice.sock.settimeout(TIMEOUT)
        gateway_has_read = gateway.login("witness")
        gateway_has_read.round_trip()
        place, numbers = None, []
        while len(numbers) < count or place is None:
            got = alice.frame()
            if got.opcode == PONG:
                place = len(numbers)
            else:
                numbers.append(int(got.payload.split(b" ", 1)[0]))
        assert numbers == list(range(count))
        assert place < count, "the pong has waited for all of the queue"


class Flood:
    """A talker that says as much as it can, until it is told to stop."""

    def __init__(self, talker, audience):
        self._what = say_frames(audience, 20)
        self._talker, self._is_over = talker, False
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        self._talker.raw.sock.settimeout(0.1)
        while not self._is_over:
            with contextlib.suppress(TimeoutError):
                self._talker.raw.sock.send(self._what)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over = True
        self._thread.join()


def say_frames(audience, count, size=4 * KIB):
    """Under id 0, so that nothing is answered."""
    payload = bytes(5) + string(audience) + b"x" * size
    return frame(BINARY, packet(SAY, payload)) * count


def queued_for(admin, user):
    """Bytes; 0: he is gone."""
    reply = admin.get(f"/v1/users/{user}")
    return reply.json["queue_bytes"] if reply.status == 200 else 0


def test_a_lagging_room_slows_down_nobody_elsewhere(start):
    """In one room a flood and a member who does not read; what is said in another one meanwhile passes, while
    the first flood trickles: 64 KiB in each tick of 250 ms, so that there are some. He is waited for only so long:
    then one more of his kind is tried."""
    count, size = 50, 4 * KIB
    least = 20 * count * size
    gateway = start("--workers", 2, "--admin", "127.0.0.1:0", "--tx-queue-limit", 16 * MIB)
    admin = Admin(gateway)
    reader, well, sick = (Talker(gateway.raw(), name) for name in ("reader", "well", "sick"))
    assert reader.join("well") == (DONE, 1) and well.join("well") == (DONE, 2)
    for attempt in range(10):
        user = f"deaf{attempt}"
        deaf = Talker(gateway.raw(receive_buffer=4 * KIB), user)
        assert deaf.join("sick")[0] == DONE
        if attempt == 0:
            assert sick.join("sick") == (DONE, 2)
        with Flood(sick, "#sick"):
            wait_until(lambda: queued_for(admin, user) > 4 * MIB, "he lags")
            before = queued_for(admin, user)
            said, ticks_end = 0, time.monotonic() + 0.6
            while said < least or time.monotonic() < ticks_end:
                well.raw.send(say_frames("#well", count, size))
                said += count * size
                for _ in range(count):
                    assert reader.message().audience == "#well"
            after = queued_for(admin, user)
        deaf.raw.close_socket()
        if 0 < after - before < least / 2:
            return
    raise AssertionError(f"{least} bytes and more in one room, as many in the other one")

"""What is half there at a hand-over: frames, messages, openings, and queues of who reads slowly."""

import os
import threading

import pytest

from admin import Admin
from gateway import SANITIZED
from handover import hand_over
from raw import BINARY, CONTINUATION, PACKET_TEXT, PING, PONG, TEXT, frame, packet, request
from talking import DONE, SAY, Talker, string
from waiting import TIMEOUT, wait_until

KIB, MIB = 1 << 10, 1 << 20

NOW = frame(PING, b"now", key=bytes(4))
ABC = [frame(TEXT, b"a" * 200, fin=False), frame(CONTINUATION, b"b" * 10, fin=False), frame(CONTINUATION, b"c")]
MESSAGES = {  # what is sent, and what others get of it
    "short": ([frame(TEXT, b"hello")], b"hello"),
    "of 16 bits": ([frame(TEXT, b"x" * 300)], b"x" * 300),
    "of 64 bits": ([frame(TEXT, b"x" * 70000)], b"x" * 70000),
    "of two bytes each": ([frame(TEXT, "äöü".encode() * 20)], "äöü".encode() * 20),
    "in pieces": (ABC, b"a" * 200 + b"b" * 10 + b"c"),
    "around a ping": ([frame(TEXT, b"one", fin=False), NOW, frame(CONTINUATION, b"two")], b"onetwo"),
    "a packet": ([frame(BINARY, packet(PACKET_TEXT, b"hello"))], b"hello"),
}


def is_read(admin, count):
    """Whether the gateway has taken so many bytes from clients."""
    return admin.status()["totals"]["bytes_in"] >= count


def send_and_wait(admin, client, data):
    """Sent, and read by the gateway: what is in the kernel only would not be half there."""
    before = admin.status()["totals"]["bytes_in"]
    client.send(data)
    wait_until(lambda: is_read(admin, before + len(data)), "it is read")


def frames_up_to(client, mark):
    """Its pongs up to the one for `mark`, whatever others say meanwhile."""
    client.ping(mark)
    pongs = []
    while not pongs or pongs[-1].payload != mark:
        got = client.frame()
        pongs += [got] if got.opcode == PONG else []
    return pongs[:-1]


def cuts_of(data):
    """Where it is cut: in the header, at the mask, behind it, in the payload, before the last byte."""
    return sorted({cut for cut in (1, 2, 3, 5, 6, 7, 9, 13, 15, len(data) // 2, len(data) - 1) if 0 < cut < len(data)})


@pytest.mark.parametrize(("frames", "payload"), MESSAGES.values(), ids=MESSAGES)
def test_messages_cut_anywhere(start, frames, payload):
    """A line for each place: all are half there at once, and whole behind the hand-over."""
    gateway = start("--workers", 2, "--admin", "127.0.0.1:0", "--max-message", 128 * KIB)
    admin, data = Admin(gateway), b"".join(frames)
    bob, cuts = gateway.login("bob"), cuts_of(data)
    senders = [gateway.login(f"user{cut}") for cut in cuts]
    for sender, cut in zip(senders, cuts, strict=True):
        send_and_wait(admin, sender, data[:cut])
    assert hand_over(gateway, admin)[0] == len(cuts) + 1
    for sender, cut in zip(senders, cuts, strict=True):
        sender.send(data[cut:])
        opcode, got = bob.message()
        assert (got[6:] if opcode == BINARY else got) == payload + f" -- FROM user{cut}".encode()
    for sender in senders:
        pongs = frames_up_to(sender, b"the end")
        assert [got.payload for got in pongs] == [b"now"] * (b"now" in data), pongs


def test_half_messages_of_megabytes(start):
    gateway = start("--workers", 2, "--admin", "127.0.0.1:0", "--max-message", 4 * MIB, "--tx-queue-limit", 16 * MIB)
    admin, bob = Admin(gateway), gateway.login("bob")
    texts = [os.urandom(MIB).hex().encode() + b"%d" % number for number in range(2)]
    senders = [gateway.login(f"user{number}") for number in range(2)]
    halves = []
    for text, sender in zip(texts, senders, strict=True):
        data = frame(TEXT, text[: MIB // 2], fin=False) + frame(CONTINUATION, text[MIB // 2 :])
        halves.append(data[3 * MIB // 2 :])
        send_and_wait(admin, sender, data[: 3 * MIB // 2])
    hand_over(gateway, admin)
    for number, (sender, rest) in enumerate(zip(senders, halves, strict=True)):
        sender.send(rest)
        assert bob.message() == (TEXT, texts[number] + b" -- FROM user%d" % number)
        assert frames_up_to(sender, b"the end") == []


def test_a_fault_behind_it_is_still_one(start):
    """Half a character before the hand-over, and no such character behind it."""
    gateway = start("--admin", "127.0.0.1:0")
    admin, alice, bob = Admin(gateway), gateway.login("alice"), gateway.login("bob")
    send_and_wait(admin, alice, frame(TEXT, b"\xc3", fin=False))
    send_and_wait(admin, bob, frame(TEXT, b"x" * 60000, fin=False))
    hand_over(gateway, admin)
    alice.send(frame(CONTINUATION, b"("))
    alice.expect_close(1007)
    bob.send(frame(CONTINUATION, b"x" * 60000))
    bob.expect_close(1009)


def test_openings_half_sent(start):
    """Cut in the request line, in a header, and before the last byte; one that has said nothing; pipelined texts."""
    gateway = start("--workers", 2, "--admin", "127.0.0.1:0")
    admin, head = Admin(gateway), request("/?user=late")
    cuts = [0, 1, 8, 30, len(head) - 60, len(head) - 2, len(head) - 1]
    clients = [gateway.raw() for _ in cuts]
    for client, cut in zip(clients, cuts, strict=True):
        client.send(request(f"/?user=user{cut}")[:cut])
    wait_until(lambda: admin.status()["totals"]["connections"] == len(cuts), "all are there")
    wait_until(lambda: is_read(admin, sum(cuts)), "all is read")
    hand_over(gateway, admin)
    for client, cut in zip(clients, cuts, strict=True):
        client.upgrade(head=request(f"/?user=user{cut}")[cut:])
        client.round_trip()
        client.is_alive()
    assert admin.status()["totals"]["users"] == len(set(cuts))


def test_a_long_head_half_sent(start):
    gateway = start("--admin", "127.0.0.1:0")
    admin, client = Admin(gateway), gateway.raw()
    head = request("/?user=alice", extra=["Cookie: " + "x" * 12000])
    send_and_wait(admin, client, head[:9000])
    hand_over(gateway, admin)
    client.upgrade(head=head[9000:])
    client.round_trip()


# --- who reads slowly -----------------------------------------------------------------------------


def queue_up(speaker, deaf, admin, count, size, audience="#room"):
    """Says so much that each of `deaf` has some of it in its queue; returns the texts."""
    texts = [f"{number} ".encode() + b"x" * size for number in range(count)]
    for text in texts:
        assert speaker.answer(speaker.ask(SAY, b"\0" + string(audience) + text)) == (DONE, len(deaf))
    for user in deaf:
        wait_until(lambda user=user: admin.user(user)["queue_bytes"] > 0, "he lags")
    return texts


def held(admin):
    """Bytes that are queued, shared or not."""
    return sum(admin.metrics()[f'tidegate_memory_bytes{{kind="{kind}"}}'] for kind in ("queues", "batches"))


def test_full_queues_that_share_texts(start):
    """Each has all of it, in order, once; and in memory it is there once, before and behind."""
    gateway = start("--workers", 2, "--admin", "127.0.0.1:0", "--tx-queue-limit", 32 * MIB, "--max-message", 2 * MIB)
    admin, names = Admin(gateway), [f"deaf{number}" for number in range(12)]
    deaf = [Talker(gateway.raw(receive_buffer=4 * KIB), name) for name in names]
    speaker = Talker(gateway.raw(), "speaker")
    for talker in (*deaf, speaker):
        assert talker.join("room")[0] == DONE
    texts = queue_up(speaker, names, admin, count=12, size=MIB)
    before = held(admin)
    hand_over(gateway, admin)
    assert held(admin) <= before + MIB
    if not SANITIZED:
        assert gateway.rss() < 12 * 12 * MIB / 2, "each has a copy"
    # What is said behind it comes behind it.
    speaker.ask(SAY, b"\0" + string("#room") + b"last")

    def read(talker, faults):
        try:
            for text in (*texts, b"last"):
                assert talker.message().text.encode() == text
        except BaseException as error:
            faults.append(error)

    faults = []
    threads = [threading.Thread(target=read, args=(talker, faults)) for talker in deaf]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * TIMEOUT)
        assert not thread.is_alive()
    if faults:
        raise faults[0]


@pytest.mark.slow
@pytest.mark.release  # a sanitizer's memory is none to judge
def test_five_thousand_that_share_a_text(start):
    """Whose queues would be 5 GB if each had a copy: they move within a limit of 64 MiB."""
    limit, count = 64 * MIB, 5000
    options = ["--memory-limit", limit, "--tx-queue-limit", 2 * MIB, "--max-message", MIB, "--max-connections", count + 100]
    gateway = start("--workers", 2, "--admin", "127.0.0.1:0", *options)
    admin, speaker = Admin(gateway), gateway.login("speaker")
    deaf = [gateway.login(f"deaf{number}", receive_buffer=4 * KIB) for number in range(count)]
    text = os.urandom(MIB // 2).hex()
    begun = gateway.rss()
    speaker.text(text)
    wait_until(lambda: admin.metrics()["tidegate_fanout_deliveries_total"] == count, "it is on its way to all")
    before = held(admin)
    assert MIB <= before < limit
    lines, _ = hand_over(gateway, admin)
    assert lines == count + 1
    assert held(admin) <= before + MIB
    assert gateway.rss() < begun + limit
    for client in deaf[:: count // 50]:
        client.expect_text(f"{text} -- FROM speaker")
        client.round_trip()
    assert admin.status()["totals"]["users"] == count + 1


def test_a_queue_in_the_middle_of_a_message(start):
    """What the kernel had taken of it is not sent again."""
    gateway = start("--admin", "127.0.0.1:0", "--tx-queue-limit", 16 * MIB, "--max-message", 4 * MIB)
    admin = Admin(gateway)
    deaf, speaker = gateway.login("deaf", receive_buffer=4 * KIB), gateway.login("speaker")
    text = os.urandom(2 * MIB).hex()[: 3 * MIB]
    speaker.text(text)
    wait_until(lambda: 0 < admin.user("deaf")["queue_bytes"] < len(text), "it is half sent")
    deaf.ping(b"ahead")
    hand_over(gateway, admin)
    deaf.expect_text(f"{text} -- FROM speaker")
    deaf.expect_pong(b"ahead")
    deaf.round_trip()


def test_who_lagged_before_is_cut_off_behind_it(start):
    """The limit holds for what was queued before, too."""
    gateway = start("--admin", "127.0.0.1:0", "--tx-queue-limit", 256 * KIB, "--close-deadline", 1)
    admin = Admin(gateway)
    deaf, speaker, reader = gateway.login("deaf", receive_buffer=4 * KIB), gateway.login("speaker"), gateway.login("reader")

    def say(number):
        text = f"{number} " + "x" * 8 * KIB
        speaker.text(text)
        reader.expect_text(f"{text} -- FROM speaker")

    number = 0
    while admin.user("deaf")["queue_bytes"] < 64 * KIB:
        say(number := number + 1)
    hand_over(gateway, admin)
    assert admin.user("deaf")["queue_bytes"] >= 32 * KIB
    while not gateway.matching("user deaf out: reads too slowly"):
        say(number := number + 1)
    deaf.read_to_end()
    reader.round_trip()

"""From one sender to one receiver: in the order sent, exactly once, without a gap."""

import threading

import pytest

from raw import BINARY, PACKET_PING, PACKET_PONG, PACKET_TEXT, TEXT, frame, packet
from waiting import TIMEOUT

pytestmark = pytest.mark.threads

SENDERS = ("ann", "ben")
MESSAGES = 500


def received(client, count):
    """The next `count` texts, by sender."""
    by_sender = {name: [] for name in SENDERS}
    for _ in range(count):
        opcode, payload = client.message()
        assert opcode == TEXT
        text, _, sender = payload.decode().partition(" -- FROM ")
        by_sender[sender].append(text)
    return by_sender


def run_all(*functions):
    """Runs each in a thread of its own; the first fault of any is raised here."""
    faults = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(3 * TIMEOUT)
        assert not thread.is_alive()
    if faults:
        raise faults[0]


@pytest.mark.parametrize("workers", [1, 4])
def test_two_senders_five_receivers(start, workers):
    gateway = start("--workers", workers)
    receivers = [gateway.login(f"receiver{number}") for number in range(5)]
    senders = {name: gateway.login(name) for name in SENDERS}
    expected = {name: [f"{name} {number}" for number in range(MESSAGES)] for name in SENDERS}

    def send(name):
        for text in expected[name]:
            senders[name].text(text)

    def receive(receiver):
        assert received(receiver, 2 * MESSAGES) == expected
        receiver.round_trip()  # and nothing twice

    run_all(
        *[lambda name=name: send(name) for name in SENDERS],
        *[lambda receiver=receiver: receive(receiver) for receiver in receivers],
    )
    for name, other in zip(SENDERS, reversed(SENDERS)):
        assert received(senders[name], MESSAGES) == {name: [], other: expected[other]}
        senders[name].round_trip()


def test_order_holds_between_the_kinds_and_with_joiners(start):
    """Who joins in the midst begins somewhere and then misses nothing."""
    gateway = start("--workers", 4)
    sender = gateway.login("ann")
    joiners = 6
    halfway, joined = threading.Event(), threading.Semaphore(0)
    last = []

    def say(number):
        if number % 2:
            sender.packet(PACKET_TEXT, str(number).encode())
        else:
            sender.text(str(number))

    def send():
        """Talks until all have come, and some more."""
        for number in range(500):
            say(number)
        halfway.set()
        number, here = 500, 0
        while here < joiners or number < 2000:
            say(number)
            number += 1
            here += joined.acquire(blocking=False)
        last.append(number - 1)
        sender.text("end")

    def join(name):
        assert halfway.wait(TIMEOUT)
        receiver = gateway.login(name)
        joined.release()
        numbers = []
        while True:
            opcode, payload = receiver.message()
            text = (payload if opcode == TEXT else payload[6:]).decode().removesuffix(" -- FROM ann")
            if text == "end":
                break
            assert (opcode == TEXT) == (int(text) % 2 == 0)
            numbers.append(int(text))
        assert numbers == list(range(last[0] + 1 - len(numbers), last[0] + 1))

    run_all(send, *[lambda number=number: join(f"joiner{number}") for number in range(joiners)])


def test_answers_keep_their_place(start):
    """Pongs of the gateway's own and texts of others are one queue to each receiver."""
    gateway = start("--workers", 2)
    alice, bob = gateway.login("alice"), gateway.login("bob")
    pings = b"".join(frame(BINARY, packet(PACKET_PING, b"%d" % number)) for number in range(1000))
    texts = b"".join(frame(TEXT, b"%d" % number) for number in range(1000))
    run_all(lambda: alice.send(pings), lambda: bob.send(texts))
    pongs, heard = [], []
    for _ in range(2000):
        opcode, payload = alice.message()
        if opcode == TEXT:
            heard.append(payload)
        else:
            pongs.append(payload)
    assert pongs == [packet(PACKET_PONG, b"%d" % number) for number in range(1000)]
    assert heard == [b"%d -- FROM bob" % number for number in range(1000)]

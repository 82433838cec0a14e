"""Logins, kicks and ends: PROTOCOL section 4, on a live gateway."""

import contextlib
import threading

import pytest

from raw import TEXT, Gone
from waiting import FACTOR, TIMEOUT

pytestmark = pytest.mark.threads


@pytest.fixture
def gateway(start):
    """Several workers, so that the old login and the new one are on different threads at times, and nobody is braked
    for kicking often."""
    return start("--workers", 4, "--kick-limit", 0)


def texts_up_to(client, last):
    """Reads up to the text `last`; returns those before it. Who joins may still get what was under way to
    his worker when he came."""
    texts = []
    while True:
        opcode, payload = client.message()
        assert opcode == TEXT
        if payload.decode() == last:
            return texts
        texts.append(payload.decode())


def test_a_chain_of_kicks(gateway):
    """The end of a kicked connection must not delete the newest login."""
    with gateway.login("bob") as bob:
        chain = []
        for _ in range(100):
            chain.append(gateway.login("alice"))
        for old in chain[:-1]:
            old.expect_close(4001, "kicked")
        bob.text("to the newest")
        chain[-1].expect_text("to the newest -- FROM bob")
        chain[-1].round_trip()


def test_each_kick_of_a_chain_leaves_one_reachable(gateway):
    """After every single login a message reaches that login and no other."""
    with gateway.login("bob") as bob:
        old = gateway.login("alice")
        for number in range(100):
            new = gateway.login("alice")
            bob.text(str(number))
            earlier = texts_up_to(new, f"{number} -- FROM bob")
            assert earlier in ([], [f"{number - 1} -- FROM bob"])
            old.expect_close(4001, "kicked")
            old = new


def test_logins_of_one_user_at_once(gateway):
    """From eight threads, 25 times each. In the end exactly one lives, and messages reach it; the others were kicked,
    or were overtaken on their way."""
    clients, guard = [], threading.Lock()

    def log_in():
        for _ in range(25):
            client = gateway.login("alice")
            with guard:
                clients.append(client)

    threads = [threading.Thread(target=log_in) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT * 2)
        assert not thread.is_alive()
    assert len(clients) == 200
    with gateway.login("bob") as bob:
        bob.text("who is left?")
        left = []
        for client in clients:
            got = client.frame()
            if got.opcode == TEXT:
                assert got.payload == b"who is left? -- FROM bob"
                left.append(client)
            elif got.close_code == 4001:
                client.check_close(got, 4001, "kicked")
            else:
                client.check_close(got, 1013, "retry_ms=1000")
        [newest] = left
        newest.round_trip()


def test_logins_kicks_ends_and_texts_at_once(gateway):
    """Everybody does everything to the same few names; the gateway must come out of it in order."""
    names = ["a", "b", "c"]
    rounds = 60

    def live(number):
        for turn in range(rounds):
            name = names[(number + turn) % len(names)]
            with contextlib.suppress(Gone), gateway.login(name) as client:
                client.text(f"{number}.{turn}")
                if turn % 3 == 0:
                    client.reset()
                elif turn % 3 == 1:
                    client.close()
                    client.frames_to_close()

    threads = [threading.Thread(target=live, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT * FACTOR)
        assert not thread.is_alive()
    with gateway.login("bob") as bob:
        for name in names:
            with gateway.login(name) as client:
                bob.text(f"hello {name}")
                own = [
                    text
                    for text in texts_up_to(client, f"hello {name} -- FROM bob")
                    if text.endswith(f"FROM {name}")
                ]
                assert own == []
                client.round_trip()


def test_own_text_does_not_come_back_to_a_successor(gateway):
    """The sender is left out by name: what the replaced session sent must not reach the new one."""
    with gateway.login("bob") as bob:
        for turn in range(20):
            old = gateway.login("alice")
            with contextlib.suppress(Gone):
                for number in range(50):
                    old.text(f"{turn}.{number}")
            new = gateway.login("alice")
            bob.text(f"end of {turn}")
            assert set(texts_up_to(new, f"end of {turn} -- FROM bob")) <= {f"end of {turn - 1} -- FROM bob"}
            old.close_socket()
        bob.close()
        bob.frames_to_close()


def test_a_ghost_does_not_stay(gateway):
    """Who vanishes by a reset is gone from the table: others go on, and the name is free."""
    with gateway.login("bob") as bob, gateway.login("carol") as carol:
        for number in range(20):
            ghost = gateway.login("ghost")
            ghost.reset()
            gateway.wait_for_line("user ghost out:", count=number + 1)
            bob.text(str(number))
            carol.expect_text(f"{number} -- FROM bob")
        with gateway.login("ghost") as back:
            carol.text("welcome")
            back.expect_text("welcome -- FROM carol")
            back.round_trip()
        assert not gateway.matching("(?i)kick"), "nobody was there to be kicked"


def test_the_end_of_each_session_is_told_once(gateway):
    for _ in range(10):
        with gateway.login("alice") as client:
            client.close()
            client.expect_close(1000)
    gateway.wait_for_line("user alice out:", count=10)
    gateway.stop()
    gateway.expect_lines("user alice out:", 10)
    gateway.expect_lines("user alice in from", 10)

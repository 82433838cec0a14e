"""kill -9 at every step of a hand-over, of the one and of the other: what is told to the operator, and who lives on.

Each process stops itself at a step, by a hook that builds with unit tests have; there it is killed."""

import contextlib
import os
import signal
import socket

import pytest

from admin import Admin
from handover import (
    GIVEN,
    GIVER_STEPS,
    TAKEN,
    TAKER_STEPS,
    Taker,
    ask_for,
    awaited_refusal,
    follow,
    has_hooks,
    is_dead,
    stopping_at,
    taker_of,
    wait_until_stopped,
)
from raw import PING, Gone, frame
from talking import DONE, Talker
from tls import Pair
from waiting import wait_until

pytestmark = pytest.mark.skipif(not has_hooks(), reason="a build without unit tests does not stop")

BATCH = 253  # lines that move at once


def before(steps, last):
    return steps[: steps.index(last)]


class Place:
    """A gateway with lines of all sorts, which is to stop at a step."""

    def __init__(self, start, folder, who, step, lines=3):
        pair = Pair(folder)
        self.gateway = start("--workers", 2, "--admin", "127.0.0.1:0", env=stopping_at(f"{who}-{step}"), pair=pair)
        self.admin = Admin(self.gateway)
        self.clients = [self.gateway.login(f"user{number}") for number in range(lines)]
        self.talkers = [Talker(self.gateway.raw(), name) for name in ("alice", "bob")]
        for talker in self.talkers:
            assert talker.join("room")[0] == DONE
        self.giver = self.gateway.popen
        ask_for(self.gateway)
        self.taker = taker_of(self.gateway)
        wait_until_stopped(self.giver.pid if who == "giver" else self.taker)

    def say_something(self):
        """Into the standstill."""
        for client in self.clients:
            client.send(frame(PING, b"in between"))
        self.talkers[0].ask(110, b"\0" + bytes([5]) + b"#room" + b"in between")

    def hear_it(self):
        for client in self.clients:
            client.expect_pong(b"in between")
        assert self.talkers[0].expect(111).take("!I") == self.talkers[0].ids
        assert self.talkers[1].message().text == "in between"

    def check(self):
        """All are there, and newcomers are taken."""
        alice, bob = self.talkers
        for client in self.clients:
            client.round_trip()
        assert alice.say("#room", "hello") == (DONE, 1)
        assert bob.message().text == "hello"
        assert bob.say("@alice", "you") == (DONE, 1)
        assert alice.message().text == "you"
        with self.gateway.login("late") as late:
            late.round_trip()

    def follow_the_taker(self):
        """It is the gateway now."""
        self.gateway.popen = Taker(self.taker, self.giver)
        self.admin.connection.close()

    def ended(self):
        """Lines that were cut."""
        return [client for client in (*self.clients, *(talker.raw for talker in self.talkers)) if is_gone(client)]


def is_gone(client):
    try:
        client.round_trip()
    except (Gone, OSError):
        return True
    return False


def kill(pid):
    """-9, and until it has closed all it had: another process may not have reaped it yet."""
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: is_dead(pid), "it is dead")


# --- the taker ------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", before(TAKER_STEPS, "have-all"))
def test_the_taker_before_go(start, tmp_path, step):
    """Nothing is lost, and the operator reads that it has ended."""
    here = Place(start, tmp_path, "taker", step)
    here.say_something()
    os.kill(here.taker, signal.SIGKILL)
    said = awaited_refusal(here.gateway, here.giver)
    assert "ended" in said or "gone" in said, said
    here.hear_it()
    here.check()
    assert here.admin.metrics()['tidegate_handovers_total{result="refused"}'] == 1


@pytest.mark.parametrize("step", before(GIVER_STEPS, "go"))
def test_the_taker_at_each_step_of_the_giver(start, tmp_path, step):
    """Be it that it has said that it has all: who is dead is told nothing more."""
    here = Place(start, tmp_path, "giver", step)
    here.say_something()
    kill(here.taker)
    here.gateway.signal(signal.SIGCONT)
    awaited_refusal(here.gateway, here.giver)
    here.hear_it()
    here.check()


@pytest.mark.parametrize(("who", "step"), [("taker", "have-all"), ("taker", "go"), ("giver", "go")])
def test_the_taker_behind_go(start, tmp_path, who, step):
    """As any kill -9: all lines end. The giver never serves again, as its numbers of TLS are the taker's."""
    here = Place(start, tmp_path, who, step)
    if step == "have-all":
        here.gateway.wait_for_line(GIVEN)
    kill(here.taker)
    if who == "giver":
        here.gateway.signal(signal.SIGCONT)
    here.giver.wait()
    assert len(here.ended()) == len(here.clients) + 2
    here.gateway.assert_no_report()
    with pytest.raises(OSError):
        here.gateway.socket()


# --- the giver ------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["end", "have-all", "go", "released"])
def test_the_giver_when_all_has_gone_over(start, tmp_path, step):
    """All lines live on; whether by the taker's own decision or by what the giver had said."""
    here = Place(start, tmp_path, "giver", step)
    if step != "released":
        here.say_something()
    os.kill(here.giver.pid, signal.SIGKILL)
    here.giver.wait()
    here.follow_the_taker()
    here.gateway.wait_for_line(TAKEN)
    if step != "released":
        here.hear_it()
    here.check()
    figures = here.admin.metrics()
    assert figures['tidegate_handovers_total{result="lost"}'] == 0
    wait_until(lambda: here.admin.status()["totals"]["users"] == len(here.clients) + 2, "who came late has gone")


@pytest.mark.parametrize("step", ["end", "have-all"])
def test_the_giver_while_the_taker_works(start, tmp_path, step):
    here = Place(start, tmp_path, "taker", step)
    here.say_something()
    os.kill(here.giver.pid, signal.SIGKILL)
    here.giver.wait()
    os.kill(here.taker, signal.SIGCONT)
    here.follow_the_taker()
    here.gateway.wait_for_line(TAKEN)
    here.hear_it()
    here.check()


def test_the_giver_in_the_midst_of_lines(start, tmp_path):
    """Those of the first batch live on; the others are reset, counted and logged."""
    here = Place(start, tmp_path, "giver", "lines", lines=300)
    os.kill(here.giver.pid, signal.SIGKILL)
    here.giver.wait()
    here.follow_the_taker()
    taken = int(here.gateway.wait_for_line(TAKEN)[1])
    assert 0 < taken <= BATCH
    lost = here.ended()
    assert len(lost) == 302 - taken
    assert here.admin.metrics()['tidegate_handovers_total{result="lost"}'] == 1
    here.gateway.wait_for_line(rf"{302 - taken} lines? ")
    assert here.admin.status()["totals"]["users"] == taken
    for number in range(302):
        with contextlib.suppress(Gone, OSError):
            here.gateway.login(f"user{number}").round_trip()


@pytest.mark.parametrize("step", ["hello", "listeners", "ready", "parked"])
def test_the_giver_before_a_line_has_gone_over(start, tmp_path, step):
    """Its lines end with it, as with any kill -9. Whether the taker goes on or ends, nobody hangs."""
    here = Place(start, tmp_path, "giver", step)
    os.kill(here.giver.pid, signal.SIGKILL)
    here.giver.wait()
    here.follow_the_taker()
    assert len(here.ended()) == len(here.clients) + 2
    wait_until(lambda: not here.gateway.is_running or here.gateway.matching(TAKEN), "it is decided")
    if here.gateway.is_running:
        here.gateway.login("late").round_trip()
    else:
        assert here.gateway.popen.returncode == 1
        with pytest.raises(OSError), here.gateway.socket() as sock:
            sock.recv(1)


# --- neither --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "step"), [*(("giver", step) for step in GIVER_STEPS), *(("taker", step) for step in TAKER_STEPS)]
)
def test_a_while_at_each_step(start, tmp_path, who, step):
    """A stop that is shorter than the time-outs: the hand-over goes well."""
    here = Place(start, tmp_path, who, step)
    is_served = (who, step) in {("giver", "released")}
    if not is_served:
        here.say_something()
    os.kill(here.giver.pid if who == "giver" else here.taker, signal.SIGCONT)
    follow(here.gateway, here.giver, 1)
    here.admin.connection.close()
    if not is_served:
        here.hear_it()
    here.check()


def test_the_admin_port_says_that_it_stands(start, tmp_path):
    """Who asks meanwhile waits, and is answered by whoever serves then."""
    here = Place(start, tmp_path, "giver", "parked")
    with here.admin.socket() as asking:
        asking.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        here.gateway.signal(signal.SIGCONT)
        follow(here.gateway, here.giver, 1)
        asking.settimeout(5)
        with contextlib.suppress(ConnectionResetError, socket.timeout):
            assert b"200 OK" in asking.recv(4096)

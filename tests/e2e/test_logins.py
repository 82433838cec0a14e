"""Which login is the newest, and the brake on users whose sessions kick each other: PROTOCOL section 4."""

import re
import signal
import time

import pytest

from admin import Admin
from dials import Races
from proxy import Proxy
from raw import request
from test_tutorial import demo  # noqa: F401
from waiting import TIMEOUT, wait_until

RETRY = re.compile(r"retry_ms=(\d+)")


@pytest.fixture
def serve(start):
    """serve("--kick-limit", 0) -> (gateway, admin), with several workers."""
    admins = []

    def run(*options):
        gateway = start("--workers", 4, "--admin", "127.0.0.1:0", *options)
        admins.append(Admin(gateway))
        return gateway, admins[-1]

    yield run
    for admin in admins:
        admin.connection.close()


def wait_for_ends(admin, reason, count):
    wait_until(lambda: admin.status()["ends"][reason] >= count, f"{count} ends by {reason}")


# --- who is the newest --------------------------------------------------------------------------


def race(gateway, admin, users, seed):
    for in_order in (True, False):
        with Races(gateway, users, seed) as races:
            races.begin(60, given_up=20, in_order=in_order)
            races.settle()
            races.judge(admin)
            assert admin.status()["totals"]["users"] == len(users)
        wait_until(lambda: admin.status()["totals"]["connections"] == 0, "all have gone")


@pytest.mark.threads
def test_races_of_logins(serve):
    """Of 60 logins of one user at once a third is given up."""
    gateway, admin = serve("--kick-limit", 0)
    race(gateway, admin, [f"user{number}" for number in range(25)], seed=1)
    ends = admin.status()["ends"]
    assert ends["superseded"] > 0 and ends["kicked"] > 0, "there was no race"


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.parametrize("seed", range(100, 120))
def test_a_thousand_races_of_logins(serve, seed):
    gateway, admin = serve("--kick-limit", 0)
    race(gateway, admin, [f"user{number}" for number in range(25)], seed)


@pytest.mark.threads
def test_read_later_is_not_newer(serve):
    """A line that was accepted first and asks last has lost, and wins when it comes back."""
    gateway, admin = serve()
    early = gateway.raw()
    late = gateway.login("alice")
    early.upgrade("/?user=alice")
    early.expect_close(1013, "retry_ms=1000")
    late.round_trip()
    assert admin.user("alice")["address"] == "%s:%d" % late.sock.getsockname()
    again = gateway.login("alice")
    late.expect_close(4001, "kicked")
    again.round_trip()
    ends = admin.status()["ends"]
    assert (ends["superseded"], ends["kicked"]) == (1, 1)


def test_dials_that_were_given_up_kick_nobody(serve):
    gateway, admin = serve()
    alice = gateway.login("alice")
    gateway.stop_running()
    for end in ("close", "reset") * 20:
        dial = gateway.raw()
        dial.send(request("/?user=alice"))
        dial.close_socket() if end == "close" else dial.reset()
    gateway.signal(signal.SIGCONT)
    wait_until(lambda: admin.status()["totals"]["accepted"] == 41 and admin.status()["totals"]["connections"] == 1, "they have gone")
    alice.round_trip()
    assert admin.status()["totals"]["kicks"] == 0


def test_who_says_it_all_at_once_and_hangs_up(serve):
    """Where it replaces nobody it is heard, else it is told to come back."""
    gateway, admin = serve()
    bob = gateway.login("bob")
    shot = gateway.raw()
    shot.send(request("/?user=cron"))
    shot.text("backup done")
    shot.end_writing()
    shot.expect_upgrade()
    bob.expect_text("backup done -- FROM cron")
    shot.expect_end()
    wait_until(lambda: not admin.user("cron"), "cron has gone")
    cron = gateway.login("cron")
    gateway.stop_running()  # so that its end has come when it is read
    shot = gateway.raw()
    shot.send(request("/?user=cron"))
    shot.text("backup done")
    shot.end_writing()
    gateway.signal(signal.SIGCONT)
    shot.expect_upgrade()
    shot.expect_close(1013, "retry_ms=1000")
    cron.round_trip()
    bob.round_trip()


@pytest.mark.threads
def test_a_client_that_has_lost_comes_back(serve, chat):
    """The native client, whose request is held up on its way."""
    gateway, admin = serve()
    with Proxy(gateway.port) as between:
        between.hang()
        bot = chat("-v", address=between.address)
        wait_until(lambda: admin.status()["totals"]["connections"] == 1, "it has been accepted")
        alice = gateway.login("alice")
        between.pass_on()
        bot.expect_state(r"reconnecting in \d+\.\d s")
        bot.expect_state(r"connected")
    alice.expect_close(4001, "kicked")


# --- the brake ----------------------------------------------------------------------------------


@pytest.mark.threads
def test_two_that_kick_each_other_are_braked(serve):
    gateway, admin = serve("--kick-limit", 20)
    bob = gateway.login("bob")
    begun = time.monotonic()
    alice = gateway.login("alice")
    for _ in range(20):
        old, alice = alice, gateway.login("alice")
        old.expect_close(4001, "kicked")
    refused = []
    for _ in range(10):
        dial = gateway.login("alice")
        refused.append(int(RETRY.fullmatch(dial.expect_close(1013).close_reason)[1]))
    if time.monotonic() - begun < 10:  # else the brake is off by now
        assert all(2000 <= ms <= 10000 for ms in refused)
        assert len(set(refused)) > 1, "all are to come back at once"
        ends = admin.status()["ends"]
        assert (ends["kicked"], ends["kick_duel"]) == (20, 10)
    alice.round_trip()
    gateway.login("bob").round_trip()
    bob.expect_close(4001, "kicked")
    gateway.expect_lines("sessions of user alice kick each other over and over", 1)
    assert not gateway.matching("sessions of user bob")


def test_a_duel_of_clients_that_take_no_kick_for_an_answer(serve, demo):  # noqa: F811
    """Two of the tutorial's. They come back at once, whatever they are told, and go no further than the brake lets
    them: so many in each of its windows of 10 s."""
    limit = 10
    gateway, admin = serve("--kick-limit", limit)
    begun = time.monotonic()
    for _ in range(2):
        demo(gateway, "ccc", reconnect_ms=5)
    gateway.wait_for_line("sessions of user ccc kick each other over and over")
    wait_until(lambda: admin.status()["totals"]["kicks"] > limit, "the brake lets go", timeout=2 * TIMEOUT)
    windows = (time.monotonic() - begun + 0.5) // 10 + 1  # whose ends are counted in ticks of 0.25 s
    status = admin.status()
    assert status["totals"]["kicks"] <= windows * limit
    assert status["ends"]["kick_duel"] > limit
    gateway.expect_lines("kick each other over and over", 1)

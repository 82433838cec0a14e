"""Sessions at a hand-over where the new process has other limits than the old one, or rooms are large."""

import pytest

from admin import Admin
from following import Follower
from gateway import free_port
from handover import hand_over
from talking import CAME, COUNTED, DONE, NOBODY, TOO_MANY, WENT, Talker
from waiting import wait_until

pytestmark = pytest.mark.threads

CROWD = 205  # users of a room, of which only the number is told


def test_fewer_devices(start, config):
    """The oldest sessions beyond the new number end as a kick does, and that is all that anybody hears of."""
    listen, admin_port = f"listen = 127.0.0.1:{free_port()}", free_port()
    lines = (listen, f"admin = 127.0.0.1:{admin_port}", "workers = 3", "presence_grace = 0")
    spec = listen.removeprefix("listen = ")
    gateway = start("--config", config(*lines, "max_devices = 4"), say_where=False, listen=[spec])
    admin = Admin(gateway)
    alice = [Talker(gateway.raw(), "alice", f"device{number}") for number in range(4)]
    bob = Talker(gateway.raw(), "bob")
    assert alice[0].join("tea")[0] == DONE
    assert bob.join("tea", told=True) == (DONE, 2)
    follower = Follower(gateway, admin)
    config(*lines, "max_devices = 2")
    hand_over(gateway, admin, follower.admin)
    for old in alice[:2]:
        old.raw.expect_close(4001, "kicked")
    assert admin.status()["ends"]["kicked"] == 2
    assert admin.status()["totals"]["users"] == 2
    assert sorted(each["device"] for each in admin.get("/v1/users?prefix=alice").json["users"]) == ["device2", "device3"]
    # She was in the room by one of those.
    assert bob.members()[1:] == (1, WENT, "alice")
    assert bob.say("@alice", "still there?") == (DONE, 2)
    for left in alice[2:]:
        assert left.message().text == "still there?"
        left.expect_nothing()
    bob.expect_nothing()


def test_fewer_rooms(start, config):
    """Whoever is in more rooms than he may be stays there, and comes to no other."""
    listen = f"listen = 127.0.0.1:{free_port()}"
    gateway = start("--config", config(listen), say_where=False, listen=[listen.removeprefix("listen = ")])
    alice, bob = Talker(gateway.raw(), "alice"), Talker(gateway.raw(), "bob")
    for room in ("tea", "cake", "milk"):
        assert alice.join(room) == (DONE, 1)
    config(listen, "rooms_per_session = 1")
    hand_over(gateway)
    assert alice.join("sugar")[0] == TOO_MANY
    assert bob.join("milk") == (DONE, 2)
    assert bob.say("#milk", "cold") == (DONE, 1)
    assert alice.message().text == "cold"
    assert alice.say("#cake", "nobody else")[0] == NOBODY


def test_the_number_of_a_large_room(start):
    """What was due to be told is told before, and no number is told twice."""
    gateway = start("--workers", 1)  # so that what is told comes in its order
    told = Talker(gateway.raw(), "told")
    assert told.join("arena", told=True) == (DONE, 1)
    crowd = [Talker(gateway.raw(), f"user{number}") for number in range(CROWD)]
    for number, talker in enumerate(crowd):
        assert talker.join("arena") == (DONE, number + 2)
    numbers = []
    hand_over(gateway)
    while not numbers or numbers[-1] != CROWD + 1:
        _, number, change, _ = told.members()
        assert change in (CAME, COUNTED) and (not numbers or number >= numbers[-1])
        numbers.append(number)
    # From here on as ever: one who comes is a number more.
    late = Talker(gateway.raw(), "late")
    assert late.join("arena") == (DONE, CROWD + 2)
    while True:
        _, number, change, _ = told.members()
        assert change == COUNTED and number in (CROWD + 1, CROWD + 2)
        if number == CROWD + 2:
            break
    for talker in crowd:
        talker.expect_nothing()


def test_charts_have_no_gap(start):
    """Moments go on in the order of their time; what was counted before them is not counted again."""
    gateway = start("--admin", "127.0.0.1:0", "--workers", 2)
    admin = Admin(gateway)
    for number in range(20):
        gateway.login(f"user{number}")
    for _ in range(2):
        hand_over(gateway, admin)
    gateway.login("last")

    def moments():
        return admin.get("/v1/history").json

    history = wait_until(lambda: [h for h in [moments()] if sum(h["growth"]["logins"]) == 21], "all logins")[0]
    assert history["at_ms"] == sorted(history["at_ms"])
    assert max(history["growth"]["logins"]) <= 21

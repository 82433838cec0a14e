"""A hand-over to another process: whoever is there stays, and notices nothing but a pause."""

import contextlib
import signal
import struct
import threading
import time

import pytest

from admin import Admin
from following import Follower, Wait
from handover import Installed, ask_for, follow, hand_over, while_it_hands_over
from raw import BINARY, CLOSE, PING, TEXT, frame, request
from talking import ANSWER, CAME, COUNTED, DONE, MEMBERS, MESSAGE, NOBODY, SAY, WENT, Fields, Message, Talker, string
from waiting import FACTOR, wait_until

pytestmark = pytest.mark.threads


# --- who is there ---------------------------------------------------------------------------------


def test_a_chat_goes_on(start):
    gateway = start("--workers", 2)
    clients = [gateway.login(f"user{number}") for number in range(20)]
    for round_ in range(2):
        clients[round_].text(f"round {round_}")
        for client in clients:
            if client is not clients[round_]:
                client.expect_text(f"round {round_} -- FROM user{round_}")
            client.round_trip()
            client.is_alive()
        lines, _ = hand_over(gateway)
        assert lines == 20
    gateway.login("late").round_trip()
    for client in clients:
        client.round_trip()


def exchange(talkers, first, count):
    """Each says so many numbered texts to the other one in one go, and has all of the other's, and its answers, in
    order."""
    numbers = list(range(first, first + count))
    for own, talker in enumerate(talkers):
        for number in numbers:
            talker.ask(SAY, b"\0" + string(f"@user{1 - own}") + str(number).encode())
    for own, talker in enumerate(talkers):
        texts, answers = [], []
        while len(texts) < count or len(answers) < count:
            packet = Fields(talker.next()[1])
            command, _ = packet.take("!H"), packet.take("!I")
            if command == ANSWER:
                answers.append(packet.take("!I"))
                assert (packet.take("!B"), packet.take("!I")) == (DONE, 1)
            else:
                assert (command, packet.take("!B"), packet.take("!Q") > 0) == (MESSAGE, 0, True)
                assert (packet.string(), packet.string()) == (f"user{1 - own}", f"@user{own}")
                texts.append(int(packet.rest()))
        assert texts == numbers
        assert answers == [number + 1 for number in numbers]


def test_what_is_said_during_it_arrives_once_and_in_order(start):
    """Two who talk all the time over three hand-overs: nothing is lost, doubled or out of order."""
    gateway = start("--workers", 2)
    talkers = [Talker(gateway.raw(), f"user{number}") for number in range(2)]
    said = 0

    def exchange_more():
        nonlocal said
        exchange(talkers, said, 20)
        said += 20

    for _ in range(3):
        while_it_hands_over(gateway, exchange_more)
        exchange_more()
    for talker in talkers:
        talker.expect_nothing()


def test_ten_in_a_row(start):
    gateway = start("--workers", 2)
    alice, bob = gateway.login("alice"), Talker(gateway.raw(), "bob")
    assert bob.join("room", told=True) == (DONE, 1)
    for number in range(10):
        assert hand_over(gateway)[0] == 2 + number
        newcomer = Talker(gateway.raw(), f"user{number}")
        assert newcomer.join("room") == (DONE, number + 2)
        assert bob.members() == ("room", number + 2, CAME, f"user{number}")
        alice.text(str(number))
        assert bob.text() == f"{number} -- FROM alice"
    alice.round_trip()
    bob.expect_nothing()


def test_to_an_older_binary_and_back(start, tmp_path):
    """What counts is the version of the snapshot, not that of the binary."""
    installed = Installed(tmp_path)
    gateway = start("--admin", "127.0.0.1:0", command=[installed.path])
    admin = Admin(gateway)
    own = admin.status()["version"]
    alice = gateway.login("alice")
    for version in ("0" * len(own), own):
        installed.of_version(version)
        hand_over(gateway, admin)
        assert admin.status()["version"] == version
        alice.round_trip()


# --- users, rooms and devices ---------------------------------------------------------------------


class Member(Talker):
    """Passes over what tells a number only, which may come a second after two threads have told something at once."""

    def next(self):
        opcode, message = super().next()
        while opcode == BINARY and message[:2] == struct.pack("!H", MEMBERS) and message[-2:] == bytes([COUNTED, 0]):
            opcode, message = super().next()
        return opcode, message


def test_rooms_devices_and_direct_messages(start):
    gateway = start("--workers", 3, "--max-devices", 3)
    desk, phone = (Member(gateway.raw(), "alice", device) for device in ("desk", "phone"))
    bob, carol = (Member(gateway.raw(), user) for user in ("bob", "carol"))
    for talker in (desk, bob):
        assert talker.join("tea", told=True)[0] == DONE
    assert carol.join("silent") == (DONE, 1)
    assert desk.members() == ("tea", 2, CAME, "bob")

    hand_over(gateway)

    # A direct message reaches both devices, a room's its members; each once.
    assert bob.say("@alice", "psst") == (DONE, 2)
    for talker in (desk, phone):
        assert talker.message() == Message("bob", "@alice", "psst")
    assert desk.say("#tea", "cup") == (DONE, 1)
    assert bob.message() == Message("alice", "#tea", "cup")
    assert phone.say("#silent", "x")[0] != DONE, "it is no member"
    assert carol.say("@dave", "?")[0] == NOBODY
    assert carol.list("tea")[2] == ["alice", "bob"] or carol.list("tea")[0] != DONE
    # Who comes and goes is told as before, to whom it was told before.
    assert carol.join("tea") == (DONE, 3)
    for talker in (desk, bob):
        assert talker.members() == ("tea", 3, CAME, "carol")
    assert bob.leave("tea")[0] == DONE
    assert desk.members()[1:] == (2, WENT, "bob")
    for talker in (desk, phone, bob, carol):
        talker.expect_nothing()


def test_a_kick_afterwards(start):
    gateway = start("--max-devices", 2)
    old, desk = gateway.login("alice"), Talker(gateway.raw(), "bob", "desk")
    hand_over(gateway)
    new = gateway.login("alice")
    old.expect_close(4001, "kicked")
    other = Talker(gateway.raw(), "bob", "desk")
    desk.raw.expect_close(4001, "kicked")
    new.round_trip()
    other.expect_nothing()


def test_who_was_accepted_before_does_not_win(start):
    """An opening of before the hand-over is older than a login behind it: PROTOCOL section 4."""
    gateway = start("--admin", "127.0.0.1:0")
    admin, early, head = Admin(gateway), gateway.raw(), request("/?user=alice")
    early.send(head[:20])
    wait_until(lambda: admin.status()["totals"]["connections"] == 1, "it is there")
    hand_over(gateway, admin)
    late = gateway.login("alice")
    early.upgrade(head=head[20:])
    early.expect_close(1013, "retry_ms=1000")
    late.round_trip()


def test_the_brake_remembers(start):
    """Sessions that kicked each other before the hand-over are near the limit behind it."""
    gateway = start("--admin", "127.0.0.1:0", "--kick-limit", 6)
    admin = Admin(gateway)
    begun = time.monotonic()
    alice = gateway.login("alice")
    for number in range(6):
        if number == 3:
            hand_over(gateway, admin)
        old, alice = alice, gateway.login("alice")
        old.expect_close(4001, "kicked")
    refused = gateway.login("alice").frame()
    if time.monotonic() - begun < 10:  # else the brake is off by now
        assert refused.close_code == 1013
        assert admin.status()["ends"]["kick_duel"] == 1


def test_a_login_during_the_standstill(start):
    """It waits, and is in afterwards: the listeners are never closed."""
    gateway = start()
    with contextlib.ExitStack() as stack:
        alice = stack.enter_context(gateway.login("alice"))
        newcomers = []

        def let_in():
            newcomers.append(stack.enter_context(gateway.login(f"user{len(newcomers)}")))

        while_it_hands_over(gateway, let_in)
        for client in (alice, *newcomers):
            client.round_trip()
    assert not gateway.matching("refused")


def test_who_leaves_during_it(start):
    gateway = start("--workers", 2, "--admin", "127.0.0.1:0")
    admin = Admin(gateway)
    clients = [gateway.login(f"user{number}") for number in range(60)]
    giver = gateway.popen
    ask_for(gateway)
    for number, client in enumerate(clients[1:]):
        client.reset() if number % 2 else client.close_socket()
    follow(gateway, giver, 1)
    admin.connection.close()
    wait_until(lambda: admin.status()["totals"]["users"] == 1, "they have gone")
    clients[0].round_trip()


def test_a_close_under_way_is_ended_by_the_giver(start):
    """Who has been sent a Close and does not answer: it stays where it is, and its end comes as it would have."""
    gateway = start("--admin", "127.0.0.1:0", "--close-deadline", 1)
    admin = Admin(gateway)
    alice, bob = gateway.login("alice"), gateway.login("bob")
    assert admin.delete("/v1/users/alice").status == 204
    assert alice.frame().opcode == CLOSE
    lines, _ = hand_over(gateway, admin)
    assert lines == 1
    alice.expect_end(allow_reset=True)
    bob.round_trip()


# --- time -----------------------------------------------------------------------------------------


def test_a_silent_line_is_still_ended(start):
    """Its silence counts from before, not from the hand-over on."""
    gateway = start("--read-deadline", 2 * FACTOR)
    silent, talker = gateway.login("silent"), gateway.login("talker")
    hand_over(gateway)
    talker.round_trip()
    silent.expect_close(3008, "i/o timeout")


def test_a_standstill_beyond_the_read_deadline_ends_nobody(start):
    """What arrived meanwhile is read first, and the time is nobody's fault."""
    gateway = start("--read-deadline", 2, "--workers", 1)
    alice = gateway.login("alice")
    giver = gateway.popen
    gateway.stop_running()
    ask_for(gateway)
    alice.send(frame(PING, b"while it stands"))
    threading.Event().wait(3)  # longer than the deadline, which is what is tested
    gateway.signal(signal.SIGCONT)
    follow(gateway, giver, 1)
    alice.expect_pong(b"while it stands")
    alice.round_trip()


# --- what is told of it ---------------------------------------------------------------------------


def test_counters_ended_and_history_go_on(start):
    gateway = start("--workers", 2, "--admin", "127.0.0.1:0")
    admin = Admin(gateway)
    gone = gateway.login("gone")
    gone.close(1000)
    gone.frames_to_close()
    gone.close_socket()
    alice, bob = gateway.login("alice"), gateway.login("bob")
    alice.text("hello")
    bob.expect_text("hello -- FROM alice")
    history = wait_until(lambda: [h for h in [admin.get("/v1/history").json] if h["count"] > 1], "moments")[0]
    before, figures = admin.status(), admin.metrics()
    hand_over(gateway, admin)
    after = admin.status()
    for name in ("accepted", "logins", "fanout_messages", "deliveries"):
        assert after["totals"][name] == before["totals"][name], name
    assert after["ends"] == before["ends"]
    assert (after["totals"]["users"], after["totals"]["connections"]) == (2, 2)
    [ended] = admin.get("/v1/ended").json["ended"]
    assert (ended["user"], ended["code"]) == ("gone", 1000)
    again = admin.get("/v1/history").json
    assert again["started_ms"] == history["started_ms"] and again["at_ms"][: len(history["at_ms"])] == history["at_ms"]
    for name, value in admin.metrics().items():
        if (name.endswith("_total") or "_bucket{" in name) and not name.startswith("process_"):
            assert value >= figures.get(name, 0), name


def test_events_go_on(start):
    """Numbers without a gap, the same incarnation, and nobody came or went."""
    gateway = start("--admin", "127.0.0.1:0", "--presence-grace", 1)
    admin = Admin(gateway)
    follower = Follower(gateway, admin)
    alice = gateway.login("alice")
    follower.expect("online", "alice")
    bob = gateway.login("bob")
    follower.expect("online", "bob")
    incarnation = follower.after.partition(".")[0]
    hand_over(gateway, admin, follower.admin)
    follower.expect_nothing()
    assert follower.after.partition(".")[0] == incarnation
    # Who went before the hand-over is told offline behind it.
    bob.close_socket()
    gateway.wait_for_line("user bob out:")
    hand_over(gateway, admin, follower.admin)
    follower.expect("offline", "bob")
    alice.close_socket()
    follower.expect("offline", "alice")


def test_a_wait_for_events_ends_or_goes_on(start):
    """Whoever waits asks again from where he was, and has missed nothing."""
    gateway = start("--admin", "127.0.0.1:0")
    admin = Admin(gateway)
    after = admin.get("/v1/events").json["after"]
    wait = Wait(admin, after)
    hand_over(gateway, admin)
    gateway.login("alice")
    with contextlib.suppress(ValueError, IndexError, OSError):  # an end without an answer
        wait.reply()
    [event] = admin.get(f"/v1/events?after={after}&wait=20").json["events"]
    assert (event["event"], event["user"]) == ("online", "alice")


def test_a_chat_of_v1_is_greeted_once(start):
    gateway = start()
    alice = Talker(gateway.raw(), "alice")
    hand_over(gateway)
    alice.expect_nothing()


def test_a_text_behind_the_standstill(start):
    """Bytes that nobody has read yet: they wait in the kernel for the taker."""
    gateway = start("--workers", 1)
    alice, bob = gateway.login("alice"), gateway.login("bob")
    giver = gateway.popen
    gateway.stop_running()
    ask_for(gateway)
    alice.send(b"".join(frame(TEXT, str(number).encode()) for number in range(500)))
    gateway.signal(signal.SIGCONT)
    follow(gateway, giver, 1)
    for number in range(500):
        bob.expect_text(f"{number} -- FROM alice")

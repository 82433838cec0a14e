"""The node's memory limit: whatever thousands leave unfinished, memory stays within it, and who holds
nothing comes in and talks."""

import contextlib
import resource

import pytest

from admin import Admin
from gateway import SANITIZED
from raw import BINARY, CONTINUATION, frame, packet, request
from talking import BUSY, DONE, Talker
from waiting import wait_until

KIB = 1 << 10
MIB = 1 << 20

CROWD = 1000 if SANITIZED else 5000
LIMIT = 2 * MIB if SANITIZED else 8 * MIB
PIECE = 7500  # bytes that each of the crowd leaves unfinished

# What the process may have beside the limit: its records of the crowd (some hundred bytes each), the
# workers' own buffers, and what the allocator keeps for a while.
BESIDE = 16 * MIB

PATIENT = ["--handshake-deadline", 600, "--read-deadline", 600, "--close-deadline", 600]


@pytest.fixture
def serve(start):
    """A gateway with that limit, and its admin port. The descriptors suffice for the crowd."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    with contextlib.ExitStack() as stack:

        def run(*options):
            where = ("--admin", "127.0.0.1:0", "--workers", 2)
            gateway = start(*where, "--memory-limit", LIMIT, *PATIENT, *options)
            return gateway, Admin(gateway)

        stack.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        yield run


def held(admin):
    """{kind: bytes}"""
    found = {
        name.split('"')[1]: int(value)
        for name, value in admin.metrics().items()
        if name.startswith("tidegate_memory_bytes{")
    }
    assert set(found) == {"heads", "messages", "queues", "batches", "bodies", "addresses", "rooms", "events", "pools"}
    return found


def sent_away(admin):
    return int(admin.metrics()['tidegate_ends_total{reason="overloaded"}'])


def wait_until_within_limit(admin):
    """It holds to within what the workers read in one turn."""
    wait_until(lambda: admin.metrics()["tidegate_queue_bytes"] <= LIMIT, "memory is within its limit")


def check_that_others_go_on(gateway, talker, hearer, number):
    talker.text(f"still here {number}")
    hearer.expect_text(f"still here {number} -- FROM talker")
    with gateway.login(f"newcomer{number}") as newcomer:
        newcomer.round_trip()


def check_a_crowd(serve, kind, join):
    """`join(gateway, number)` makes one more that leaves PIECE bytes unfinished."""
    gateway, admin = serve()
    before = gateway.rss()
    talker, hearer = gateway.login("talker"), gateway.login("hearer")
    for number in range(CROWD):
        join(gateway, number)
        if number % (CROWD // 20) == 0:
            check_that_others_go_on(gateway, talker, hearer, number)
            wait_until_within_limit(admin)
    wait_until(lambda: sent_away(admin) > CROWD - LIMIT // PIECE - 100, "who is too much has gone")
    wait_until_within_limit(admin)
    # No more than necessary: what is held is near the limit.
    assert held(admin)[kind] > LIMIT * 3 / 4
    assert sent_away(admin) < CROWD - LIMIT / (3 * PIECE)
    check_that_others_go_on(gateway, talker, hearer, CROWD)
    if not SANITIZED:  # the address sanitizer keeps what is freed
        assert gateway.peak_rss() - before < LIMIT + BESIDE
    return gateway


def test_heads_that_are_not_finished(serve):
    head = request().partition(b"\r\n\r\n")[0] + b"\r\nCookie: "
    head += b"x" * (PIECE - len(head))

    def join(gateway, number):
        gateway.raw().send(head)

    gateway = check_a_crowd(serve, "heads", join)
    # One whose request comes in two pieces holds least of all.
    whole = request("/?user=late")
    late = gateway.raw()
    late.send(whole[:40])
    gateway.login("witness").round_trip()
    late.send(whole[40:])
    late.expect_upgrade()
    late.round_trip()


def test_messages_that_are_not_finished(serve):
    fragment = frame(BINARY, b"x" * (PIECE - 14), fin=False)
    check_a_crowd(serve, "messages", lambda gateway, number: gateway.login(f"user{number}").send(fragment))


def test_frames_that_are_not_finished(serve):
    """Their readers alone are more than the limit: 4 KB each, whatever little has come."""
    beginning = frame(BINARY, b"", declared=60000)[:7]
    gateway, admin = serve()
    talker, hearer = gateway.login("talker"), gateway.login("hearer")
    before = gateway.rss()
    for number in range(CROWD):
        gateway.login(f"user{number}").send(beginning)
    wait_until(lambda: sent_away(admin) > 0, "it is too much")
    wait_until_within_limit(admin)
    assert held(admin)["messages"] > LIMIT * 3 / 4
    check_that_others_go_on(gateway, talker, hearer, CROWD)
    if not SANITIZED:
        assert gateway.peak_rss() - before < LIMIT + BESIDE


def test_one_gives_way_for_many(serve):
    """It is the one with the most that goes, and nobody else, whoever comes over the limit."""
    gateway, admin = serve("--max-message", 16 * MIB, "--tx-queue-limit", 32 * MIB)
    greedy = gateway.login("greedy")
    greedy.send_frame(BINARY, b"x" * (LIMIT * 3 // 8), fin=False)
    wait_until(lambda: held(admin)["messages"] > LIMIT * 3 // 8, "it is read")
    # Three quarters of the limit together: each has a reader, and a buffer that has doubled to 8 KiB.
    modest = [gateway.login(f"modest{number}") for number in range(LIMIT * 3 // 4 // (13 * KIB))]
    message = packet(199, b"x" * PIECE)  # which no gateway knows, or answers
    for client in modest:
        client.send_frame(BINARY, message[:-8], fin=False)
    wait_until(lambda: sent_away(admin) == 1, "the greedy one is sent away")
    greedy.expect_close(1013, end=False)
    for client in modest:
        client.send_frame(CONTINUATION, message[-8:])
        client.round_trip()
    assert sent_away(admin) == 1


def test_rooms_hold_a_part_of_it(start):
    """Beyond that nobody joins: it is answered, counted and logged, and nobody is closed for it."""
    limit = 256 * KIB
    where = ("--admin", "127.0.0.1:0", "--workers", 2)
    gateway = start(*where, "--memory-limit", limit, "--rooms-per-session", 1000)
    admin = Admin(gateway)
    alice, bob = Talker(gateway.raw(), "alice"), Talker(gateway.raw(), "bob")
    assert held(admin)["rooms"] == 0
    joined, result = 0, DONE
    while result == DONE:
        result, _ = alice.join(f"room{joined}")
        joined += result == DONE
    assert result == BUSY and limit // 4 // 400 < joined < 1000
    assert limit // 4 <= held(admin)["rooms"] < limit // 4 + 4 * KIB
    assert bob.join("room0") == (BUSY, 0)
    reply = admin.put("/v1/rooms/room0/members/bob")
    assert (reply.status, reply.problem) == (503, "no-memory")
    gateway.wait_for_line("a join is refused: ")
    assert admin.metrics()["tidegate_joins_refused_total"] == 3
    assert alice.say("", "talk goes on") == (DONE, 1)
    assert bob.text() == "talk goes on -- FROM alice"
    alice.raw.close_socket()
    wait_until(lambda: held(admin)["rooms"] == 0, "the rooms are gone")
    assert bob.join("room0") == (DONE, 1)
    assert sent_away(admin) == 0

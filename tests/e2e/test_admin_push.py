"""What a backend says to one user, or to everybody: what is taken, what arrives, in which order."""

import threading

import pytest

from admin import Admin
from raw import BINARY, TEXT, packet
from waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.threads

KIB = 1 << 10


# --- to one user ----------------------------------------------------------------------------------


def test_a_push_reaches_one_user(serve):
    gateway, admin = serve()
    alice, bob = gateway.login("alice"), gateway.login("bob")
    admin.queued("alice", "plain")
    alice.expect_text("plain")
    target = "/v1/users/alice/messages"
    for body, opcode, payload in [
        ({"text": "from a shop", "from": "shop"}, TEXT, b"from a shop -- FROM shop"),
        ({"text": ""}, TEXT, b""),
        ({"text": "nul \0 and ü"}, TEXT, "nul \0 and ü".encode()),
        ({"packet": {"command": 102, "payload": "hi"}}, BINARY, packet(102, b"hi")),
        ({"packet": {"command": 102, "payload": "hi"}, "from": "x"}, BINARY, packet(102, b"hi -- FROM x")),
        ({"packet": {"command": 7}}, BINARY, packet(7)),
        ({"packet": {"command": 65535, "payload_base64": "AP8="}}, BINARY, packet(65535, b"\x00\xff")),
        ({"text": "x" * 65536}, TEXT, b"x" * 65536),
        ({"text": "\1" * 65536}, TEXT, b"\1" * 65536),  # six bytes each in JSON
        ({"text": "🌊" * 16384}, TEXT, "🌊".encode() * 16384),
    ]:
        reply = admin.post(target, body)
        assert (reply.status, reply.json) == (202, {"result": "queued", "sessions": 1, "overflowed": 0})
        assert alice.message() == (opcode, payload)
    bob.round_trip()


def test_a_push_to_nobody(serve):
    gateway, admin = serve()
    reply = admin.push("alice", "x")
    assert (reply.status, reply.problem, reply.json["result"]) == (404, "offline", "offline")
    with gateway.login("alice"):
        admin.queued("alice", "x")
    gateway.wait_for_line("user alice out:")
    assert admin.push("alice", "x").problem == "offline"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b"{}",
        b'{"text":1}',
        b'{"text":null}',
        b'{"text":"a","text":"b"}',
        '{"text":"a","x%s":1}'.encode() % ("ä" * 40).encode(),
        b'{"text":"a","\\ud83c\\udf0a%s":1}' % ("🌊" * 40).encode(),
        b'{"text":"a","other":1}',
        b'{"text":"a","packet":{"command":102}}',
        b'{"text":"a"} x',
        b'{"text":"\xff"}',
        b'{"text":"\\ud800"}',
        b'{"text":"a","from":""}',
        b'{"text":"a","from":"a\\nb"}',
        b'{"text":"a","from":"' + b"x" * 65 + b'"}',
        b'{"packet":[]}',
        b'{"packet":{}}',
        b'{"packet":{"command":"102"}}',
        b'{"packet":{"command":1.5}}',
        b'{"packet":{"command":-1}}',
        b'{"packet":{"command":65536}}',
        b'{"packet":{"command":1,"payload":"a","payload_base64":"YQ=="}}',
        b'{"packet":{"command":1,"payload_base64":"a b"}}',
        b'{"packet":{"command":102,"payload_base64":"/w=="}}',
        b'{"packet":{"command":1,"x":1}}',
        b'{"packet":{"command":1},"from":"a"}',
        b"[" * 5000,
    ],
)
def test_bodies_that_are_refused(serve, body):
    gateway, admin = serve("--max-message", 16 * KIB)
    alice = gateway.login("alice")
    for target in ("/v1/users/alice/messages", "/v1/broadcast"):
        reply = admin.post(target, body)
        assert (reply.status, reply.problem) == (400, "bad-body"), body
        assert reply.json["detail"]
    alice.round_trip()


def test_10_000_pushes_arrive_in_order(serve):
    """Over one connection that is kept alive, while everybody gets broadcasts too."""
    gateway, admin = serve("--read-deadline", 3600)  # alice says nothing, however long it takes
    alice = gateway.login("alice")
    count = 10_000
    over = threading.Event()
    faults, broadcasts = [], [0]

    def broadcast():
        try:
            with Admin(gateway) as other:
                while not over.is_set():
                    reply = other.post("/v1/broadcast", {"text": f"all {broadcasts[0]}"})
                    if reply.status == 202:
                        broadcasts[0] += 1
                    else:
                        assert reply.problem == "overflow"
        except BaseException as error:
            faults.append(error)

    def read():
        try:
            pushed = for_all = 0
            while pushed < count:
                kind, number = alice.message()[1].split(b" ")
                if kind == b"all":
                    assert int(number) == for_all
                    for_all += 1
                else:
                    assert int(number) == pushed
                    pushed += 1
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=broadcast), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    try:
        for number in range(count):
            reply = admin.push("alice", f"you {number}")
            if reply.status == 503:
                wait_until(lambda n=number: admin.push("alice", f"you {n}").status == 202, "there is room")
            else:
                assert reply.status == 202, reply
    finally:
        over.set()
    for thread in threads:
        thread.join(4 * TIMEOUT)
        assert not thread.is_alive()
    if faults:
        raise faults[0]
    assert broadcasts[0] > 0


def test_a_stalled_reader_overflows_and_loses_nothing(serve):
    """Over the limit the answer is overflow, he is not cut off, and gets all that was queued."""
    gateway, admin = serve("--tx-queue-limit", 128 * KIB, "--write-deadline", 600)
    slow = gateway.login("slow", receive_buffer=4 * KIB)
    padding = "x" * 8 * KIB
    queued = 0
    while True:
        reply = admin.push("slow", f"{queued} {padding}")
        if reply.status != 202:
            break
        queued += 1
    assert (reply.status, reply.problem, reply.json["result"]) == (503, "overflow", "overflow")
    assert int(reply.headers["retry-after"]) >= 1
    assert admin.user("slow")["queue_bytes"] > 64 * KIB
    assert admin.metrics()["tidegate_queue_bytes"] > 64 * KIB
    for _ in range(20):
        assert admin.push("slow", f"refused {padding}").status == 503
    for number in range(queued):
        slow.expect_text(f"{number} {padding}")
    wait_until(lambda: admin.user("slow")["queue_bytes"] == 0, "all is taken")
    admin.queued("slow", "again")
    slow.expect_text("again")
    assert not gateway.matching("reads too slowly")


def test_the_nodes_memory_limit_holds_for_pushes(serve):
    """Nobody else is cut off for what a backend pushes."""
    gateway, admin = serve(
        "--memory-limit", 512 * KIB, "--tx-queue-limit", 64 << 20, "--write-deadline", 600
    )
    slow = gateway.login("slow", receive_buffer=4 * KIB)
    results = {admin.push("slow", "x" * 32 * KIB).status for _ in range(200)}
    assert results == {202, 503}
    assert admin.user("slow")
    assert not gateway.matching("memory limit")
    slow.close_socket()


def test_pushes_race_with_kicks(serve):
    """What was queued arrives in one of the sessions, in order, and never twice."""
    gateway, admin = serve("--kick-limit", 0)
    count, rounds = 40, 25
    clients = [gateway.login("alice")]
    faults = []

    def log_in():
        try:
            for _ in range(rounds):
                clients.append(gateway.login("alice"))
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=log_in)
    thread.start()
    number, queued = 0, []
    while thread.is_alive() or number < count:
        if admin.push("alice", str(number)).status == 202:
            queued.append(number)
        number += 1
    thread.join()
    if faults:
        raise faults[0]
    admin.queued("alice", "end")
    seen = []
    for client in clients[:-1]:
        for got in client.frames_to_close():
            if got.opcode == TEXT:
                seen.append(int(got.payload))
        assert got.close_code == 4001
    while True:
        payload = clients[-1].message()[1]
        if payload == b"end":
            break
        seen.append(int(payload))
    assert sorted(seen) == queued, "lost or doubled"
    assert seen == queued


def test_pushes_race_with_ends(serve):
    """Never queued for who is not there: what a live session was promised it has."""
    gateway, admin = serve()
    for _ in range(30):
        alice = gateway.login("alice")
        admin.queued("alice", "first")
        alice.expect_text("first")
        alice.close()
        replies = [admin.push("alice", str(number)) for number in range(3)]
        assert replies[-1].status in (202, 404)
        frames = alice.frames_to_close()
        promised = sum(reply.status == 202 for reply in replies)
        assert len(frames) - 1 <= promised
        alice.close_socket()
        wait_until(lambda: admin.push("alice", "x").status == 404, "alice is offline")


# --- to everybody ---------------------------------------------------------------------------------


def test_a_broadcast_reaches_everybody(serve):
    gateway, admin = serve()
    reply = admin.post("/v1/broadcast", {"text": "nobody there"})
    assert (reply.status, reply.json) == (202, {"result": "queued", "receivers": 0})
    clients = [gateway.login(f"user{number}") for number in range(5)]
    reply = admin.post("/v1/broadcast", {"text": "hello", "from": "user0"})
    assert reply.json == {"result": "queued", "receivers": 5}
    for client in clients:
        client.expect_text("hello -- FROM user0")
    admin.post("/v1/broadcast", {"packet": {"command": 9, "payload": "p"}})
    for client in clients:
        client.expect_binary(packet(9, b"p"))


def test_pushes_and_broadcasts_of_one_caller_keep_their_order(serve):
    gateway, admin = serve()
    clients = [gateway.login(f"user{number}") for number in range(3)]
    for number in range(300):
        admin.post("/v1/broadcast", {"text": f"all {number}"})
        admin.queued(f"user{number % 3}", f"you {number}")
    for index, client in enumerate(clients):
        for number in range(300):
            client.expect_text(f"all {number}")
            if number % 3 == index:
                client.expect_text(f"you {number}")


def test_a_broadcast_that_would_pile_up_is_refused(serve):
    """A slow reader is left behind; the backend is told to come back, the others get all of it."""
    gateway, admin = serve(
        "--tx-queue-limit", 256 * KIB, "--write-deadline", 600, "--memory-limit", 4 << 20
    )
    slow = gateway.login("slow", receive_buffer=4 * KIB)
    replies = [admin.post("/v1/broadcast", {"text": "x" * 32 * KIB}) for _ in range(100)]
    results = {reply.status for reply in replies}
    assert 503 in results, "all went in"
    refused = next(reply for reply in replies if reply.status == 503)
    assert (refused.problem, refused.json["result"]) == ("overflow", "overflow")
    slow.close_socket()

"""What a backend asks of a cluster over NATS and over HTTP, and what users ask of a backend: three nodes
and a real NATS server."""

import json
import shutil
import signal
import subprocess

import pytest

from admin import Admin
from foreign import NODE
from gateway import ROOT
from talking import BUSY, CAME, DONE, TAKEN_OUT, Message, Talker
from waiting import TIMEOUT, wait_until

pytestmark = pytest.mark.threads

REQUEST, REPLY = 130, 131
NOT_VALID, UNREACHABLE = 2, 7


class Cluster:
    """Nodes with an admin port each, and a backend's line to NATS."""

    def __init__(self, start, nats, key, count=2, *options):
        self.nats = nats
        self.nodes = [
            start(
                *("--cluster", nats.url, "--cluster-key", key, "--id", f"gw-{i + 1}", "--admin", "127.0.0.1:0"),
                *("--workers", "2", "--max-devices", "4", *options),
            )
            for i in range(count)
        ]
        self.admins = [Admin(node) for node in self.nodes]
        self.backend = nats.client()
        self.wait(count)

    def close(self):
        for admin in self.admins:
            admin.connection.close()
        self.backend.close()

    def wait(self, count):
        """Until all have their line, and see each other."""

        def is_up(admin):
            seen = admin.get("/v1/nodes").json
            states = [node["state"] for node in seen["nodes"]]
            return seen["link"]["up"] and states == ["self"] + ["up"] * (count - 1)

        for admin in self.admins:
            wait_until(lambda a=admin: is_up(a))

    def login(self, node, user, device=None):
        return Talker(self.nodes[node].raw(), user, device)

    def ask(self, name, timeout=TIMEOUT, **members):
        return self.backend.request(f"tidegate.api.v1.{name}", json.dumps(members).encode(), timeout).json()

    def knows(self, user, *nodes):
        """Waits until each node, whichever is asked then, finds a user's sessions on those nodes, in any order."""
        for admin in self.admins:
            wait_until(
                lambda a=admin: sorted(s["node"] for s in (a.user(user) or {}).get("sessions", ())) == sorted(nodes)
            )

    def room_is(self, room, users):
        """Waits until each node counts so many users in a room."""
        for admin in self.admins:
            wait_until(lambda a=admin: a.get(f"/v1/rooms/{room}").json.get("users") == users)


@pytest.fixture
def cluster(start, nats, cluster_key):
    made = Cluster(start, nats, cluster_key)
    yield made
    made.close()


def request(talker, data):
    """Sends a packet 130. Returns its id."""
    return talker.ask(REQUEST, data)


def reply(talker):
    """The next packet 131: id, result and bytes."""
    fields = talker.expect(REPLY)
    return fields.take("!I"), fields.take("!B"), fields.data


# --- a backend's requests -------------------------------------------------------------------------


def test_push_to_a_user_wherever_he_is(cluster):
    phone, desk = cluster.login(0, "alice", "phone"), cluster.login(1, "alice", "desk")
    cluster.knows("alice", "gw-1", "gw-2")
    answer = cluster.ask("push", user="alice", text="hi", **{"from": "bob"})
    assert answer == {"result": "queued", "sessions": 2, "overflowed": 0}
    assert phone.message() == desk.message() == Message("bob", "@alice", "hi")
    answer = cluster.ask("push", user="alice", device="desk", text="to one")
    assert answer["sessions"] == 1
    assert desk.text() == "to one"
    phone.expect_nothing()
    assert cluster.ask("push", user="nobody", text="hi")["type"] == "/problems/offline"


def test_a_retry_is_no_double(cluster):
    phone, desk = cluster.login(0, "alice", "phone"), cluster.login(1, "alice", "desk")
    cluster.knows("alice", "gw-1", "gw-2")
    for _ in range(5):
        # Whichever node of the queue group is asked.
        answer = cluster.ask("push", user="alice", text="once", id="order-17")
        assert answer == {"result": "queued", "sessions": 2, "overflowed": 0}
        assert cluster.ask("push", all=True, text="to all", id="news-3")["receivers"] == 2
    for talker in (phone, desk):
        assert [talker.text(), talker.text()] == ["once", "to all"]
        talker.expect_nothing()
    cluster.ask("push", user="alice", text="another", id="order-18")
    assert phone.text() == desk.text() == "another"


def test_where_and_kick(cluster):
    phone, desk = cluster.login(0, "alice", "phone"), cluster.login(1, "alice", "desk")
    cluster.knows("alice", "gw-1", "gw-2")
    answer = cluster.ask("where", user="alice")
    sessions = {session["device"]: session for session in answer["sessions"]}
    assert answer["user"] == "alice"
    assert sessions["phone"]["node"] == "gw-1" and sessions["desk"]["node"] == "gw-2"
    assert int(sessions["phone"]["epoch"]) < int(sessions["desk"]["epoch"])
    assert cluster.ask("kick", user="alice", code=1008, reason="banned") == {"sessions": 2}
    phone.raw.expect_close(1008, "banned")
    desk.raw.expect_close(1008, "banned")
    wait_until(lambda: cluster.ask("where", user="alice").get("type") == "/problems/offline")


def test_rooms_of_all_nodes(cluster):
    alice, bob = cluster.login(0, "alice"), cluster.login(1, "bob")
    cluster.knows("alice", "gw-1")
    cluster.knows("bob", "gw-2")
    assert cluster.ask("rooms.join", user="alice", room="team")["sessions"] == 1
    assert alice.members() == ("team", 1, CAME, "alice")
    cluster.room_is("team", 1)
    assert cluster.ask("rooms.list", room="team")["users"] == 1
    assert cluster.ask("rooms.join", user="bob", room="team")["sessions"] == 1
    assert bob.members()[0] == "team"
    cluster.room_is("team", 2)
    assert cluster.ask("rooms.list", room="team")["members"] == ["alice", "bob"]
    answer = cluster.ask("push", room="team", text="hi", **{"from": "ci"})
    assert (answer["users"], answer["sessions"]) == (2, 2)
    assert alice.message() == bob.message() == Message("ci", "#team", "hi")
    page = cluster.ask("rooms.list", room="team", limit=1)
    assert (page["members"], page["after"]) == (["alice"], "alice")
    page = cluster.ask("rooms.list", room="team", limit=1, after="alice")
    assert (page["members"], page["after"]) == (["bob"], None)
    assert [room["room"] for room in cluster.ask("rooms.list")["rooms"]] == ["team"]
    assert cluster.ask("rooms.leave", user="bob", room="team")["sessions"] == 1
    assert bob.members()[2] == TAKEN_OUT
    assert cluster.ask("rooms.leave", user="bob", room="team")["type"] == "/problems/not-a-member"


@pytest.mark.parametrize("name, body, problem", [
    ("push", b"", "bad-body"), ("push", b"[]", "bad-body"), ("push", b'{"user":"alice"}', "bad-body"),
    ("push", b'{"text":"x"}', "bad-body"), ("push", b'{"text":"x","user":"a","all":true}', "bad-body"),
    ("push", b'\xff', "bad-body"), ("push", b'{"a":' * 5000, "bad-body"),
    ("push", b'{"all":true,"text":"%s"}' % (b"x" * 65537), "too-large"),
    ("kick", b'{"user":"alice","code":1002}', "bad-body"), ("where", b'{"user":" alice"}', "bad-body"),
    ("rooms.list", b'{"limit":0}', "bad-body"), ("rooms.join", b'{"user":"alice"}', "bad-body"),
])  # fmt: skip
def test_bad_requests_are_told_so(cluster, name, body, problem):
    answer = cluster.backend.request(f"tidegate.api.v1.{name}", body).json()
    assert answer["type"] == f"/problems/{problem}"
    assert answer["detail"] and answer["title"] and answer["status"] >= 400


def test_who_does_not_answer_is_named(cluster):
    """A stopped node is not called done: it is missing, and what it may have is unknown."""
    cluster.login(0, "alice", "phone")
    cluster.login(1, "alice", "desk")
    cluster.knows("alice", "gw-1", "gw-2")
    cluster.login(1, "bob")
    cluster.knows("bob", "gw-2")
    assert cluster.login(1, "carl").join("team")[0] == DONE
    cluster.room_is("team", 1)
    cluster.nodes[1].stop_running()
    answer = cluster.admins[0].post("/v1/users/alice/messages", {"text": "hi"})
    assert answer.status == 202
    assert answer.json == {"result": "queued", "sessions": 1, "overflowed": 0, "missing": ["gw-2"]}
    for method, target, body in (
        ("POST", "/v1/users/bob/messages", {"text": "hi"}), ("GET", "/v1/users/bob", None),
        ("DELETE", "/v1/users/bob", None), ("POST", "/v1/rooms/team/messages", {"text": "hi"}),
        ("GET", "/v1/rooms/team", None), ("PUT", "/v1/rooms/team/members/bob", None),
        ("DELETE", "/v1/rooms/team/members/bob", None),
    ):  # fmt: skip
        answer = cluster.admins[0].request(method, target, body)
        assert (answer.status, answer.problem) in ((503, "unreachable"), (504, "unknown")), target
        assert answer.json["missing"] == ["gw-2"]
    answer = cluster.admins[0].delete("/v1/users/alice")
    assert (answer.status, answer.json) == (200, {"sessions": 1, "missing": ["gw-2"]})
    cluster.nodes[1].signal(signal.SIGCONT)


# --- over HTTP ------------------------------------------------------------------------------------


def test_http_reaches_all_nodes(cluster):
    first, second = cluster.admins
    bob = cluster.login(1, "bob", "phone")
    cluster.knows("bob", "gw-2")
    answer = first.post("/v1/users/bob/messages", {"text": "hi", "from": "al"})
    assert (answer.status, answer.json["sessions"]) == (202, 1)
    assert bob.message() == Message("al", "@bob", "hi")
    shown = first.get("/v1/users/bob").json
    assert [session["node"] for session in shown["sessions"]] == ["gw-2"]
    assert (shown["device"], shown["node"]) == ("phone", "gw-2")
    assert first.put("/v1/rooms/team/members/bob").json["sessions"] == 1
    assert bob.members()[:1] == ("team",)
    cluster.room_is("team", 1)
    assert first.get("/v1/rooms/team").json["members"] == ["bob"]
    listed = first.get("/v1/rooms?nodes=all").json
    assert listed == {"rooms": [{"room": "team", "users": 1, "sessions": 1}], "after": None}
    assert first.get("/v1/rooms?nodes=all&after=team").json == {"rooms": [], "after": None}
    assert first.get("/v1/rooms?nodes=all&sort=users").problem == "bad-query"
    assert first.get("/v1/rooms?nodes=one").problem == "bad-query"
    assert first.post("/v1/rooms/team/messages", {"text": "all here"}).json["sessions"] == 1
    assert bob.message() == Message("", "#team", "all here")
    answer = first.post("/v1/broadcast", {"text": "news"})
    assert (answer.status, answer.json["receivers"]) == (202, 1)
    assert bob.text() == "news"
    assert first.delete("/v1/rooms/team/members/bob").json["sessions"] == 1
    assert bob.members()[2] == TAKEN_OUT
    assert first.get("/v1/users/nobody").problem == "offline"
    assert first.delete("/v1/users/bob").status == 204
    bob.raw.expect_close(4003, "disconnected")


def test_the_nodes_are_listed(cluster):
    for i, admin in enumerate(cluster.admins):
        its = admin.get("/v1/nodes").json
        assert its["node"] == f"gw-{i + 1}" and its["link"]["up"]
        assert [node["id"] for node in its["nodes"]] == [f"gw-{i + 1}", f"gw-{2 - i}"]
        assert its["nodes"][1]["incarnation"] != its["nodes"][0]["incarnation"]


def test_a_node_that_is_alone(start):
    with Admin(start("--admin", "127.0.0.1:0", "--id", "solo")) as admin:
        its = admin.get("/v1/nodes").json
    assert its["node"] == "solo" and its["link"] is None
    assert [(node["id"], node["state"]) for node in its["nodes"]] == [("solo", "self")]


def test_members_are_listed_by_users_too(cluster):
    """Packet 123 of a session on one node tells those of all."""
    alice, bob = cluster.login(0, "alice"), cluster.login(1, "bob")
    assert alice.join("team")[0] == bob.join("team")[0] == DONE
    cluster.room_is("team", 2)
    assert alice.list("team") == (DONE, True, ["alice", "bob"])
    assert bob.list("team", after="alice") == (DONE, True, ["bob"])


# --- what users ask of a backend ------------------------------------------------------------------


def test_a_request_and_its_reply(cluster):
    alice = cluster.login(0, "alice", "phone")
    cluster.backend.subscribe("tidegate.up", "backend")
    number = request(alice, b"\0what?\xff")
    asked = cluster.backend.next_on("tidegate.up")
    assert asked.data == b"\0what?\xff"
    headers = {name: value for name, value in asked.headers.items() if name.startswith("Tidegate-")}
    address = headers.pop("Tidegate-Address")
    assert headers == {"Tidegate-User": "alice", "Tidegate-Device": "phone", "Tidegate-Node": "gw-1"}
    assert address.startswith("127.0.0.1:")
    cluster.backend.respond(asked, b"that\0")
    assert reply(alice) == (number, DONE, b"that\0")


def test_nobody_answers_requests(cluster):
    alice = cluster.login(0, "alice")
    number = request(alice, b"x")
    assert reply(alice) == (number, UNREACHABLE, b"")


def test_what_is_asked_is_counted(cluster):
    """Of both kinds: by backends, and of them by sessions."""
    admin, alice = cluster.admins[0], cluster.login(0, "alice")
    request(alice, b"to nobody")
    assert reply(alice)[1] == UNREACHABLE
    cluster.backend.subscribe("tidegate.up", "backend")
    request(alice, b"to one")
    cluster.backend.respond(cluster.backend.next_on("tidegate.up"), b"yes")
    assert reply(alice)[1:] == (DONE, b"yes")
    counted = admin.metrics()
    assert counted["tidegate_client_requests_total"] == 2
    assert counted['tidegate_client_requests_ended_total{result="answered"}'] == 1
    assert counted['tidegate_client_requests_ended_total{result="nobody"}'] == 1
    for _ in range(8):
        assert cluster.backend.request("tidegate.api.v1.push", b"{}").json()["status"] == 400
    sums = [sum(a.metrics()[f"tidegate_backend_requests_{name}"] for a in cluster.admins)
            for name in ("total", "refused_total", "partial_total")]  # fmt: skip
    assert sums == [8, 8, 0]


def test_replies_in_any_order(cluster):
    alice, bob = cluster.login(0, "alice"), cluster.login(1, "bob")
    cluster.backend.subscribe("tidegate.up", "backend")
    ids = {}
    for i in range(16):
        ids[b"a%d" % i] = (alice, request(alice, b"a%d" % i))
        ids[b"b%d" % i] = (bob, request(bob, b"b%d" % i))
    number = request(alice, b"one too many")
    assert reply(alice) == (number, BUSY, b"")
    asked = [cluster.backend.next_on("tidegate.up") for _ in ids]
    for message in reversed(asked):
        cluster.backend.respond(message, message.data + b"!")
    for talker in (alice, bob):
        got = {reply(talker) for _ in range(16)}
        assert got == {(n, DONE, data + b"!") for data, (who, n) in ids.items() if who is talker}


def test_a_reply_is_no_larger_than_a_message(start, nats, cluster_key):
    cluster = Cluster(start, nats, cluster_key, 1, "--max-message", "1024")
    alice = cluster.login(0, "alice")
    cluster.backend.subscribe("tidegate.up")
    for size, result in ((1024, DONE), (1025, NOT_VALID)):
        number = request(alice, b"x")
        cluster.backend.respond(cluster.backend.next_on("tidegate.up"), b"y" * size)
        assert reply(alice) == (number, result, b"y" * size if result == DONE else b"")
    cluster.close()


def test_requests_while_nats_is_gone(cluster):
    alice = cluster.login(0, "alice")
    cluster.nats.kill()
    wait_until(lambda: not cluster.admins[0].get("/v1/nodes").json["link"]["up"])
    number = request(alice, b"x")
    assert reply(alice) == (number, UNREACHABLE, b"")
    cluster.nats.start()


# --- the example ----------------------------------------------------------------------------------

EXAMPLE = ROOT / "tools/deploy/backend/backend.mjs"
MODULES = ROOT / "tests/e2e/clients/node_modules"


def test_the_example_of_a_backend(cluster, tmp_path):
    """As it stands, beside the modules that the tests have."""
    alice = cluster.login(0, "alice")
    cluster.knows("alice", "gw-1")
    shutil.copy(EXAMPLE, tmp_path)
    (tmp_path / "node_modules").symlink_to(MODULES)
    process = subprocess.Popen(
        [NODE, tmp_path / EXAMPLE.name, cluster.nats.url],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert "ready" in process.stdout.readline()
        number = request(alice, b"time")
        assert reply(alice)[:2] == (number, DONE)
        cluster.login(1, "bob")
        line = process.stdout.readline()
        while "bob" not in line:
            line = process.stdout.readline()
        assert "online" in line
        assert alice.text() == "bob is here"
    finally:
        process.terminate()
        process.wait(TIMEOUT)

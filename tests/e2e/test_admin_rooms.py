"""Users with several devices, and rooms, in a backend's hand."""

import itertools
import threading
import urllib.parse

import pytest

from raw import PACKET_TEXT, Gone, packet
from talking import CAME, DONE, JOIN, NOBODY, NOT_A_MEMBER, NOT_ALLOWED, TAKEN_OUT, WENT, Message, Talker, string
from waiting import wait_until

KIB = 1 << 10


@pytest.fixture
def talkers(serve):
    """Starts a gateway: talkers(option...) is (admin, talker), and talker("alice", "phone") logs in."""

    def start(*options):
        gateway, admin = serve(*options)
        return admin, lambda *who, shown=None, **more: Talker(gateway.raw(**more), *who, shown=shown)

    return start


def listed(admin, query=""):
    """All rooms, page by page: {name: (users, sessions)}; each comes once."""
    rooms, cursor = {}, ""
    while cursor is not None:
        page = admin.get(f"/v1/rooms?cursor={cursor}{query}").json
        for room in page["rooms"]:
            assert room["room"] not in rooms
            rooms[room["room"]] = room["users"], room["sessions"]
        cursor = page["cursor"]
    return rooms


def members(admin, room, limit=100):
    """All of them, page by page."""
    names, after = [], ""
    while after is not None:
        page = admin.get(f"/v1/rooms/{room}?limit={limit}&after={urllib.parse.quote(after)}").json
        assert len(page["members"]) <= limit
        names += page["members"]
        after = page["after"]
    return names


# --- a user with several devices ------------------------------------------------------------------


@pytest.mark.threads
def test_a_push_reaches_all_devices(talkers):
    admin, talker = talkers("--max-devices", 3)
    desk, phone, bob = talker("alice", "desk"), talker("alice", "phone"), talker("bob")
    reply = admin.push("alice", "to both")
    assert (reply.status, reply.json) == (202, {"result": "queued", "sessions": 2, "overflowed": 0})
    assert [client.text() for client in (desk, phone)] == ["to both"] * 2
    reply = admin.post("/v1/users/alice/messages?device=phone", {"text": "to one"})
    assert reply.json == {"result": "queued", "sessions": 1, "overflowed": 0}
    assert phone.text() == "to one"
    assert admin.post("/v1/users/alice/messages?device=", {"text": "x"}).problem == "offline"
    assert admin.post("/v1/users/alice/messages?device=" + "x" * 33, {"text": "x"}).problem == "bad-query"
    # Misspelt, it must not mean all.
    for target in ("messages?devise=phone", "messages?device=phone&device=desk", "messages?device"):
        assert admin.post(f"/v1/users/alice/{target}", {"text": "x"}).problem == "bad-query"
    assert admin.get("/v1/users/alice?devise=phone").problem == "bad-query"
    for client in (desk, phone, bob):
        client.expect_nothing()


def test_a_push_in_a_name_is_said_to_him(serve):
    """As if that user had said it, to each session as it speaks."""
    gateway, admin = serve("--max-devices", 3)
    phone = Talker(gateway.raw(), "al%20ice", "phone", shown="al ice")
    with gateway.login("al%20ice") as classic:
        reply = admin.post("/v1/users/al%20ice/messages", {"text": "on its way", "from": "shop"})
        assert reply.json == {"result": "queued", "sessions": 2, "overflowed": 0}
        assert phone.message() == Message("shop", "@al ice", "on its way")
        classic.expect_text("on its way -- FROM shop")
        # In nobody's name, and a packet, they come as they are.
        admin.post("/v1/users/al%20ice/messages", {"text": "plain"})
        admin.post("/v1/users/al%20ice/messages", {"packet": {"command": 102, "payload": "x"}, "from": "shop"})
        assert (phone.text(), phone.text()) == ("plain", "x -- FROM shop")
        classic.expect_text("plain")
        classic.expect_binary(packet(PACKET_TEXT, b"x -- FROM shop"))


def test_a_push_says_who_could_not_take_it(talkers):
    admin, talker = talkers("--demo", "--max-devices", 3)
    desk = talker("alice", "desk")
    for device in ("phone", ""):
        talker("alice", device)
        assert admin.post(f"/v1/demo/users/alice/mute?device={device}", {"muted": True}).status == 204
    assert admin.push("alice", "x").json == {"result": "queued", "sessions": 1, "overflowed": 2}
    assert desk.text() == "x"
    assert admin.post("/v1/demo/users/alice/mute", {"muted": True}).status == 204
    reply = admin.push("alice", "y")
    assert (reply.status, reply.problem, reply.json["result"]) == (503, "overflow", "overflow")


def test_a_user_is_shown_with_all_sessions(serve):
    gateway, admin = serve("--max-devices", 3)
    desk = Talker(gateway.raw(), "alice", "desk")
    assert desk.join("room") == (DONE, 1)
    gateway.login("alice")
    shown = admin.user("alice")
    first, second = shown.pop("sessions")
    assert (first["device"], first["protocol"], first["rooms"]) == ("desk", "tidegate.v1", 1)
    assert (second["device"], second["protocol"], second["rooms"]) == ("", "classic", 0)
    # Who knows of one session only sees the newest.
    times = ("connected_ms", "idle_ms")
    assert {"user": "alice", **second} | {key: shown[key] for key in times} == shown
    assert sorted(user["device"] for user in admin.users()) == ["", "desk"]
    assert [s["device"] for s in admin.get("/v1/users/alice?device=desk").json["sessions"]] == ["desk"]
    assert admin.get("/v1/users/alice?device=phone").problem == "offline"
    page = admin.get("/v1/users?sort=user").json
    assert [user["device"] for user in page["users"]] == ["", "desk"] and page["matched"] == 2


def test_one_device_is_closed_or_all(talkers):
    admin, talker = talkers("--max-devices", 4)
    clients = {device: talker("alice", device) for device in ("desk", "phone", "pad", "")}
    assert admin.delete("/v1/users/alice?device=phone&code=4321&reason=lost").status == 204
    clients.pop("phone").raw.expect_close(4321, "lost")
    assert admin.delete("/v1/users/alice?device=phone").problem == "offline"
    assert admin.delete("/v1/users/alice?device=").status == 204
    clients.pop("").raw.expect_close(4003, "disconnected")
    for client in clients.values():
        client.expect_nothing()
    assert admin.delete("/v1/users/alice").status == 204
    for client in clients.values():
        client.raw.expect_close(4003, "disconnected")
    assert admin.delete("/v1/users/alice").problem == "offline"


def test_faults_of_one_device(talkers):
    admin, talker = talkers("--demo", "--max-devices", 2)
    desk, phone = talker("alice", "desk"), talker("alice", "phone")
    assert admin.post("/v1/demo/users/alice/cut?device=phone").status == 204
    with pytest.raises(Gone, match="reset"):
        phone.raw.frame()
    desk.expect_nothing()
    assert admin.post("/v1/demo/users/alice/cut").status == 204
    with pytest.raises(Gone, match="reset"):
        desk.raw.frame()


@pytest.mark.threads
def test_pushes_race_with_a_device_that_moves(serve):
    """The one that stays gets each once and in order; the one that moves none twice."""
    gateway, admin = serve("--max-devices", 2, "--kick-limit", 0)
    sessions, got, has_moved_enough = [], [], threading.Event()
    stays = Talker(gateway.raw(), "alice", "desk")

    def push():
        while not has_moved_enough.is_set():
            reply = admin.push("alice", str(len(sessions)))
            assert reply.status == 202, reply
            sessions.append(reply.json["sessions"])

    pusher = threading.Thread(target=push)
    pusher.start()
    for _ in range(100):
        phone = Talker(gateway.raw(), "alice", "phone")
        got += [int(phone.text()) for _ in range(3)]
    has_moved_enough.set()
    pusher.join()
    assert [int(stays.text()) for _ in sessions] == list(range(len(sessions)))
    stays.expect_nothing()
    assert got == sorted(set(got))
    assert set(sessions) <= {1, 2} and sum(sessions) >= len(sessions) + len(got)


# --- rooms --------------------------------------------------------------------------------------


@pytest.mark.threads
def test_a_room_hears_a_backend(talkers):
    admin, talker = talkers("--max-devices", 2, "--client-broadcast", "false")
    assert admin.post("/v1/rooms/room/messages", {"text": "?"}).problem == "no-room"
    alice, phone, bob, carol = talker("alice"), talker("alice", "phone"), talker("bob"), talker("carol")
    for client in (alice, phone, bob):
        client.join("room")
    reply = admin.post("/v1/rooms/room/messages", {"text": "hello 中\0", "from": "alice"})
    assert (reply.status, reply.json) == (202, {"result": "queued", "users": 2, "sessions": 3})
    admin.post("/v1/rooms/room/messages", {"text": ""})
    for client in (alice, phone, bob):
        assert client.message() == Message("alice", "#room", "hello 中\0")
        assert client.message() == Message("", "#room", "")
    # What clients may not, the API may.
    assert bob.say("", "?") == (NOT_ALLOWED, 0)
    assert admin.post("/v1/broadcast", {"text": "all"}).json["receivers"] == 4
    for client in (alice, phone, bob, carol):
        assert client.text() == "all"
        client.expect_nothing()


@pytest.mark.parametrize("body", [
    {}, {"from": "shop"}, {"text": 1}, {"text": "x", "from": ""}, {"text": "x", "from": " shop"},
    {"text": "x", "from": "a -- FROM b"}, {"text": "x", "colour": "red"}, {"packet": {"command": 102}},
    {"text": "x", "packet": {"command": 102}}, [], b"{", b'{"text":"x","text":"x"}', b'{"text":"\xff"}',
])  # fmt: skip
def test_bodies_that_are_refused(talkers, body):
    admin, talker = talkers()
    alice = talker("alice")
    alice.join("room")
    assert admin.post("/v1/rooms/room/messages", body).problem == "bad-body"
    alice.expect_nothing()


def test_the_largest_text(talkers):
    admin, talker = talkers("--max-message", 1000)
    alice = talker("alice")
    alice.join("r" * 64)
    target = f"/v1/rooms/{'r' * 64}/messages"
    assert admin.post(target, {"text": "x" * 1001, "from": "f" * 64}).problem == "too-large"
    assert admin.post(target, {"text": "x" * 1000, "from": "f" * 64}).status == 202
    assert alice.message() == Message("f" * 64, "#" + "r" * 64, "x" * 1000)


@pytest.mark.parametrize("name", ["..", ".", "-", "a+b", "ä/b c%", "日本語", "x" * 64])
def test_names_are_percent_encoded(talkers, name):
    admin, talker = talkers()
    quoted = urllib.parse.quote(name, safe="+")
    alice, bob = talker("alice"), talker(quoted, shown=name)
    alice.join(name)
    for target in (f"/v1/rooms/{quoted}", f"/v1/rooms/-?room={quoted}"):
        assert admin.get(target).json["room"] == name
    assert admin.post(f"/v1/rooms/-/messages?room={quoted}", {"text": "x", "from": name}).status == 202
    assert alice.message() == Message(name, f"#{name}", "x")
    for method, change in ((admin.put, CAME), (admin.delete, TAKEN_OUT)):
        assert method(f"/v1/rooms/-/members/-?room={quoted}&name={quoted}").status == 200
        assert bob.members()[::2] == (name, change)
    assert list(listed(admin, f"&prefix={quoted}")) == [name]


@pytest.mark.parametrize("name", ["", "%20x", "%00", "%ff", "x" * 65, "a%20--%20FROM%20b"])
def test_what_is_no_name(talkers, name):
    admin, _ = talkers()
    for target in (f"/v1/rooms/{name}", f"/v1/rooms/-?room={name}"):
        assert admin.get(target).problem == "bad-name"
    for target in (f"/v1/rooms/{name}/members/alice", f"/v1/rooms/room/members/{name}"):
        assert admin.put(target).problem == "bad-name"
    assert admin.get("/v1/rooms/room?name=x").problem == "bad-query"


# --- members --------------------------------------------------------------------------------------


@pytest.mark.threads
def test_a_user_is_put_in_and_taken_out(serve):
    gateway, admin = serve("--max-devices", 3, "--rooms-per-session", 2)
    phone, desk, bob = (Talker(gateway.raw(), *who) for who in (("alice", "phone"), ("alice", "desk"), ("bob",)))
    target = "/v1/rooms/room/members/alice"
    assert admin.put("/v1/rooms/room/members/nobody").problem == "offline"
    assert admin.delete("/v1/rooms/room/members/nobody").problem == "offline"
    assert admin.delete(target).problem == "not-a-member"
    bob.join("room", told=True)
    reply = admin.put(target)
    assert (reply.status, reply.json) == (200, {"sessions": 2, "refused": 0, "users": 2})
    assert bob.members() == ("room", 2, CAME, "alice")
    for client in (phone, desk):
        assert client.members() == ("room", 2, CAME, "alice")
    assert phone.say("#room", "here we are") == (DONE, 2)
    for client in (desk, bob):
        assert client.message() == Message("alice", "#room", "here we are")
    # One that he logs in later is not in it, until he is put in once more; classic ones never are.
    late = gateway.login("alice")
    assert desk.leave("room") == (DONE, 2)
    assert admin.put(target).json == {"sessions": 2, "refused": 0, "users": 2}
    assert desk.members() == ("room", 2, CAME, "alice")
    assert admin.delete(target).json == {"sessions": 2, "refused": 0, "users": 1}
    # The first one is in no room any more, but the user still is.
    assert phone.members()[1:] == (2, TAKEN_OUT, "")
    assert desk.members()[1:] == (1, TAKEN_OUT, "")
    assert bob.members() == ("room", 1, WENT, "alice")
    assert phone.say("#room", "?") == (NOT_A_MEMBER, 0)
    assert bob.say("#room", "?") == (NOBODY, 0)
    late.round_trip()
    for client in (phone, desk, bob):
        client.expect_nothing()


def test_a_session_is_in_so_many_rooms(talkers):
    admin, talker = talkers("--max-devices", 2, "--rooms-per-session", 1)
    desk, phone = talker("alice", "desk"), talker("alice", "phone")
    assert desk.join("one") == (DONE, 1)
    assert admin.put("/v1/rooms/two/members/alice").json == {"sessions": 1, "refused": 1, "users": 1}
    assert phone.members() == ("two", 1, CAME, "alice")
    reply = admin.put("/v1/rooms/three/members/alice")
    assert (reply.status, reply.problem) == (409, "too-many-rooms")
    assert listed(admin) == {"one": (1, 1), "two": (1, 1)}


def test_classic_sessions_are_in_no_room(serve):
    gateway, admin = serve()
    with gateway.login("old") as old:
        assert admin.put("/v1/rooms/room/members/old").problem == "offline"
        assert admin.delete("/v1/rooms/room/members/old").problem == "not-a-member"
        assert listed(admin) == {}
        old.round_trip()


def test_members_page_by_page(talkers):
    admin, talker = talkers("--max-devices", 2)
    assert admin.get("/v1/rooms/room").problem == "no-room"
    names = [f"user{number}" for number in range(12)]
    for name in names:
        talker(name).join("room")
    talker(names[3], "phone").join("room")
    page = admin.get("/v1/rooms/room").json
    assert page == {"room": "room", "users": 12, "sessions": 13, "members": sorted(names), "after": None}
    for limit in (1, 5, 11, 12, 13, 256):
        assert members(admin, "room", limit) == sorted(names)
    assert admin.get("/v1/rooms/room?limit=5").json["after"] == sorted(names)[4]
    for query in ("limit=0", "limit=257", "after=" + "x" * 65, "prefix=x"):
        assert admin.get(f"/v1/rooms/room?{query}").problem == "bad-query"


@pytest.mark.threads
def test_rooms_page_by_page(talkers):
    """More than are looked at in one go; who stays is listed once, while others come and go."""
    admin, talker = talkers("--rooms-per-session", 1000)
    alice, bob = talker("alice"), talker("bob")
    names = [f"r{number:04}" for number in range(1000)]
    for client, rooms in ((alice, names), (bob, names[:700])):
        for room in rooms:
            client.send(JOIN, b"\0" * 5 + string(room))  # without an answer
    wait_until(lambda: admin.status()["totals"]["memberships"] == 1700, "all are in")
    expected = {name: (2, 2) if name < "r0700" else (1, 1) for name in names}
    for limit in (1000, 997, 64):
        assert listed(admin, f"&limit={limit}") == expected
    assert listed(admin, "&prefix=r099") == {name: (1, 1) for name in names[990:]}
    assert listed(admin, "&prefix=s") == {}

    page = admin.get("/v1/rooms?sort=users&order=desc&limit=3").json
    assert [room["room"] for room in page["rooms"]] == names[:3]
    assert (page["matched"], page["cursor"]) == (1000, None)
    page = admin.get("/v1/rooms?sort=room&order=desc&limit=3").json
    assert [room["room"] for room in page["rooms"]] == names[:-4:-1]
    for query in ("sort=name", "limit=0", "limit=1001", "cursor=1", "cursor=4294967297.0", "name=x"):
        assert admin.get(f"/v1/rooms?{query}").problem == "bad-query"

    going = itertools.count(700)
    rooms, cursor = [], ""
    while cursor is not None:
        page = admin.get(f"/v1/rooms?limit=50&cursor={cursor}").json
        rooms += [room["room"] for room in page["rooms"]]
        cursor = page["cursor"]
        assert alice.leave(f"r0{next(going)}") == (DONE, 0)
        bob.join(f"new{len(rooms)}")
    assert len(rooms) == len(set(rooms))
    assert set(names[:700]) <= set(rooms)


# --- order, limits, figures -----------------------------------------------------------------------


@pytest.mark.threads
def test_what_one_caller_sends_keeps_its_order(talkers):
    """To a user, to his room and to everybody, across workers."""
    admin, talker = talkers()
    clients = [talker("alice"), talker("bob")]
    for client in clients:
        client.join("room")
    for number in range(100):
        text = {"text": str(number)}
        for target in ("/v1/users/alice", "/v1/users/bob", "/v1/rooms/room"):
            assert admin.post(f"{target}/messages", text).status == 202
        assert admin.post("/v1/broadcast", text).status == 202
    for client in clients:
        for number in range(100):
            assert client.text() == str(number)
            assert client.message() == Message("", "#room", str(number))
            assert client.text() == str(number)


def test_changes_are_limited(talkers):
    admin, talker = talkers("--admin-rate", 1)
    alice = talker("alice")
    alice.join("room")
    for ask in (
        lambda: admin.post("/v1/rooms/room/messages", {"text": "x"}),
        lambda: admin.put("/v1/rooms/room/members/alice"),
        lambda: admin.delete("/v1/rooms/room/members/alice"),
    ):
        reply = wait_until(lambda ask=ask: (reply := ask()).status == 429 and reply, "limited")
        assert reply.problem == "too-many-requests"


def test_nothing_is_promised_that_is_dropped(talkers):
    """A room's message is taken for all, or refused."""
    admin, talker = talkers()
    slow = talker("slow", receive_buffer=4 * KIB)
    slow.join("room")
    taken = 0
    while (reply := admin.post("/v1/rooms/room/messages", {"text": "x" * 16 * KIB})).status == 202:
        taken += 1
    assert (reply.status, reply.json["result"]) == (503, "overflow")
    for _ in range(taken):
        assert slow.message() == Message("", "#room", "x" * 16 * KIB)
    slow.expect_nothing()


@pytest.mark.threads
def test_what_is_counted(talkers):
    admin, talker = talkers()
    alice, bob, carol = talker("alice"), talker("bob"), talker("carol")
    before = admin.metrics()
    for client in (alice, bob, carol):
        client.join("room")
    alice.join("another")
    assert carol.leave("room") == (DONE, 2)
    assert alice.say("#room", "x") == (DONE, 1)
    bob.message()
    assert alice.say("@bob", "x") == (DONE, 1)
    bob.message()
    assert alice.say("", "x") == (DONE, 2)
    admin.post("/v1/rooms/room/messages", {"text": "x"})
    admin.post("/v1/broadcast", {"text": "x"})
    admin.push("carol", "x")
    assert admin.put("/v1/rooms/room/members/carol").status == 200
    for client, packets in ((alice, 2), (bob, 3), (carol, 4)):
        for _ in range(packets):
            client.raw.message()
        client.expect_nothing()
    counted = {
        "tidegate_rooms": 2,
        "tidegate_memberships": 4,
        "tidegate_room_users_sum": 4,
        "tidegate_room_users_count": 2,
        'tidegate_room_users_bucket{le="1"}': 1,
        'tidegate_room_users_bucket{le="2"}': 1,
        'tidegate_room_users_bucket{le="4"}': 2,
        'tidegate_said_total{audience="all"}': 2,
        'tidegate_said_total{audience="user"}': 1,
        'tidegate_said_total{audience="room"}': 2,
        "tidegate_pushed_messages_total": 1,
        # Of what is for everybody alone.
        "tidegate_fanout_receivers_count": 2,
        "tidegate_fanout_receivers_sum": 2 + 3,
        # Two messages to the room, one to bob, and those two.
        "tidegate_fanout_deliveries_total": 1 + 2 + 1 + 2 + 3,
        'tidegate_delivered_total{audience="all"}': 2 + 3,
        'tidegate_delivered_total{audience="user"}': 1,
        'tidegate_delivered_total{audience="room"}': 1 + 2,
        # Those, the push, eight answers, carol's news of being in, and the pongs of what is asked here.
        "tidegate_messages_sent_total": 9 + 1 + 8 + 1 + 3,
    }
    after = admin.metrics()
    assert {name: after[name] - before[name] for name in counted} == counted
    status = admin.status()
    assert (status["totals"]["rooms"], status["totals"]["said_to_room"]) == (2, 2)
    assert status["room_users"]["sum"] == 4
    for client in (alice, bob, carol):
        client.raw.close_socket()
    wait_until(lambda: admin.status()["room_users"]["sum"] == 0, "all are gone")
    assert sum(admin.status()["room_users"]["counts"]) == 0
    assert listed(admin) == {}

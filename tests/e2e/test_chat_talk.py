"""tidegate-chat and tidegate.v1: users, rooms, devices, commands, and gateways that do not speak it."""

import signal
import struct

import pytest

from chatting import CTRL_D, LOCAL, LOST, OK, USAGE, plain
from proxy import Proxy
from raw import BINARY, TEXT, Frame, packet
from talking import ANSWER, DONE, JOIN, MESSAGE, SAY, Talker, string

V1 = "Sec-WebSocket-Protocol: tidegate.v1"


def ws(gateway):
    return f"ws://127.0.0.1:{gateway.port}"


@pytest.fixture(scope="module")
def gateway(start_for_module):
    return start_for_module("--workers", "2", "--max-devices", "2")


@pytest.fixture
def talking(gateway, chat):
    """Chats that speak it, on pipes: talking("alice", "--device=phone")."""

    def start(user, *options):
        started = chat("--v1", *options, address=ws(gateway), user=user)
        return started if "--quiet" in options else started.connected()

    return start


@pytest.fixture
def talker(gateway):
    yield lambda user, device=None: Talker(gateway.raw(), user, device)
    gateway.close_clients()


@pytest.fixture
def peer(server, chat):
    """A gateway that the test plays, which speaks it, and alice in front of it."""
    alice = chat("--v1", address=server.address)
    line = open_v1(server)
    alice.connected()
    line.alice = alice
    return line


def open_v1(server):
    line = server.accept()
    request = line.read_request()
    assert request.headers["sec-websocket-protocol"] == "tidegate.v1"
    line.send(request.answer(extra=[V1]))
    return line


def request_of(line, command):
    """The next message of the chat is that packet. Returns its id and the rest of its payload."""
    got = line.frame()
    assert (got.opcode, got.payload[:2]) == (BINARY, struct.pack("!H", command)), got
    return struct.unpack("!I", got.payload[6:10])[0], got.payload[10:]


def answer(line, number, result=DONE, count=1):
    line.binary(packet(ANSWER, struct.pack("!IBI", number, result, count)))


# --- users and rooms ------------------------------------------------------------------------------


@pytest.mark.threads
def test_users_and_rooms(talking):
    alice, bob, eve = talking("alice"), talking("bob"), talking("eve")
    for user, there in ((alice, 1), (bob, 2)):
        user.say("/join dev")
        user.expect_state(rf"in #dev \({there} there\)")
    alice.expect_state(r"bob came to #dev \(2 there\)")
    alice.say("/to @bob hello, bob")
    bob.expect("[@bob] hello, bob -- FROM alice\n")
    bob.say("/to #dev hello, all of dev")
    alice.expect("[#dev] hello, all of dev -- FROM bob\n")
    bob.say("//hello, everybody")
    for other in (alice, eve):
        other.expect("/hello, everybody -- FROM bob\n")
    bob.say("/leave #dev")
    alice.expect_state(r"bob left #dev \(1 there\)")
    for user in (alice, bob, eve):
        user.end_input()
        user.assert_ends(OK)
    assert eve.out.lines() == ["/hello, everybody -- FROM bob"]
    assert alice.out.lines() == ["[#dev] hello, all of dev -- FROM bob", "/hello, everybody -- FROM bob"]


def test_who_is_spoken_to(talking):
    alice, bob = talking("alice"), talking("bob")
    alice.say("/in ops")
    alice.expect_state("what is typed goes to #ops")
    alice.expect_state(r"in #ops \(1 there\)")
    bob.say("/join ops")
    alice.expect_state("bob came to #ops")
    alice.say("in the room")
    bob.expect("[#ops] in the room -- FROM alice\n")
    alice.say("/in @bob")
    alice.say("to bob")
    bob.expect("[@bob] to bob -- FROM alice\n")
    alice.say("/in")
    alice.expect_state("what is typed goes to everybody")
    alice.say("to all")
    bob.expect("to all -- FROM alice\n")
    assert bob.out.lines()[-1] == "to all -- FROM alice"
    alice.say("/in ops")
    alice.say("/leave ops")
    alice.expect_state("what is typed goes to #ops")
    alice.expect_state("what is typed goes to everybody")


def test_who_is_there(talking, talker):
    """In two pages, in the order of their bytes."""
    alice = talking("alice", "--quiet")
    for number in range(257):
        talker(f"user{number:03}").join("crowd")
    alice.say("/join crowd")
    alice.say("/who crowd")
    alice.expect_state("in #crowd: alice\n")
    alice.expect_state("in #crowd: user256\n")
    shown = [line for line in alice.err.lines() if line.startswith("* in #crowd: ")]
    assert shown == [f"* in #crowd: {user}" for user in ("alice", *(f"user{n:03}" for n in range(257)))]
    alice.say("/in crowd")
    alice.say("/who")
    alice.expect_state("in #crowd: alice\n")


def test_a_device_shows_what_the_other_says(talking):
    phone, desktop, bob = talking("alice", "--device=phone"), talking("alice", "--device", "my desktop"), talking("bob")
    phone.say("/to @bob on my way")
    bob.expect("[@bob] on my way -- FROM alice\n")
    desktop.expect("[@bob] on my way -- FROM alice\n")
    bob.say("/to @alice good")
    for device in (phone, desktop):
        device.expect("[@alice] good -- FROM bob\n")


def test_names_with_blanks_stand_in_quotes(gateway, talking):
    alice, bob = talking("alice"), talking("bob smith")
    bob.say('/join "a room"')
    bob.expect_state(r"in #a room \(1 there\)")
    alice.say('/join #"a room"')
    alice.say('/to @"bob smith" hi')
    alice.say('/to #"a room" hi, room')
    bob.expect("[@bob smith] hi -- FROM alice\n")
    bob.expect("[#a room] hi, room -- FROM alice\n")


def test_nothing_looks_as_if_it_were_for_others(peer):
    """What a script reads: a line begins with a bracket and a mark if and only if that is true."""
    push = b"\0" + struct.pack("!Q", 1_700_000_000_123) + string("bob")
    peer.text("[#dev] fire -- FROM eve")
    peer.text("[@alice] psst -- FROM eve")
    peer.text("[] [#dev] -- FROM eve")
    peer.binary(packet(MESSAGE, push + string("#a] b\u202e") + b"hi\nthere"))
    peer.alice.expect("FROM bob\n")
    assert peer.alice.out.lines() == [
        r"\x5b#dev] fire -- FROM eve",
        r"\x5b@alice] psst -- FROM eve",
        "[] [#dev] -- FROM eve",
        r"[#a\x5d b\u202e] hi\nthere -- FROM bob",
    ]


def test_a_backend_speaks_and_takes_out(serve, chat):
    gateway, admin = serve()
    alice = chat("--v1", address=ws(gateway), user="alice").connected()
    alice.say("/in team")
    alice.expect_state("in #team")
    assert admin.post("/v1/rooms/team/messages", {"text": "from nobody"}).status == 202
    alice.expect("[#team] from nobody\n")
    assert admin.post("/v1/rooms/team/messages", {"text": "from one", "from": "desk"}).status == 202
    alice.expect("[#team] from one -- FROM desk\n")
    assert admin.delete("/v1/rooms/team/members/alice").status == 200
    alice.expect_state("taken out of #team")
    alice.say("is anybody there?")  # which is not for everybody
    alice.expect_error("is not sent: not in that room")


# --- the backend, and what is lost before it comes ------------------------------------------------


@pytest.fixture
def line(server, chat):
    """A server that speaks tidegate.v1, and the chat at the other end."""
    alice = chat("--v1", address=server.address)
    line = server.accept()
    line.send(line.read_request().answer(extra=[V1]))
    return line, alice.connected()


def test_the_backend_is_asked(line):
    line, alice = line
    alice.say('/request {"who": "#dev"}')
    assert line.said() == Frame(BINARY, packet(130, b'\0\0\0\1{"who": "#dev"}'))
    line.binary(packet(131, b"\0\0\0\1\0no\nbody"))
    alice.expect_state(r"reply: no\\nbody$")
    alice.say("/request x")
    assert line.said() == Frame(BINARY, packet(130, b"\0\0\0\2x"))
    line.binary(packet(131, b"\0\0\0\2\x07"))
    alice.expect_error("line 2 is not sent: that node of the gateway, or the backend, cannot be asked now")
    alice.say("/request y")
    assert line.said() == Frame(BINARY, packet(130, b"\0\0\0\3y"))
    line.binary(packet(131, b"\0\0\0\3\x08"))
    alice.expect_error("line 3 is not sent: no answer: it may have arrived")


def test_what_was_lost_between_nodes_is_told(line):
    line, alice = line
    line.binary(packet(105, b"\0\0\0\1"))
    alice.expect_state("1 batch of messages from other nodes of the gateway got lost$")
    line.binary(packet(105, b"\0\0\1\0and more of a later version"))
    alice.expect_state("256 batches of messages from other nodes of the gateway got lost$")


# --- what is refused ------------------------------------------------------------------------------

REFUSALS = {
    "/to @nobody hi": "line 1 is not sent: nobody is there",
    "/to #dev hi": "line 1 is not sent: not in that room",
    "/to @ hi": "line 1 is not sent: nobody can be called that",
    "/to @" + "x" * 65 + " hi": "line 1 is not sent: nobody can be called that",
    "/join " + "x" * 65: "line 1 is not sent: nobody can be called that",
    "/leave dev": "line 1 is not sent: not in that room",
    "/who dev": "line 1 is not sent: not in that room",
    "/who": "which room",
    "/to bob hi": r"usage: /to @USER\|#ROOM TEXT",
    "/join": "usage: /join ROOM",
    "/request": "usage: /request TEXT",
    "/request x": "line 1 is not sent: that node of the gateway, or the backend, cannot be asked now",
    "/etc/passwd": "no command is called /etc/passwd: /help shows them, and a line that begins with // says",
    "/to @bob " + "x" * 65521: "line 1 is not sent: the message is over 64 KiB",
    "x" * 65537: "line 1 is not sent: it has more than 65536 bytes",
}


@pytest.mark.parametrize("line, reason", REFUSALS.items(), ids=range(len(REFUSALS)))
def test_what_is_refused_is_told_and_passed_over(gateway, talking, chat, line, reason):
    bob = talking("bob")
    alice = chat("--v1", address=ws(gateway), user="alice", run=True, text=f"{line}\n/to @bob next\n")
    bob.expect("[@bob] next -- FROM alice\n")
    alice.assert_ends(LOCAL)
    assert alice.expect_error(reason)


def test_a_text_to_everybody_needs_nobody(chat, gateway):
    chat("--v1", address=ws(gateway), user="lonely", run=True, text="is anybody there?\n").assert_ends(OK)


def test_a_room_too_many(start, chat):
    gateway = start("--rooms-per-session", "1")
    alice = chat("--v1", address=ws(gateway), run=True, text="/join a\n/join b\n")
    alice.assert_ends(LOCAL)
    alice.expect_error("not in #b: in too many rooms")


@pytest.mark.parametrize("options, reason", [
    (["--device="], "--device: a name has 1 to 32 bytes"),
    (["--device", "x" * 33], "--device: a name has 1 to 32 bytes"),
    (["--v1", "--classic"], "--v1 and --classic exclude each other"),
])  # fmt: skip
def test_options_are_judged(chat, options, reason):
    alice = chat(*options)
    alice.assert_ends(USAGE)
    assert reason in alice.err.text


# --- who speaks what ------------------------------------------------------------------------------


def test_a_pipe_is_classic_unless_told(gateway, talking, chat):
    """A script keeps what it has: slashes are text, and messages come as they always did."""
    bob = chat(address=ws(gateway), user="bob").connected()
    alice = talking("alice")
    bob.say("/to @alice hi")
    alice.expect("/to @alice hi -- FROM bob\n")
    alice.say("/to @bob hi")
    bob.expect("hi -- FROM alice\n")
    assert bob.out.lines() == ["hi -- FROM alice"]


def test_a_terminal_speaks_it_unless_told(gateway, talking, chat):
    bob = talking("bob")
    alice = chat(address=ws(gateway), user="alice", terminal=True).connected()
    assert "connected; Ctrl-D logs out, /help shows commands" in plain(alice.out.text)
    alice.say("/help")
    alice.expect("/to @USER|#ROOM TEXT  says a text to a user")
    alice.say("/to @bob hi")
    bob.expect("[@bob] hi -- FROM alice\n")
    alice.type(CTRL_D)
    alice.assert_ends(OK)
    eve = chat("--classic", address=ws(gateway), user="eve", terminal=True).connected()
    eve.say("/help")
    bob.expect("/help -- FROM eve\n")


def test_a_gateway_of_before(server, chat):
    """It names no subprotocol: the chat goes on as before, and says so when more is asked."""
    alice = chat(terminal=True, address=server.address)
    line = server.accept()
    request = line.read_request()
    assert request.headers["sec-websocket-protocol"] == "tidegate.v1"
    line.send(request.answer())
    alice.connected()
    alice.say("hello")
    assert line.frame() == Frame(TEXT, b"hello")
    assert "tidegate.v1" not in plain(alice.out.text)
    for command in ("/to @bob hi", "/join dev", "/in dev", "/in @bob", "/leave dev", "/who dev", "/request x"):
        alice.say(command)
        alice.err.expect("is not sent: the gateway does not speak tidegate.v1")
    alice.say("still to all")
    assert line.frame() == Frame(TEXT, b"still to all")


def test_a_gateway_of_before_where_it_was_asked_for(server, chat):
    alice = chat("--v1", address=server.address)
    server.open()
    alice.expect_error("the gateway does not speak tidegate.v1")
    alice.connected()


# --- lines that are lost --------------------------------------------------------------------------


def test_rooms_are_joined_anew(gateway, talking, chat):
    with Proxy(gateway.port) as proxy:
        bob = talking("bob")
        alice = chat("--v1", address=proxy.address, user="alice").connected()
        alice.say("/in yard")
        alice.expect_state(r"in #yard \(1 there\)")
        bob.say("/join yard")
        alice.expect_state("bob came to #yard")
        proxy.reset()
        alice.expect_state("reconnecting")
        bob.expect_state("alice left #yard")
        alice.say("back again")
        alice.signal(signal.SIGCONT)  # so that it comes back within a second
        alice.expect_state(r"in #yard \(2 there\)")
        bob.expect("[#yard] back again -- FROM alice\n")


def test_what_nobody_answered_is_in_doubt(peer, server):
    peer.alice.say("/to @bob hi")
    request_of(peer, SAY)
    peer.close_socket()
    peer.alice.expect_error("the last 1 line sent may not have arrived")
    peer.alice.signal(signal.SIGCONT)
    again = open_v1(server)
    peer.alice.say("/to @bob next")
    number, rest = request_of(again, SAY)
    assert rest == b"\0" + string("@bob") + b"next"
    answer(again, number)
    peer.alice.end_input()
    again.expect_logout()
    peer.alice.assert_ends(LOST)


def test_an_answer_that_knows_nothing(peer):
    """Result 8: another node has not answered in time. The line stands, and goes on."""
    peer.alice.say("/to @bob hi")
    answer(peer, request_of(peer, SAY)[0], result=8)
    peer.alice.expect_error("line 1 is not sent: no answer: it may have arrived")
    peer.alice.say("/join dev")
    request_of(peer, JOIN)
    peer.alice.end_input()
    peer.expect_logout()
    peer.alice.assert_ends(LOCAL)


def test_the_end_waits_for_the_answer(peer):
    """So the exit status tells whether it has arrived."""
    peer.alice.say("/to @bob hi")
    peer.alice.end_input()
    number, _ = request_of(peer, SAY)
    answer(peer, 0xFFFF)  # to somebody else
    answer(peer, number)
    peer.expect_logout()
    peer.alice.assert_ends(OK)

"""tidegate-chat and its line: heartbeats, silence, cuts, restarts, back-pressure, and what becomes of
what was said."""

import os
import re
import signal
import threading

import pytest

from chatting import IO_TIMEOUT, LOST, OK, PROTOCOL, UNREACHABLE
from gateway import free_port
from proxy import Proxy
from raw import CLOSE, PING, PONG, TEXT, Frame, close_payload
from scripted import Server
from waiting import FACTOR, wait_until

# For where the heart beats, but its silence is not what is tested.
BEATS = ("--heartbeat=0.1", "--read-deadline=60")
RECONNECTING = r"reconnecting in (\d+\.\d) s \(attempt 1 of 10\)"


def ws(gateway):
    return f"ws://127.0.0.1:{gateway.port}"


@pytest.fixture
def proxy(gateway):
    with Proxy(gateway.port) as between:
        yield between


@pytest.fixture
def narrow():
    """A server that takes little at a time."""
    with Server(receive_buffer=4096) as listening:
        yield listening


# --- the heartbeat --------------------------------------------------------------------------------


def test_verbose_lines(gateway, chat):
    """Those of the tutorial, word by word, each on a line of its own and in order."""
    alice = chat("-v", *BEATS, address=ws(gateway)).connected()
    beat = ["ping...", "recv a pong..."]
    for line in ["readloop started", "heartbeatloop started", *beat, *beat]:
        alice.err.expect(f"^{re.escape(line)}$")
    alice.end_input()
    alice.err.expect("^connection closed$")
    alice.assert_ends(OK)


def test_without_verbose_there_are_none(server, chat):
    alice = chat(*BEATS, address=server.address)
    peer = server.open()
    for _ in range(3):
        got = peer.frame()
        assert got.opcode == PING
        peer.send_frame(PONG, got.payload)
    alice.end_input()
    peer.expect_logout()
    alice.assert_ends(OK)
    assert not re.search("ping|pong|loop|connection", alice.err.text)


def test_without_a_heartbeat(server, chat):
    alice = chat("-v", "--heartbeat=0", address=server.address)
    peer = server.open()
    alice.err.expect_text("readloop started")
    alice.end_input()
    peer.expect_logout()
    alice.assert_ends(OK)
    assert "heartbeatloop" not in alice.err.text


def test_a_server_that_never_answers(server, chat):
    """The tutorial's run: three silent intervals, then the i/o timeout."""
    alice = chat("-v", "--once", f"--heartbeat={0.5 * FACTOR}", address=server.address)
    peer = server.open()
    alice.assert_ends(IO_TIMEOUT)
    lines = [line for line in alice.err.lines() if not line.startswith("* ")]
    # A third ping is due when the time is up; which comes first is the clock's business.
    assert [line for line in lines if line != "ping..."] == [
        "readloop started",
        "heartbeatloop started",
        "tidegate-chat: i/o timeout",
        "connection closed",
    ]
    assert lines[2:4] == ["ping...", "ping..."]
    assert lines.count("ping...") in (2, 3)
    pings = [peer.frame() for _ in range(lines.count("ping..."))]
    assert {ping.opcode for ping in pings} == {PING}
    assert peer.is_gone()


def test_any_frame_ends_a_silence(server, chat):
    """A server that talks but does not answer pings is there."""
    alice = chat("--once", "--heartbeat=0.1", "--read-deadline=1", address=server.address)
    peer = server.open()
    for number in range(20):  # pings: in which time the line would have ended twice
        assert peer.frame().opcode == PING
        peer.text(f"{number} -- FROM bob")
    alice.expect("19 -- FROM bob")
    alice.assert_ends(IO_TIMEOUT)


def test_a_read_deadline_of_its_own(server, chat):
    beat = f"--heartbeat={0.5 * FACTOR}"
    alice = chat("-v", "--once", beat, f"--read-deadline={2.4 * FACTOR}", address=server.address)
    server.open()
    alice.assert_ends(IO_TIMEOUT)
    assert alice.err.lines().count("ping...") == 4


def test_a_short_read_deadline_brings_its_heartbeat(gateway, chat):
    """The default of 50 s would never keep such a line."""
    alice = chat("-v", "--once", "--read-deadline=3", address=ws(gateway))
    for _ in range(4):
        alice.err.expect_text("recv a pong...")
    alice.end_input()
    alice.assert_ends(OK)


def test_the_gateway_says_i_o_timeout(start, chat):
    """Here it is the client who was silent."""
    gateway = start("--read-deadline", 1)
    alice = chat("--once", "--heartbeat=0", address=ws(gateway))
    alice.assert_ends(IO_TIMEOUT)
    alice.expect_error(r"i/o timeout \(Close 3008 i/o timeout\)")


# --- cuts -----------------------------------------------------------------------------------------


@pytest.mark.threads
def test_a_reset(gateway, proxy, chat):
    """The line comes back by itself, and both ways work again."""
    alice = chat("-v", address=proxy.address).connected()
    bob = gateway.login("bob")
    proxy.reset()
    alice.expect_error("the connection was lost")
    alice.err.expect_text("connection closed")
    delay = float(alice.expect_state(RECONNECTING)[1])
    assert 2 <= delay <= 10
    alice.say("typed meanwhile")
    alice.connected()
    bob.expect_text("typed meanwhile -- FROM alice")
    bob.text("welcome back")
    alice.expect("welcome back -- FROM bob\n")
    alice.end_input()
    alice.assert_ends(OK)


def test_a_black_hole(gateway, proxy, chat):
    """Nothing says that the line is dead, but its silence."""
    alice = chat("--heartbeat=0.2", address=proxy.address).connected()
    proxy.hang()
    alice.expect_error("i/o timeout")
    alice.expect_state(RECONNECTING)
    proxy.reset()
    proxy.pass_on()
    alice.connected()


def test_once_does_not_come_back(gateway, proxy, chat):
    alice = chat("--once", address=proxy.address).connected()
    proxy.reset()
    alice.assert_ends(LOST)
    alice.expect_error("the connection was lost")


def test_a_gateway_that_does_not_come_back(start, chat):
    """After the last attempt the exit code is that of the attempt."""
    gateway = start()
    alice = chat("--reconnect=1", address=ws(gateway)).connected()
    gateway.kill()
    alice.expect_error("the connection was lost")
    alice.expect_state(r"reconnecting in \d+\.\d s \(attempt 1 of 1\)")
    alice.assert_ends(UNREACHABLE)
    alice.expect_error("unreachable")


@pytest.mark.threads
def test_a_restart(start, chat):
    """A drain tells everybody when to come back; a new gateway at the same place has them again."""
    port = free_port()
    gateway = start(listen=[f"127.0.0.1:{port}"])
    talkers = {name: chat(address=ws(gateway), user=name).connected() for name in ("alice", "bob", "carol")}
    gateway.stop()
    start(listen=[f"127.0.0.1:{port}"])
    for talker in talkers.values():
        talker.expect_error(r"the gateway restarts \(Close 1012 retry_ms=\d+\)")
        talker.expect_state("reconnecting")
        talker.connected()
    talkers["alice"].say("all here?")
    for name in ("bob", "carol"):
        talkers[name].expect("all here? -- FROM alice\n")


def test_a_drain(start, chat):
    """The time that the gateway names is kept to, and jitter comes on top."""
    gateway = start(drain=1)
    alice = chat(address=ws(gateway)).connected()
    gateway.signal(signal.SIGTERM)
    named = int(alice.expect_error(r"Close 1012 retry_ms=(\d+)")[1])
    told = float(alice.expect_state(RECONNECTING)[1])
    assert -0.1 <= told - named / 1000 <= 8.1
    gateway.assert_ends(0)


def test_a_time_to_come_back_at_once(server, chat):
    """Of retry_ms=1 there is the jitter left."""
    alice = chat(address=server.address)
    server.open().shut(1012, b"retry_ms=1")
    alice.expect_state(r"reconnecting in [0-8]\.\d s \(attempt 1 of 10\); the input waits until then")
    peer = server.open()
    alice.say("hello again")
    assert peer.frame() == Frame(TEXT, b"hello again")


def test_logging_out_while_it_waits(server, chat):
    """No dial follows."""
    for leave in ("end of input", "signal"):
        alice = chat(address=server.address)
        server.open().shut(1011)
        alice.expect_state("reconnecting")
        if leave == "signal":
            alice.signal(signal.SIGINT)
        else:
            alice.end_input()
        alice.assert_ends(OK)
    server.assert_nobody_waits()


def test_a_stop_and_a_continue(gateway, chat):
    """As Ctrl-Z and fg do: the line is asked whether it is still there."""
    alice = chat("-v", address=ws(gateway)).connected()
    alice.signal(signal.SIGSTOP)
    wait_until(lambda: state_of(alice) == "T", "it is stopped")
    alice.signal(signal.SIGCONT)
    alice.err.expect_text("recv a pong...")
    alice.end_input()
    alice.assert_ends(OK)


def state_of(chat):
    with open(f"/proc/{chat.popen.pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(") ")[2][0]


# --- what was said --------------------------------------------------------------------------------


def test_what_was_not_taken_is_said_again(narrow, chat):
    """What waited for the answer to a ping goes out on the next line; of what it was sent behind nobody
    knows."""
    alice = chat(address=narrow.address)
    peer = narrow.open()
    alice.connected()
    texts = [f"{number} ".ljust(60_000, "x") for number in range(200)]
    writer = threading.Thread(target=feed, args=(alice, "\n".join(texts).encode()), daemon=True)
    writer.start()
    first = [peer.said().payload.decode() for _ in range(4)]
    peer.reset()
    alice.expect_error("the last 1 line sent may not have arrived")
    peer = narrow.open()
    rest = []
    while (got := peer.said()).opcode != CLOSE:
        rest.append(got.payload.decode())
    peer.send_frame(CLOSE, got.payload)
    peer.close_socket()
    alice.assert_ends(LOST)  # for it cannot know
    writer.join()
    assert first == texts[:4]
    # Nothing is said twice or left out.
    assert rest == texts[4:]


def test_a_pong_takes_the_doubt_away(server, chat):
    """Who answers a ping has read what came before it."""
    alice = chat(*BEATS, address=server.address)
    peer = server.open()
    alice.say("heard")
    assert peer.frame() == Frame(TEXT, b"heard")
    got = peer.frame()
    assert got.opcode == PING
    peer.send_frame(PONG, got.payload)
    while peer.frame().opcode != PING:  # and it has read the pong
        pass
    peer.reset()
    alice.expect_state("reconnecting")
    alice.end_input()
    alice.assert_ends(OK)
    assert "may not have arrived" not in alice.err.text


def test_an_unanswered_ping_does_not(server, chat):
    alice = chat(*BEATS, address=server.address)
    peer = server.open()
    alice.say("heard?")
    assert peer.frame() == Frame(TEXT, b"heard?")
    assert peer.frame().opcode == PING
    peer.reset()
    alice.expect_error("the last 1 line sent may not have arrived")
    alice.end_input()
    alice.assert_ends(LOST)


def test_a_log_out_that_is_not_answered(server, chat):
    """The Close went out, nothing came back: whether the text arrived is not known."""
    bot = chat(run=True, text=b"hello\n", address=server.address)
    peer = server.open()
    assert peer.frame() == Frame(TEXT, b"hello")
    assert peer.frame().opcode == CLOSE
    bot.assert_ends(LOST)
    bot.expect_error("the last 1 line sent may not have arrived")


def test_a_close_that_crosses_ours(server, chat):
    """The gateway's own Close is no answer to what was said last."""
    bot = chat(run=True, text=b"hello\n", address=server.address)
    peer = server.open()
    assert peer.frame() == Frame(TEXT, b"hello")
    assert peer.frame().opcode == CLOSE
    peer.send_frame(CLOSE, close_payload(1012, b"retry_ms=1"))
    peer.close_socket()
    bot.assert_ends(LOST)
    server.assert_nobody_waits()


def test_lines_that_are_left(narrow, chat):
    """The line is gone for good before everything was said."""
    bot = chat(address=narrow.address)
    peer = narrow.open()
    text = ("x" * 50_000 + "\n").encode() * 200
    writer = threading.Thread(target=feed, args=(bot, text), daemon=True)
    writer.start()
    peer.frame()
    peer.send_frame(CLOSE, close_payload(1002))
    bot.expect_error(r"line \d+ and what follows was not sent")
    bot.assert_ends(PROTOCOL)
    writer.join()


def feed(chat, data):
    try:
        chat.type(data)
        chat.end_input()
    except BrokenPipeError:
        pass


# --- back-pressure --------------------------------------------------------------------------------


def test_a_huge_input_through_a_slow_server(narrow, chat, tmp_path):
    """Its reader waits again and again; nothing is kept in memory that the kernel does not take, and
    all of it arrives in order."""
    count = 3000
    source = tmp_path / "input"
    source.write_text("".join(f"{number} {'y' * (number % 3000)}\n" for number in range(count)))
    bot = chat(address=narrow.address, stdin=os.open(source, os.O_RDONLY))
    peer = narrow.open()
    peer.sock.settimeout(60)
    numbers = []
    while (got := peer.said()).opcode != CLOSE:
        if len(numbers) % 500 == 250:
            wait_until(lambda: state_of(bot) == "S", "it waits")
        number, _, filler = got.payload.decode().partition(" ")
        assert filler == "y" * (int(number) % 3000)
        numbers.append(int(number))
    assert numbers == list(range(count))
    peer.send_frame(CLOSE, got.payload)
    peer.close_socket()
    bot.assert_ends(OK)


def test_input_is_not_read_ahead(narrow, chat):
    """While the server takes nothing, the writer of the pipe is held up."""
    bot = chat(address=narrow.address)
    peer = narrow.open()
    bot.connected()
    fd = bot.popen.stdin.fileno()
    os.set_blocking(fd, False)
    line = b"x" * 60_000 + b"\n"
    written = 0

    def is_held_up():
        nonlocal written
        try:
            written += os.write(fd, line)
        except BlockingIOError:
            return state_of(bot) == "S"
        return False

    wait_until(is_held_up, "the pipe is full")
    assert written < 16 << 20
    assert rss(bot) < (16 << 20) or os.environ.get("TIDEGATE_SANITIZER")
    bot.signal(signal.SIGINT)
    peer.read_to_end()
    assert bot.wait() == LOST
    bot.expect_error(r"line \d+ and what follows was not sent")


def rss(chat):
    with open(f"/proc/{chat.popen.pid}/status", encoding="ascii") as status:
        return int(re.search(r"^VmRSS:\s+(\d+)", status.read(), re.MULTILINE)[1]) * 1024


def test_an_output_that_is_held_up(server, chat):
    """Like `tidegate-chat | less`: heartbeats go on, and everything is there in the end."""
    alice = chat(*BEATS, address=server.address)
    peer = server.open()
    alice.connected()
    alice.out.hold()
    texts = [f"{number} ".ljust(1000, "z") + " -- FROM bob" for number in range(500)]
    for text in texts:
        peer.text(text)
    for _ in range(5):
        while (got := peer.frame()).opcode != PING:
            pass
        peer.send_frame(PONG, got.payload)
    alice.out.release()
    alice.expect(texts[-1])
    assert alice.out.lines() == texts


def test_an_output_that_nobody_ever_takes(server, chat):
    """Memory has its bound: then the gateway is not read from."""
    alice = chat(address=server.address)
    peer = server.open()
    alice.connected()
    alice.out.hold()
    peer.sock.settimeout(1)
    text = ("w" * 60_000).encode()
    with pytest.raises((TimeoutError, BlockingIOError)):
        while True:
            peer.send_frame(TEXT, text)
    wait_until(lambda: state_of(alice) == "S", "it waits")
    assert rss(alice) < (64 << 20) or os.environ.get("TIDEGATE_SANITIZER")
    alice.signal(signal.SIGINT)
    alice.expect_state("logging out")
    alice.signal(signal.SIGINT)
    assert alice.wait() == -signal.SIGINT


# --- many -----------------------------------------------------------------------------------------


@pytest.mark.threads
def test_many_at_once(gateway, chat):
    """64 users, each says one thing and hears 63."""
    count = 64
    talkers = [chat("-q", address=ws(gateway), user=f"user{number}") for number in range(count)]
    gateway.wait_for_line(r"user user\d+ in from", count)
    for number, talker in enumerate(talkers):
        talker.say(f"I am {number}")
    for number, talker in enumerate(talkers):
        wait_until(lambda t=talker: t.out.text.count("\n") == count - 1, "it has heard all")
        expected = {f"I am {other} -- FROM user{other}" for other in range(count) if other != number}
        assert set(talker.out.lines()) == expected
        talker.end_input()
    for talker in talkers:
        talker.assert_ends(OK)

"""tidegate-chat: what is said and shown, scripts, options, exit codes."""

import os
import re
import signal
import subprocess

import pytest

from chatting import (
    CHAT,
    KICKED,
    LOCAL,
    LOST,
    OK,
    PROTOCOL,
    REFUSED,
    UNREACHABLE,
    USAGE,
    talk,
)
from gateway import free_port
from raw import BINARY, CLOSE, PACKET_TEXT, TEXT, Frame, packet
from waiting import TIMEOUT


def ws(gateway):
    return f"ws://127.0.0.1:{gateway.port}"


# --- talking --------------------------------------------------------------------------------------


@pytest.mark.threads
def test_two_talk(gateway, chat):
    alice = chat(address=ws(gateway), user="alice").connected()
    bob = chat(address=ws(gateway), user="bob").connected()
    talk(alice, bob, ws(gateway))


@pytest.mark.parametrize("user", ["a&b=1#x 中", "100%", "a+b", "x" * 64])
def test_names_arrive_whole(gateway, chat, user):
    alice = gateway.login("alice")
    chat(run=True, text=b"hi\n", address=ws(gateway), user=user).assert_ends(OK)
    alice.expect_text(f"hi -- FROM {user}")


def test_the_query_of_the_address(server, chat):
    """The user stands in it once, whatever it has; a token in it is said to the gateway alone."""
    bot = chat(run=True, address=f"{server.address}/x?%75ser=eve&token=secret")
    request = server.accept().read_request()
    assert request.target == "/x?token=secret&user=alice"
    bot.expect_state(re.escape(f"connecting to {server.address}/x as alice"))
    bot.signal(signal.SIGINT)
    bot.wait()
    assert "secret" not in bot.err.text


def test_a_unix_socket(start, chat, tmp_path):
    gateway = start(listen=[f"unix:{tmp_path}/socket"])
    alice = gateway.login("alice")
    chat(run=True, text=b"hi\n", address=f"unix:{tmp_path}/socket", user="bob").assert_ends(OK)
    alice.expect_text("hi -- FROM bob")


def test_packets(gateway, chat):
    alice = gateway.login("alice")
    bob = chat("--packet", address=ws(gateway), user="bob").connected()
    bob.say("in a packet")
    alice.expect_binary(packet(PACKET_TEXT, b"in a packet -- FROM bob"))
    alice.packet(PACKET_TEXT, b"and back")
    bob.expect("and back -- FROM alice\n")


def test_an_unknown_packet_is_passed_over(server, chat):
    alice = chat(address=server.address)
    peer = server.open()
    peer.binary(packet(150, b"from the future"))
    peer.text("a text -- FROM bob")
    alice.expect("a text -- FROM bob\n")
    assert alice.out.lines() == ["a text -- FROM bob"]


CONTROLS = {
    "a\x1b[2Jb": r"a\x1b[2Jb",
    "a\nb -- FROM root": r"a\nb -- FROM root",
    "a\rb\x07\x00\x7f": r"a\rb\x07\x00\x7f",
    "a\u009b2Jb\u0085": r"a\u009b2Jb\u0085",
    "a\u202eb\u2066c\u2028": r"a\u202eb\u2066c\u2028",
    "tabs\tand ☺ 中 stay": "tabs\tand ☺ 中 stay",
}


@pytest.mark.parametrize("said, shown", CONTROLS.items(), ids=range(len(CONTROLS)))
def test_control_characters_are_escaped(server, chat, said, shown):
    alice = chat(address=server.address)
    peer = server.open()
    peer.text(f"{said} -- FROM bob")
    peer.text("end -- FROM \x1b[31mred")
    alice.expect("end")
    alice.end_input()
    peer.expect_logout()
    alice.assert_ends(OK)
    assert alice.out.text == f"{shown} -- FROM bob\nend -- FROM \\x1b[31mred\n"


# --- scripts --------------------------------------------------------------------------------------


@pytest.mark.threads
def test_a_script(gateway, chat):
    """`echo hello | tidegate-chat -u bot`: says it, knows that it arrived, ends."""
    alice = gateway.login("alice")
    bot = chat(run=True, text=b"hello\n", address=ws(gateway), user="bot")
    bot.assert_ends(OK)
    alice.expect_text("hello -- FROM bot")
    assert bot.out.text == ""


def test_the_last_line_needs_no_end(gateway, chat):
    alice = gateway.login("alice")
    chat(run=True, text=b"one\n\ntwo", address=ws(gateway), user="bot").assert_ends(OK)
    for text in ("one", "", "two"):
        alice.expect_text(f"{text} -- FROM bot")


@pytest.mark.parametrize("stdin", ["/dev/null", None])
def test_without_input_it_logs_in_and_out(gateway, chat, stdin):
    """None: descriptor 0 is closed, and no socket takes its place."""
    if stdin:
        bot = chat(address=ws(gateway), stdin=os.open(stdin, os.O_RDONLY))
    else:
        bot = chat(address=ws(gateway), stdin=subprocess.DEVNULL, preexec_fn=lambda: os.close(0))
    bot.assert_ends(OK)
    gateway.wait_for_line("user alice out:")
    assert "* connected" in bot.err.lines()


def test_it_may_stay_when_the_input_ends(gateway, chat):
    bot = chat("--stay", address=ws(gateway), user="bot", stdin=subprocess.DEVNULL).connected()
    gateway.login("alice").text("are you there?")
    bot.expect("are you there? -- FROM alice\n")
    bot.signal(signal.SIGTERM)
    bot.assert_ends(OK)


def test_what_a_slow_login_must_wait_for(server, chat):
    """The input has ended before the gateway has answered."""
    bot = chat(run=True, text=b"early\n", address=server.address)
    peer = server.accept()
    peer.open()
    assert peer.frame() == Frame(TEXT, b"early")
    peer.expect_logout()
    bot.assert_ends(OK)


def test_quiet(gateway, chat):
    bot = chat("-q", run=True, text=b"hello\n", address=ws(gateway))
    bot.assert_ends(OK)
    assert bot.err.text == "" and bot.out.text == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_log_out(server, chat, number):
    bot = chat(address=server.address)
    peer = server.open()
    bot.connected()
    bot.signal(number)
    peer.expect_logout()
    bot.assert_ends(OK)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_at_once(server, chat, number):
    """The gateway has not answered the Close."""
    bot = chat(address=server.address)
    peer = server.open()
    bot.connected()
    bot.signal(number)
    assert peer.frame().opcode == CLOSE
    bot.signal(number)
    bot.assert_ends(-number)


def test_a_hang_up_behind_the_end_of_the_input(server, chat):
    """A terminal that goes away is both: that is no second wish to end."""
    bot = chat(address=server.address)
    peer = server.open()
    bot.connected()
    bot.end_input()
    got = peer.frame()
    assert got.opcode == CLOSE
    bot.signal(signal.SIGHUP)
    peer.send_frame(CLOSE, got.payload)
    peer.close_socket()
    bot.assert_ends(OK)


def test_a_signal_while_it_dials(server, chat):
    bot = chat(address=server.address)
    server.accept()
    bot.expect_state("connecting")
    bot.signal(signal.SIGINT)
    bot.assert_ends(OK)


def test_an_output_that_nobody_reads(gateway, chat):
    """Like `tidegate-chat | head -1`: it logs out and says why."""
    read_end, write_end = os.pipe()
    bot = subprocess.Popen(
        [CHAT, "-a", ws(gateway), "-u", "bot"],
        stdin=subprocess.PIPE,
        stdout=write_end,
        stderr=subprocess.PIPE,
    )
    os.close(write_end)
    os.close(read_end)
    with gateway.login("alice") as alice:
        while bot.poll() is None:
            alice.text("anyone?")
            alice.round_trip()
    _, err = bot.communicate()
    assert bot.returncode == LOCAL
    assert b"standard output: Broken pipe" in err


# --- what cannot be sent --------------------------------------------------------------------------


@pytest.mark.parametrize("options, most", [((), 65536), (("--packet",), 65530)], ids=["text", "packet"])
def test_lines_that_are_too_long(gateway, chat, options, most):
    alice = gateway.login("alice")
    text = b"first\n" + b"y" * (most + 1) + b"\n" + b"z" * 1_000_000 + b"\n" + b"x" * most + b"\nlast\n"
    bot = chat(*options, run=True, text=text, address=ws(gateway), user="bot").assert_ends(LOCAL)
    got = [alice.message()[1] for _ in range(3)]
    header = 6 if options else 0
    assert [len(payload) - header for payload in got] == [len(" -- FROM bot") + size for size in (5, most, 4)]
    for number in (2, 3):
        bot.expect_error(f"line {number} is not sent: it has more than {most} bytes")


@pytest.mark.parametrize("options", [(), ("--packet",)], ids=["text", "packet"])
@pytest.mark.parametrize("bad", [b"\xff", b"caf\xe9", b"\xed\xa0\x80", b"cut \xe4\xb8"])
def test_lines_that_are_no_utf8(gateway, chat, options, bad):
    alice = gateway.login("alice")
    bot = chat(*options, run=True, text=b"one\n" + bad + b"\nthree\n", address=ws(gateway), user="bot")
    bot.assert_ends(LOCAL)
    bot.expect_error("line 2 is not sent: the text is not UTF-8")
    for text in (b"one -- FROM bot", b"three -- FROM bot"):
        assert alice.message() == ((BINARY, packet(PACKET_TEXT, text)) if options else (TEXT, text))


def test_an_input_that_cannot_be_read(gateway, chat, tmp_path):
    bot = chat(address=ws(gateway), stdin=os.open(tmp_path, os.O_RDONLY))
    bot.assert_ends(LOCAL)
    bot.expect_error("standard input: Is a directory")


def test_packets_where_nobody_may_speak_to_all(start, chat):
    gateway = start("--client-broadcast", "no")
    alice = gateway.login("alice")
    bot = chat("--v1", "--packet", run=True, text=b"one\ntwo\n", address=ws(gateway), user="bot").assert_ends(LOCAL)
    for _ in range(2):
        bot.expect_error("a text to everybody: not allowed")
    alice.round_trip()


# --- ends -----------------------------------------------------------------------------------------


@pytest.mark.threads
def test_kicked(gateway, chat):
    """The loser knows why, and does not come back."""
    first = chat(address=ws(gateway)).connected()
    second = chat(address=ws(gateway)).connected()
    first.assert_ends(KICKED)
    first.expect_error(r"kicked: the same user logged in elsewhere \(Close 4001 kicked\)")
    bob = gateway.login("bob")
    bob.text("who is left?")
    second.expect("who is left? -- FROM bob\n")
    assert "reconnecting" not in first.err.text
    second.end_input()
    second.assert_ends(OK)
    gateway.wait_for_line("kicked")


ENDS = {
    "normal": (1000, b"", LOST, "closed by the gateway"),
    "bad login": (4000, b"bad login", REFUSED, "bad login"),
    "policy": (1008, b"", REFUSED, "refused by a rule"),
    "ban": (4100, b"banned", REFUSED, r"refused by a rule.*\(Close 4100 banned\)"),
    "auth": (3000, b"", REFUSED, "not authenticated"),
    "bad packet": (4002, b"bad packet", PROTOCOL, "the client broke the protocol"),
    "protocol": (1002, b"", PROTOCOL, "the client broke the protocol"),
    "utf8": (1007, b"", PROTOCOL, "the client broke the protocol"),
    "too big": (1009, b"", PROTOCOL, "the client broke the protocol"),
    "kicked": (4001, b"kicked", KICKED, "kicked"),
}


@pytest.mark.parametrize("code, reason, status, text", ENDS.values(), ids=ENDS.keys())
def test_final_close_codes(server, chat, code, reason, status, text):
    bot = chat(address=server.address)
    peer = server.open()
    bot.connected()
    peer.shut(code, reason)
    bot.assert_ends(status)
    bot.expect_error(text)
    server.assert_nobody_waits()


TRANSIENT = {"restart": 1012, "overloaded": 1013, "internal": 1011, "i/o timeout": 3008, "going away": 1001}


@pytest.mark.parametrize("code", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_once_makes_any_end_final(server, chat, code):
    bot = chat("--once", address=server.address)
    peer = server.open()
    bot.connected()
    peer.shut(code, b"retry_ms=1" if code in (1012, 1013) else b"")
    bot.assert_ends(6 if code == 3008 else LOST)
    server.assert_nobody_waits()


def test_a_gateway_that_says_who_cannot_come_in(start, chat):
    """The real one, at its limit: 503, and its Retry-After is waited for."""
    gateway = start("--max-connections", 1)
    gateway.login("bob")
    bot = chat("--once", address=ws(gateway))
    bot.assert_ends(REFUSED)
    bot.expect_error(r"refused the connection \(HTTP 503\)")
    late = chat(address=ws(gateway))
    late.expect_state(r"reconnecting in \d+\.\d s \(attempt 1 of 10\)")
    gateway.close_clients()
    late.connected()


@pytest.mark.parametrize("status", ["403 Forbidden", "404 Not Found", "503 Service Unavailable"])
def test_refused(server, chat, status):
    bot = chat(address=server.address)
    peer = server.accept()
    peer.send(peer.read_request().answer(status=status))
    bot.assert_ends(REFUSED)
    bot.expect_error(rf"refused the connection \(HTTP {status[:3]}\)")
    server.assert_nobody_waits()


def test_unreachable(chat):
    bot = chat(address=f"ws://127.0.0.1:{free_port()}")
    bot.assert_ends(UNREACHABLE)
    bot.expect_error(r"unreachable \(127\.0\.0\.1:\d+: Connection refused\)")


def test_unreachable_socket(chat, tmp_path):
    bot = chat(address=f"unix:{tmp_path}/none")
    bot.assert_ends(UNREACHABLE)
    bot.expect_error(rf"unreachable \({re.escape(str(tmp_path))}/none: No such file or directory\)")


def test_a_host_that_is_not_known(chat):
    bot = chat(address="ws://nobody.invalid:8000")
    bot.assert_ends(UNREACHABLE)
    bot.expect_error(r"could not be resolved \(nobody\.invalid: .+\)")


SLOW_RESOLVER = """
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **list)
{
	if (hints->ai_flags & AI_NUMERICHOST) {
		return EAI_NONAME;
	}
	fputs("resolving\\n", stderr);
	for (;;) {
		pause();
	}
}
"""


@pytest.mark.release
def test_a_resolver_that_does_not_answer(chat, tmp_path):
    """Ctrl-C ends it at once all the same."""
    source, library = tmp_path / "slow.c", tmp_path / "slow.so"
    source.write_text(SLOW_RESOLVER, encoding="ascii")
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source], check=True, timeout=TIMEOUT)
    for number in (signal.SIGINT, signal.SIGTERM):
        bot = chat(address="ws://gate.example:8000", env={"LD_PRELOAD": str(library)})
        bot.err.expect_text("resolving")
        bot.signal(number)
        bot.assert_ends(OK)
        bot.expect_state("closed")


def test_nobody_answers_the_opening(server, chat):
    """It listens, and that is all: the connect time-out."""
    bot = chat(address=server.address)
    bot.assert_ends(UNREACHABLE)
    bot.expect_error("did not answer in time")


def test_forever_waits_for_a_gateway_that_is_not_there_yet(start, chat):
    port = free_port()
    bot = chat("--reconnect=forever", address=f"ws://127.0.0.1:{port}")
    bot.expect_error("Connection refused")
    bot.expect_state(r"reconnecting in \d+\.\d s \(attempt 1\)")
    start(listen=[f"127.0.0.1:{port}"])
    bot.connected()


# --- the command line -----------------------------------------------------------------------------


def run_alone(*arguments):
    """For what ends before there is a line."""
    return subprocess.run(
        [CHAT, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT
    )


WRONG = {
    "no user": (["-a", "ws://127.0.0.1:1"], "--user=NAME is missing"),
    "empty user": (["-u", ""], "--user: a name has 1 to 64 bytes"),
    "long user": (["-u", "x" * 65], "--user: a name has 1 to 64 bytes"),
    "user with a control character": (["-u", "a\x07"], "--user: a name has 1 to 64 bytes"),
    "no address": (["-u", "a", "-a", "127.0.0.1:8000"], "is not an address: ws://HOST"),
    "empty address": (["-u", "a", "-a", ""], "is not an address: ws://HOST"),
    "bad port": (["-u", "a", "-a", "ws://h:99999"], "is not an address"),
    "no path": (["-u", "a", "-a", "unix:"], "is not an address"),
    "http": (["-u", "a", "-a", "http://h"], "neither ws:// nor wss:// nor unix:"),
    "word": (["-u", "a", "hello"], '"hello" is no option; lines to send are read'),
    "heartbeat": (["-u", "a", "--heartbeat", "often"], '--heartbeat: "often" is not a number of seconds'),
    "negative": (["-u", "a", "--heartbeat=-1"], '--heartbeat: "-1" is not a number of seconds'),
    "nan": (["-u", "a", "--read-deadline=nan"], '--read-deadline: "nan" is not a number of seconds'),
    "huge": (["-u", "a", "--read-deadline=1e9"], '--read-deadline: "1e9" is not a number of seconds'),
    "reconnect": (["-u", "a", "--reconnect=often"], '--reconnect: "often" is neither a count nor'),
    "unknown": (["-u", "a", "--colour"], "--colour"),
    "both": (["-u", "a", "-q", "-v"], "--quiet and --verbose exclude each other"),
}


@pytest.mark.parametrize("arguments, message", WRONG.values(), ids=WRONG.keys())
def test_wrong_options(arguments, message):
    ended = run_alone(*arguments)
    assert ended.returncode == USAGE
    assert message in ended.stderr
    assert "Try `tidegate-chat --help'" in ended.stderr
    assert ended.stdout == ""


OPTIONS = """-a, --address= -u, --user= --heartbeat= --read-deadline= --reconnect= --once --packet --stay
    -q, --quiet -v, --verbose --ca= --insecure=""".split()


def test_help_names_every_option_and_exit_code():
    ended = run_alone("--help")
    assert ended.returncode == OK
    for option in OPTIONS:
        assert option in ended.stdout
    assert "default ws://127.0.0.1:8000" in " ".join(ended.stdout.split())
    for code in range(10):
        assert re.search(rf"^ *{code}  \w", ended.stdout, re.MULTILINE), code
    assert ended.stderr == ""


def test_version():
    ended = run_alone("--version")
    assert ended.returncode == OK
    assert re.fullmatch(r"tidegate-chat \d+\.\d+\.\d+\n", ended.stdout)

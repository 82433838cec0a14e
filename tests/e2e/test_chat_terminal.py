"""tidegate-chat on a terminal: keys, colours, and what comes while somebody types."""

import fcntl
import os
import pty
import re
import signal
import subprocess
import termios

import pytest

from chatting import CHAT, CTRL_C, CTRL_D, KICKED, LOCAL, LOST, OK, Chat, plain
from raw import CLOSE, TEXT, Frame
from waiting import TIMEOUT, wait_until

CTRL_A, CTRL_E, CTRL_K, CTRL_R, CTRL_U, CTRL_W, CTRL_Z = b"\x01", b"\x05", b"\x0b", b"\x12", b"\x15", b"\x17", b"\x1a"
BACKSPACE, DELETE, LEFT, RIGHT, UP, DOWN = b"\x7f", b"\x1b[3~", b"\x1b[D", b"\x1b[C", b"\x1b[A", b"\x1b[B"
ERASE = "\r\x1b[K"


@pytest.fixture
def alice(server, chat):
    """At a terminal, and connected."""
    started = chat(address=server.address, terminal=True)
    started.peer = server.open()
    return started.connected()


def test_ctrl_d(alice):
    alice.say("hello")
    assert alice.peer.frame() == Frame(TEXT, b"hello")
    alice.type(CTRL_D)
    alice.peer.expect_logout()
    alice.assert_ends(OK)
    alice.expect_state("logging out")
    alice.expect_state("closed")


def test_ctrl_d_in_a_line(alice):
    """It takes the letter it stands on, if any: only an empty line is the end, and nothing is lost."""
    alice.type(b"half" + CTRL_D + CTRL_D)
    alice.expect_rows("> half", column=6)
    alice.type(CTRL_A + CTRL_D + b"\n" + CTRL_D)
    assert alice.peer.frame() == Frame(TEXT, b"alf")
    alice.peer.expect_logout()
    alice.assert_ends(OK)


def test_ctrl_d_to_stay(server, chat):
    """Nothing more is typed: the terminal is given back, and messages go on."""
    alice = chat("--stay", address=server.address, terminal=True)
    peer = server.open()
    alice.connected()
    alice.type(CTRL_D)
    wait_until(lambda: termios.tcgetattr(alice.master) == alice.modes, "the terminal is given back")
    peer.text("news -- FROM bob")
    alice.expect_rows("news -- FROM bob", "", column=0)
    alice.type(CTRL_C)
    peer.expect_logout()
    alice.assert_ends(OK)


def test_ctrl_c(alice):
    alice.type(CTRL_C)
    alice.peer.expect_logout()
    alice.assert_ends(OK)


def test_ctrl_c_twice(alice):
    """Nobody answers the Close."""
    alice.type(CTRL_C)
    assert alice.peer.frame().opcode == CLOSE
    alice.type(CTRL_C)
    alice.assert_ends(-signal.SIGINT)


def test_ctrl_c_leaves_half_a_line(alice):
    """As everywhere else: what is not ended is not said, but it stays to be seen."""
    alice.type(b"I did not mean")
    alice.expect_rows("> I did not mean")
    alice.type(CTRL_C)
    alice.peer.expect_logout()
    alice.expect_rows("> I did not mean", "* logging out", "* closed", "", column=0)
    alice.assert_ends(OK)


def test_an_empty_line_says_nothing(alice):
    alice.say("")
    alice.say("something")
    assert alice.peer.frame() == Frame(TEXT, b"something")


def test_it_says_how_to_leave(alice):
    assert "connected; Ctrl-D logs out" in plain(alice.out.text)


KEYS = {
    "backspace": (b"yex" + BACKSPACE + b"s", "yes"),
    "the whole line": (b"no" + CTRL_U + b"yes", "yes"),
    "the last word": (b"yes or no" + CTRL_W + BACKSPACE * 4, "yes"),
    "the rest": (b"yes, no" + LEFT * 4 + CTRL_K, "yes"),
    "the beginning": (b"es" + CTRL_A + b"y", "yes"),
    "the end": (b"ye" + b"\x1b[H" + CTRL_E + b"s", "yes"),
    "in between": (b"ys" + LEFT + b"e", "yes"),
    "delete": (b"yees" + LEFT * 3 + DELETE, "yes"),
    "words": (b"a b c" + b"\x1b[1;5D" * 2 + b"x" + b"\x1b[1;5C" + b"y" + b"\x1bb" + b"z", "a zxby c"),
    "wide and joined letters": ("a中é☺b".encode() + LEFT * 3 + BACKSPACE, "aé☺b"),
    "one letter of two": ("e\u0301x".encode() + LEFT + BACKSPACE + b"e", "ex"),
    "unknown keys": (b"\x1b[5~\x1bOPy\x1b[15;2~e\x1b[1;2;3;4;5;6;7;8Zs\x1bx\x00\x1d", "yes"),
}


@pytest.mark.parametrize("typed, said", KEYS.values(), ids=KEYS.keys())
def test_keys_edit_the_line(alice, typed, said):
    alice.type(typed + b"\n")
    assert alice.peer.frame() == Frame(TEXT, said.encode())
    alice.expect_rows(f"> {said}", ">", column=2)


def test_lines_of_before_come_back(alice):
    """And what was begun meanwhile is still there below them."""
    for text in ("one", "two"):
        alice.say(text)
        assert alice.peer.frame() == Frame(TEXT, text.encode())
    alice.type(b"thr" + UP)
    alice.expect_rows("> two", "> two")
    alice.type(UP + UP)
    alice.expect_rows("> two", "> one")
    alice.type(DOWN + DOWN + DOWN)
    alice.expect_rows("> two", "> thr")
    alice.say("ee")
    assert alice.peer.frame() == Frame(TEXT, b"three")
    alice.type(UP + UP + b"!\n")
    assert alice.peer.frame() == Frame(TEXT, b"two!")


# --- what comes while somebody types --------------------------------------------------------------


def test_a_message_while_typing(alice):
    """It goes above, and the line and its cursor are where they were."""
    alice.type(b"half a l")
    alice.expect_rows("> half a l", column=10)
    alice.peer.text("news -- FROM bob")
    alice.out.expect_text(f"{ERASE}news\x1b[36m -- FROM bob\x1b[0m")
    alice.expect_rows("* connected; Ctrl-D logs out", "news -- FROM bob", "> half a l", column=10)
    alice.type(LEFT * 8)
    alice.peer.text("more -- FROM bob")
    alice.expect_rows("news -- FROM bob", "more -- FROM bob", "> half a l", column=2)
    alice.type(CTRL_E)
    alice.say("ine")
    assert alice.peer.frame() == Frame(TEXT, b"half a line")
    alice.expect_rows("more -- FROM bob", "> half a line", ">")


def test_many_messages_while_typing(alice):
    alice.type("中文 h".encode())
    texts = [f"{number} -- FROM bob" for number in range(100)]
    for text in texts:
        alice.peer.text(text)
    alice.expect_rows(*texts[-20:], "> 中文 h", column=8)
    assert re.findall(r"(\d+)\x1b\[36m -- FROM bob", alice.out.text) == [str(number) for number in range(100)]


def test_a_state_while_typing(alice):
    alice.type(b"half")
    alice.expect_rows("> half")
    alice.peer.shut(1011)
    alice.expect_state("reconnecting")
    alice.expect_rows("> half", column=6)
    assert re.match(r"\* reconnecting in \d", alice.rows()[-2])


@pytest.mark.parametrize("columns", [40, 9, 7, 2, 1])
def test_a_line_longer_than_the_terminal(alice, columns):
    """One row shows the part with the cursor; messages stay whole, and so does what is sent."""
    said = "".join(f"{number} 中 " for number in range(60)) + "end"
    alice.resize(columns)
    alice.type(said.encode())
    mark = "> " if columns >= 8 else ""
    end = tail(said, columns - len(mark) - 1)
    alice.expect_rows(mark + end, column=len(mark) + width(end))
    alice.type(CTRL_A)
    alice.expect_rows(mark + head(said, columns - len(mark) - 1), column=len(mark))
    alice.peer.text("x -- FROM y")
    alice.out.expect_text("x\x1b[36m -- FROM y")
    alice.type(LEFT + CTRL_E)
    alice.expect_rows(mark + end, column=len(mark) + width(end))
    alice.say("")
    assert alice.peer.frame() == Frame(TEXT, said.encode())


def width(text):
    return sum(2 if char == "中" else 1 for char in text)


def head(text, space):
    """As much of a text as fits into so many columns, as a row shows it."""
    while width(text) > space:
        text = text[:-1]
    return text.rstrip()


def tail(text, space):
    """The end of a text that fits into so many columns."""
    while width(text) > space:
        text = text[1:]
    return text


def test_a_window_that_changes(alice):
    alice.type(b"0123456789" * 6)
    alice.expect_rows("> " + "0123456789" * 6, column=62)
    alice.resize(30)
    alice.expect_rows("> 345678901234567890123456789", column=29)
    alice.resize(120)
    alice.expect_rows("> " + "0123456789" * 6, column=62)
    alice.say("")
    assert alice.peer.frame() == Frame(TEXT, b"0123456789" * 6)


def test_a_paste(alice):
    """Lines are said, the rest waits to be ended; what looks like a key is none."""
    alice.type(b"I say: \x1b[200~one\ntab\tand\x15\x04\x1b[A\rhalf\x1b[201~")
    for text in (b"I say: one", b"tab\tand"):
        assert alice.peer.frame() == Frame(TEXT, text)
    alice.expect_rows("> half")
    alice.type(CTRL_U + b"end\n")
    assert alice.peer.frame() == Frame(TEXT, b"end")


def test_a_large_paste(alice):
    """More than the terminal's own buffer takes as one line."""
    texts = [f"{number} ".ljust(20_000, "x").encode() for number in range(10)]
    for text in texts:
        alice.type(text + b"\n")
        assert alice.peer.said() == Frame(TEXT, text)


def test_a_line_that_is_too_long(alice):
    for _ in range(66):
        alice.type(b"y" * 1000)
    alice.say("")
    alice.expect_error("line 1 is not sent: it has more than 65536 bytes")
    alice.say("short")
    assert alice.peer.frame() == Frame(TEXT, b"short")


def test_what_is_no_utf8_is_not_sent(alice):
    alice.type(b"caf\xe9\n")
    alice.expect_error("line 1 is not sent: the text is not UTF-8")
    assert r"> caf\xe9" in alice.out.text


def test_what_is_typed_does_not_move_the_cursor(alice):
    """A C1 control and a change of direction, pasted: they are said, but shown as what they are."""
    alice.type("a\u009bb\u202ec".encode())
    alice.expect_rows("> a?b?c")
    alice.say("")
    assert alice.peer.frame() == Frame(TEXT, "a\u009bb\u202ec".encode())
    alice.expect_rows(r"> a\u009bb\u202ec", ">")


def test_ctrl_r_draws_the_line_anew(alice):
    alice.type(b"half")
    alice.expect_rows("> half")
    alice.type(CTRL_R)
    alice.out.expect_text("\r> half\x1b[K")


# --- the terminal of a shell ----------------------------------------------------------------------


class Job(Chat):
    """Under a shell that has the terminal, as a job of it."""

    def __init__(self, address, script):
        super().__init__(terminal=True, user=None, command=["bash", "--norc", "-mc", script, CHAT, address])


@pytest.fixture
def job(server):
    started = []

    def start(script):
        started.append(Job(server.address, script))
        return started[-1]

    yield start
    for shell in started:
        shell.stop()


def test_ctrl_z(job, server):
    """The shell has its terminal as it was; after fg the line is there again."""
    shell = job('stty -g; "$0" -a "$1" -u alice; echo stopped; stty -g; read -r; fg >/dev/null; stty -g; echo over')
    peer = server.open()
    modes = shell.out.expect(r"^([0-9a-f:]+)\r$")[1]
    shell.connected()
    shell.type(b"half")
    shell.expect_rows("> half")
    shell.type(CTRL_Z)
    shell.out.expect_text("stopped")
    assert shell.out.expect(r"^([0-9a-f:]+)\r$")[1] == modes
    shell.type(b"\n")
    shell.expect_rows("> half", column=6)
    peer.text("news -- FROM bob")
    shell.expect_rows("news -- FROM bob", "> half", column=6)
    shell.say(" a line")
    while (got := peer.frame()).opcode != TEXT:
        peer.answer_ping(got)
    assert got == Frame(TEXT, b"half a line")
    shell.type(CTRL_D)
    peer.expect_logout()
    assert shell.out.expect(r"^([0-9a-f:]+)\r$")[1] == modes
    shell.out.expect_text("over")


def test_messages_that_go_elsewhere(job, server):
    """To a pager or a file: the terminal's own editing, and no prompt in between."""
    shell = job('"$0" -a "$1" -u alice | sed -u "s/^/heard: /"; echo over')
    peer = server.open()
    shell.connected()
    shell.type(b"no\x15yex\x7fs\n")
    assert peer.frame() == Frame(TEXT, b"yes")
    peer.text("news -- FROM bob")
    shell.out.expect("^heard: news -- FROM bob\r\n")
    assert "> " not in shell.out.text
    shell.type(CTRL_D)
    peer.expect_logout()
    shell.out.expect_text("over")


def test_in_the_background(job, server):
    """It says what it hears and leaves the terminal to others; nothing stops it."""
    shell = job('"$0" -a "$1" -u alice & read -r; fg >/dev/null; echo over')
    peer = server.open()
    shell.connected()
    peer.text("news -- FROM bob")
    shell.out.expect_text("news")
    assert "> " not in plain(shell.out.text)
    shell.type(b"\n")
    shell.out.expect_text("> ")
    shell.say("hello")
    while (got := peer.frame()).opcode != TEXT:
        peer.answer_ping(got)
    assert got == Frame(TEXT, b"hello")
    shell.type(CTRL_D)
    peer.expect_logout()
    shell.out.expect_text("over")


# --- how it looks ---------------------------------------------------------------------------------


def test_colours(alice):
    assert "\x1b[33m* connected" in alice.out.text
    alice.peer.text("-- FROM nobody, -- FROM bob")
    alice.out.expect_text("-- FROM nobody,\x1b[36m -- FROM bob\x1b[0m\r\n")
    alice.peer.shut(4001, b"kicked")
    alice.out.expect_text("\x1b[31mtidegate-chat: kicked")
    alice.assert_ends(KICKED)


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
def test_no_colours(server, chat, env):
    alice = chat(address=server.address, terminal=True, env=env)
    peer = server.open()
    peer.text("hi -- FROM bob")
    alice.out.expect_text("hi -- FROM bob\r\n")
    peer.shut(1000)
    alice.assert_ends(LOST)
    assert "m* " not in alice.out.text and "\x1b[3" not in alice.out.text
    assert "TERM" not in env or "\x1b" not in alice.out.text


def test_a_terminal_that_edits_by_itself(server, chat):
    """A dumb one moves no cursor when told to: its own editing is what there is."""
    alice = chat(address=server.address, terminal=True, env={"TERM": "dumb"})
    peer = server.open()
    alice.connected()
    alice.type(b"no\x15yex\x7fs\n")
    assert peer.frame() == Frame(TEXT, b"yes")
    alice.type(b"half" + CTRL_D + CTRL_D)
    assert peer.frame() == Frame(TEXT, b"half")
    peer.expect_logout()
    alice.assert_ends(OK)


def test_an_empty_no_color_is_none(server, chat):
    alice = chat(address=server.address, terminal=True, env={"NO_COLOR": ""})
    server.open()
    alice.out.expect_text("\x1b[33m* connected")


def test_a_pipe_beside_a_terminal(server, chat):
    """`cat | tidegate-chat`: nobody's typing is written over, yet there are colours."""
    read_end, write_end = os.pipe()
    alice = chat(address=server.address, terminal=True, stdin=read_end)
    os.close(read_end)
    peer = server.open()
    peer.text("hi -- FROM bob")
    alice.out.expect_text("hi\x1b[36m -- FROM bob")
    os.close(write_end)
    peer.expect_logout()
    alice.assert_ends(OK)
    assert "\x1b[K" not in alice.out.text and "> " not in alice.out.text
    assert "Ctrl-D" not in alice.out.text


def test_verbose(server, chat):
    """The tutorial's lines stand alone on a terminal too."""
    alice = chat("-v", address=server.address, terminal=True)
    server.open()
    alice.out.expect("^readloop started\r\nheartbeatloop started\r\n")


def test_typed_while_there_is_no_line(alice, server):
    alice.peer.shut(1012, b"retry_ms=1500")
    alice.expect_state(r"reconnecting in \d\.\d s \(attempt 1 of 10\); what is typed waits until then")
    alice.say("said into the gap")
    alice.say("and this")
    peer = server.open()
    for text in (b"said into the gap", b"and this"):
        assert peer.frame() == Frame(TEXT, text)
    alice.type(CTRL_D)
    peer.expect_logout()
    alice.assert_ends(OK)


def test_ctrl_d_while_there_is_no_line(alice, server):
    alice.peer.shut(1011)
    alice.expect_state("reconnecting")
    alice.type(CTRL_D)
    alice.assert_ends(OK)
    server.assert_nobody_waits()


def test_ctrl_d_behind_what_waits(alice, server):
    """What was typed goes first."""
    alice.peer.shut(1012, b"retry_ms=1000")
    alice.expect_state("reconnecting")
    alice.say("last words")
    alice.type(CTRL_D)
    peer = server.open()
    assert peer.frame() == Frame(TEXT, b"last words")
    peer.expect_logout()
    alice.assert_ends(OK)


def test_the_terminal_goes_away(server):
    """Its window is closed: SIGHUP, and nothing to write to."""
    master, slave = pty.openpty()
    alice = subprocess.Popen(
        [CHAT, "-a", server.address, "-u", "alice"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(slave)
    peer = server.open()
    peer.text("hi -- FROM bob")
    while b"hi" not in os.read(master, 1 << 16):
        pass
    os.close(master)
    peer.expect_logout()
    assert alice.wait(TIMEOUT) in (OK, LOCAL)  # LOCAL: it noticed by writing


def twice_ctrl_c(alice):
    """What has not been read from a terminal is thrown away by a Ctrl-C."""
    alice.type(CTRL_C)
    assert alice.peer.frame().opcode == CLOSE
    alice.out.expect_text("\x1b[?2004l")
    alice.type(CTRL_C)


ENDS = {
    "Ctrl-D": lambda alice: alice.type(CTRL_D) or alice.peer.frame() and alice.peer.close_socket(),
    "Ctrl-C": lambda alice: alice.type(b"half" + CTRL_C) or alice.peer.frame() and alice.peer.close_socket(),
    "two signals": twice_ctrl_c,
    "the gateway": lambda alice: alice.peer.shut(4001, b"kicked"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_the_terminal_is_left_as_it_was(alice, end):
    keep = os.dup(alice.master)
    assert termios.tcgetattr(keep) != alice.modes
    end(alice)
    alice.wait()
    assert termios.tcgetattr(keep) == alice.modes
    assert alice.out.text.count("\x1b[?2004h") == alice.out.text.count("\x1b[?2004l") == 1
    os.close(keep)


def test_a_held_terminal(alice):
    """Ctrl-S stops the output; the heartbeat, and what is sent, do not stop with it."""
    alice.type(b"\x13")
    alice.peer.text("unseen -- FROM bob")
    alice.say("still here")
    assert alice.peer.frame() == Frame(TEXT, b"still here")
    alice.type(b"\x11")
    alice.out.expect_text("unseen")

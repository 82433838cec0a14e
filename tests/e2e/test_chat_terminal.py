"""tidegate-chat on a terminal: keys, colours, and what comes while somebody types."""

import fcntl
import os
import pty
import signal
import subprocess
import termios

import pytest

from chatting import CHAT, CTRL_C, CTRL_D, KICKED, LOCAL, LOST, OK, plain
from raw import CLOSE, TEXT, Frame
from waiting import TIMEOUT

CTRL_R = b"\x12"
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


def test_ctrl_d_behind_half_a_line(alice):
    """The first one sends what stands there to the program, the second is the end; nothing is lost."""
    alice.type(b"half" + CTRL_D + CTRL_D)
    assert alice.peer.frame() == Frame(TEXT, b"half")
    alice.peer.expect_logout()
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
    """As everywhere else: what is not ended is not said."""
    alice.type(b"I did not mean")
    alice.out.expect_text("I did not mean")  # the terminal's echo
    alice.type(CTRL_C)
    alice.peer.expect_logout()
    alice.assert_ends(OK)


def test_an_empty_line_says_nothing(alice):
    alice.say("")
    alice.say("something")
    assert alice.peer.frame() == Frame(TEXT, b"something")


def test_it_says_how_to_leave(alice):
    assert "connected; Ctrl-D logs out" in plain(alice.out.text)


def test_keys_edit_the_line(alice):
    """The terminal's own editing: backspace, and Ctrl-U for the whole line."""
    alice.type(b"no\x15yex\x7fs\n")
    assert alice.peer.frame() == Frame(TEXT, b"yes")


def test_a_message_while_typing(alice):
    """It takes the place of what was typed, which is there all the same: Ctrl-R shows it."""
    alice.type(b"half a l")
    alice.out.expect_text("half a l")
    alice.peer.text("news -- FROM bob")
    alice.out.expect_text(f"{ERASE}news\x1b[36m -- FROM bob\x1b[0m")
    alice.type(CTRL_R)
    alice.out.expect_text("half a l")
    alice.say("ine")
    assert alice.peer.frame() == Frame(TEXT, b"half a line")


def test_colours(alice):
    assert f"{ERASE}\x1b[33m* connected" in alice.out.text
    alice.peer.text("-- FROM nobody, -- FROM bob")
    alice.out.expect_text(f"{ERASE}-- FROM nobody,\x1b[36m -- FROM bob\x1b[0m\r\n")
    alice.peer.shut(4001, b"kicked")
    alice.out.expect_text(f"{ERASE}\x1b[31mtidegate-chat: kicked")
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
    assert "\x1b[K" not in alice.out.text
    assert "Ctrl-D" not in alice.out.text


def test_verbose(server, chat):
    """The tutorial's lines stand alone on a terminal too."""
    alice = chat("-v", address=server.address, terminal=True)
    server.open()
    alice.out.expect_text(f"{ERASE}readloop started\r\n{ERASE}heartbeatloop started\r\n")


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


def test_the_terminal_is_left_as_it_was(alice):
    before = subprocess.run(["stty", "-g"], stdin=alice.master, capture_output=True, check=True).stdout
    keep = os.dup(alice.master)
    alice.type(CTRL_D)
    alice.peer.expect_logout()
    alice.assert_ends(OK)
    assert subprocess.run(["stty", "-g"], stdin=keep, capture_output=True, check=True).stdout == before
    os.close(keep)


def test_a_held_terminal(alice):
    """Ctrl-S stops the output; the heartbeat, and what is sent, do not stop with it."""
    alice.type(b"\x13")
    alice.peer.text("unseen -- FROM bob")
    alice.say("still here")
    assert alice.peer.frame() == Frame(TEXT, b"still here")
    alice.type(b"\x11")
    alice.out.expect_text("unseen")

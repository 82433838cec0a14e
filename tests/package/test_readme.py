"""A stranger's hour: README.md followed from a clean clone, each line typed as it is printed.

Its second command runs the tests, of which this is one: test_debian13.py types that.
"""

import os
import re
import signal
import subprocess

import pytest

import foreign
import readme
from browser import Browser
from cloning import clone_as_it_stands
from typed import check_that_they_talk, two_tabs
from waiting import TIMEOUT

NPM_S = 300

pytestmark = pytest.mark.timeout(readme.INSTALL_AND_BUILD_S + 60)


class Stranger:
    """A clone, a home of its own, and what is typed there."""

    def __init__(self, folder):
        self.tree = folder / "tidegate"
        self.home = folder / "home"
        self.home.mkdir()
        self.environment = {**os.environ, "HOME": str(self.home)}
        clone_as_it_stands(self.tree)

    def begin(self, line, **popen):
        """A line as typed, comment and all; a pipeline is one group, as a shell makes it."""
        return subprocess.Popen(
            ["bash", "-c", line], cwd=self.tree, env=self.environment, text=True, start_new_session=True, **popen
        )

    def type(self, lines, seconds, **popen):
        """Lines that depend on each other, as a terminal keeps its folder."""
        done = self.begin("\n".join(["set -e", *lines]), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **popen)
        try:
            said, _ = done.communicate(timeout=seconds)
        except BaseException:
            os.killpg(done.pid, signal.SIGKILL)
            raise
        assert done.returncode == 0, said
        return said


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Stranger(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="module")
def gateway(stranger):
    """The first command, which goes on beside all others, until Ctrl-C."""
    if (port := readme.taken_port()) is not None:
        pytest.skip(f"port {port} is taken")
    command, _ = readme.two_commands()
    running = readme.run_start(["bash", "-c", f"exec {command}"], cwd=stranger.tree, env=stranger.environment)
    yield running
    running.signal(signal.SIGINT)
    assert running.wait() == 0
    running.assert_no_report()


@pytest.fixture(scope="module")
def browser():
    opened = Browser()
    yield opened
    opened.close()


def test_the_console(gateway, browser):
    """*Try it* has two clients that already talk."""
    before, _ = readme.blocks("js")[0]
    page = browser.open()
    page.goto(re.findall(r"open \*\*(http://127\S+)\*\*", before)[0])
    page.wait("document.querySelectorAll('.card .bubble').length >= 2")
    page.close()


def test_by_hand_in_two_tabs(gateway, browser):
    before, (alice, bob, hello) = readme.blocks("js")[0]
    url = re.findall(r"open \*\*(http://\S+)\*\*", before)[-1]
    with two_tabs(browser, url) as pages:
        check_that_they_talk(pages, alice, bob, hello)


def test_a_program_with_the_sdk(gateway, stranger):
    """Installed as the shell's lines say; the program is the block, word for word."""
    before, lines = readme.blocks("ts")[0]
    installing = next(lines for text, lines in reversed(readme.blocks("sh")) if len(text) < len(before))
    stranger.type(installing, NPM_S)
    (stranger.home / "app/program.mts").write_text("\n".join(lines), encoding="utf-8")
    stranger.type(["cd ~/app", "esbuild program.mts --outfile=program.mjs --log-level=warning"], TIMEOUT)
    with readme.login("dave") as dave:
        # Node 20 has a WebSocket only where it is asked to; 22 has one.
        node = f"{foreign.NODE} --experimental-websocket"
        running = stranger.begin(f"cd ~/app && exec {node} program.mjs", stdout=subprocess.PIPE)
        try:
            dave.expect_text("hello -- FROM alice")
            dave.text("good evening")
            assert running.stdout.readline() == "dave: good evening\n"
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def chat_line(word):
    lines = [line for _, lines in readme.blocks("sh") for line in lines if "tidegate-chat" in line and word in line]
    assert len(lines) == 1
    return lines[0]


def test_the_chat_command_for_a_person(gateway, stranger):
    with readme.login("dave") as dave:
        carol = stranger.begin(chat_line("tidegate-chat -u carol"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        carol.stdin.write("hello\n")
        carol.stdin.flush()
        dave.expect_text("hello -- FROM carol")
        dave.text("good evening")
        assert "good evening -- FROM dave" in carol.stdout.readline()
        carol.stdin.close()
        assert carol.wait(TIMEOUT) == 0


def test_the_chat_command_for_a_script(gateway, stranger):
    with readme.login("dave") as dave:
        stranger.type([chat_line("-u cron")], TIMEOUT)
        dave.expect_text("backup done -- FROM cron")


def test_the_chat_command_that_shows_each_ping(gateway, stranger):
    eve = stranger.begin(
        chat_line("-u eve"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        shown = iter(eve.stdout.readline, "")
        assert any("ping" in line for line in shown)
        assert any("pong" in line for line in shown)
    finally:
        os.killpg(eve.pid, signal.SIGKILL)
        eve.wait()


def test_nothing_to_type_is_left_out():
    """A block that is added is typed here, or it is no block of commands."""
    assert [len(readme.blocks(language)) for language in ("sh", "js", "ts")] == [3, 1, 1]
    assert readme.two_commands() == ["tools/start", "tools/check"]

"""tools/start in a tree where building takes as long as the test says, and the gateway is a few lines."""

import contextlib
import errno
import fcntl
import importlib.machinery
import importlib.util
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import sys
import termios

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from waiting import TIMEOUT, wait_until  # noqa: E402

CTRL_C = b"\x03"

MESON = """#!/bin/sh
mkdir -p "$2" && : >"$2/build.ninja" && : >"$FAKES/configured"
"""
NINJA = """#!/bin/sh
printf '[1/3] one\\n[2/3] two\\n'
read word <"$FAKES/go"
printf '[3/3] three\\n'
case $word in
fail) echo 'error: no such thing'; exit 1 ;;
esac
mkdir -p "$2/server" && cp "$FAKES/gateway" "$2/server/tidegate"
"""
GATEWAY = """#!/usr/bin/python3
import os, signal, socket, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
if "--help" in sys.argv:
    sys.exit(print("--an-option of the gateway"))
if sys.argv[1] == "config":
    sys.exit(print(os.environ.get("IN_FORCE", "")))
print("starting", *sys.argv[1:], flush=True)
with open(os.environ["FAKES"] + "/listen") as told:
    if told.read() == "fail":
        sys.exit(7)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.sendto(b"READY=1\\nSTATUS=listening on :8000, admin on http://127.0.0.1:8001/", os.environ["NOTIFY_SOCKET"])
signal.pause()
"""


class Tree:
    """A copy of the scripts, with stand-ins for what they call; each waits for a word in its pipe."""

    def __init__(self, path):
        self.path = path
        self.fakes = path / "fakes"
        self.fakes.mkdir()
        (path / "build").mkdir()
        (path / "tools").mkdir()
        for name in ("start", "lib.sh", "busy", "invite"):
            shutil.copy(ROOT / "tools" / name, path / "tools")
        self.write(path / "tools/setup", "#!/bin/sh\n")
        for name, text in (("meson", MESON), ("ninja", NINJA), ("gateway", GATEWAY)):
            self.write(self.fakes / name, text)
        for name in ("go", "listen"):
            os.mkfifo(self.fakes / name)

    @staticmethod
    def write(path, text):
        path.write_text(text, encoding="ascii")
        path.chmod(0o755)

    def tell(self, name, word):
        """Once somebody listens."""

        def opens():
            with contextlib.suppress(OSError):
                return os.open(self.fakes / name, os.O_WRONLY | os.O_NONBLOCK)

        fd = wait_until(opens, f"{name} is awaited")
        os.write(fd, word.encode())
        os.close(fd)

    @property
    def was_configured(self):
        return (self.fakes / "configured").exists()


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


class Run:
    """tools/start on a terminal, or not."""

    def __init__(self, tree, *options, on_terminal=False):
        self.said = ""
        self.is_over = False
        self.master, slave = pty.openpty() if on_terminal else os.pipe()
        self.process = subprocess.Popen(
            [tree.path / "tools/start", *options],
            stdin=slave if on_terminal else subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "FAKES": str(tree.fakes), "PATH": f"{tree.fakes}:{os.environ['PATH']}"},
            start_new_session=True,
            preexec_fn=(lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0)) if on_terminal else None,
        )
        os.close(slave)
        os.set_blocking(self.master, False)

    def read(self):
        with contextlib.suppress(BlockingIOError):
            try:
                while data := os.read(self.master, 65536):
                    self.said += data.decode()
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
            self.is_over = True
        return self.said

    def wait_for(self, text):
        wait_until(lambda: text in self.read(), f"{text!r} in {self.said!r}")

    def end(self):
        """The exit code; by then everybody who might have said something is gone."""
        code = self.process.wait(TIMEOUT)
        wait_until(lambda: self.read() and self.is_over, "the end of what it says")
        return code

    def close(self):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def run(tree):
    with contextlib.ExitStack() as closing:

        def begin(*options, **how):
            begun = Run(tree, *options, **how)
            closing.callback(begun.close)
            return begun

        yield begin


FREE = ("-l", "unix:/nonexistent/of/nobody", "--admin", "none")


# --- help ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--help", "-h", "-?", "--usage"])
def test_help_builds_nothing(tree, run, option):
    asked = run(option)
    assert asked.end() == 0
    assert "tools/start [OPTION...]" in asked.said
    assert "server/config/README.md" in asked.said
    assert not tree.was_configured


def test_help_of_what_is_built(tree, run):
    (tree.path / "build/release/server").mkdir(parents=True)
    shutil.copy(tree.fakes / "gateway", tree.path / "build/release/server/tidegate")
    asked = run("--help")
    assert asked.end() == 0
    assert "--an-option of the gateway" in asked.said
    assert not tree.was_configured


# --- building -----------------------------------------------------------------------------------


def test_progress_on_a_terminal(tree, run):
    """On one line, which is gone when the build is done."""
    begun = run(*FREE, on_terminal=True)
    begun.wait_for("\rstart: building [2/3], ")
    tree.tell("go", "on\n")
    begun.wait_for("\r\033[K")
    begun.wait_for("starting")
    assert begun.said.count("building [") < 2 + 2 * TIMEOUT
    assert "\n" not in begun.said[begun.said.index("\rstart: building") : begun.said.index("\033[K")]


def test_progress_elsewhere(tree, run):
    """A line now and then."""
    script = tree.path / "tools/start"
    text = script.read_text(encoding="utf-8")
    assert text.count("progress_s=10 ") == 1
    script.write_text(text.replace("progress_s=10 ", "progress_s=1 "), encoding="utf-8")
    begun = run(*FREE)
    begun.wait_for("start: building [2/3], ")
    assert "\r" not in begun.said


def test_a_build_that_fails(tree, run):
    begun = run(*FREE)
    tree.tell("go", "fail\n")
    assert begun.end() == 1
    assert "error: no such thing" in begun.said
    assert "build/start.log" in begun.said


def test_two_builds_at_once(tree, run):
    """The second one waits for the first, whose files they would share."""
    first = run(*FREE)
    first.wait_for("building a release")
    wait_until(lambda: tree.was_configured, "the first one builds")
    second = run(*FREE)
    second.wait_for("start: another one builds there: waiting for it")
    tree.tell("go", "fail\n")
    assert first.end() == 1
    tree.tell("go", "fail\n")
    assert second.end() == 1


# --- Ctrl-C -------------------------------------------------------------------------------------


def test_ctrl_c_while_it_installs(tree, run):
    """Says nothing of a network that would be missing."""
    shutil.copy(ROOT / "tools/setup", tree.path / "tools/setup")
    tree.write(tree.fakes / "dpkg-query", "#!/bin/sh\n")  # nothing is there
    tree.write(tree.fakes / "apt-get", "#!/bin/sh\ntrap 'exit 100' INT\n: >\"$FAKES/fetches\"\nread word <\"$FAKES/go\"\n")
    tree.write(tree.fakes / "sudo", '#!/bin/sh\nexec "$@"\n')
    begun = run(*FREE, on_terminal=True)
    wait_until((tree.fakes / "fetches").exists, "packages are fetched")
    os.write(begun.master, CTRL_C)
    assert begun.end() == 130
    assert "installing" in begun.said and "network" not in begun.said


def test_ctrl_c_while_it_builds(run):
    """Says nothing of a build that failed."""
    begun = run(*FREE, on_terminal=True)
    begun.wait_for("building [2/3]")
    os.write(begun.master, CTRL_C)
    assert begun.end() == 130
    assert "failed" not in begun.said


def test_ctrl_c_before_it_listens(tree, run):
    begun = run(*FREE, on_terminal=True)
    tree.tell("go", "on\n")
    begun.wait_for("starting")
    os.write(begun.master, CTRL_C)
    assert begun.end() == 0  # the gateway's own
    assert "is up" not in begun.said


def test_ctrl_c_while_it_serves(tree, run):
    begun = run(*FREE, on_terminal=True)
    tree.tell("go", "on\n")
    tree.tell("listen", "on")
    begun.wait_for("The gateway is up")
    os.write(begun.master, CTRL_C)
    assert begun.end() == 0
    assert "Traceback" not in begun.said


# --- the invitation -----------------------------------------------------------------------------


def test_it_invites_when_it_listens(tree, run):
    begun = run(*FREE)
    tree.tell("go", "on\n")
    begun.wait_for("starting")
    assert "http://" not in begun.said
    tree.tell("listen", "on")
    begun.wait_for("http://localhost:8000/")


def test_what_a_config_file_says_is_known(tree, run, monkeypatch):
    """An echo has nobody to talk to, whoever asked for it."""
    monkeypatch.setenv("IN_FORCE", "echo = true  # a.conf:2")
    begun = run(*FREE)
    tree.tell("go", "on\n")
    tree.tell("listen", "on")
    begun.wait_for("it comes back")
    assert "bob" not in begun.said


def test_it_does_not_invite_to_what_has_failed(tree, run):
    begun = run(*FREE)
    tree.tell("go", "on\n")
    tree.tell("listen", "fail")
    assert begun.end() == 7
    assert "http://" not in begun.said


def test_what_it_adds_to_the_options(tree, run):
    begun = run("--echo", "-l", "unix:/nonexistent/x")
    wait_until(lambda: "building" in begun.read() or "is taken" in begun.said)
    if "is taken" in begun.said:
        pytest.skip("port 8001 is taken")
    tree.tell("go", "on\n")
    begun.wait_for("starting --admin 127.0.0.1:8001 --demo --echo -l unix:/nonexistent/x")


def module(name):
    loader = importlib.machinery.SourceFileLoader(name, str(ROOT / "tools" / name))
    loaded = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(loaded)
    return loaded


INVITATIONS = {
    "as it is started": (
        ":8000, admin on http://127.0.0.1:8001/", ["--demo"],
        ["    http://127.0.0.1:8001/\n", "two clients", "    http://localhost:8000/\n",
         '    alice = new WebSocket("ws://localhost:8000/?user=alice"); ', '    bob = new ', "-a ws://localhost:8000 -u"],
        ["Unix"],
    ),
    "a Unix socket": ("unix:/run/x", [], ["-a unix:/run/x -u carol", "-l :8000"], ["http://", "new WebSocket"]),
    "a Unix socket among others": ("unix:/run/x,127.0.0.1:1", [], ["http://127.0.0.1:1/", "ws://127.0.0.1:1 "], ["unix"]),
    "another machine's way": ("192.0.2.1:8000", [], ["-a ws://192.0.2.1:8000 "], ["http://", "new WebSocket"]),
    "the same, with --demo": ("192.0.2.1:8000", ["--demo"], ["http://192.0.2.1:8000/"], []),
    "IPv6": ("[::1]:8000", [], ["http://[::1]:8000/", "ws://[::1]:8000"], []),
    "all addresses, in two families": ("[::]:8000,0.0.0.0:8000", [], ["http://localhost:8000/"], ["[::]", "0.0.0.0"]),
    "an echo": (":8000", ["--echo"], ["it comes back", "alice"], ["bob", "carol"]),
    "an admin port on a Unix socket": (":8000, admin on unix:/run/admin", ["--demo"], ["localhost:8000"], ["console:", "/run"]),
    "a console that plays no faults": (":1, admin on http://127.0.0.1:2/", [], ["who left", "http://127.0.0.1:2/"], ["two clients"]),
}  # fmt: skip


@pytest.mark.parametrize(("where", "options", "said", "not_said"), INVITATIONS.values(), ids=INVITATIONS.keys())
def test_what_is_said(where, options, said, not_said):
    configuration = "".join(f"{option[2:]} = true   # command line\n" for option in options)
    text = module("invite").invitation(f"listening on {where}", "/a tree/tidegate-chat", configuration)
    for words in said:
        assert words in text, text
    for words in not_said:
        assert words not in text, text


def test_a_command_that_is_printed_can_be_typed():
    assert "'/a tree/chat' -a ws://" in module("invite").invitation("listening on :1", "/a tree/chat", "demo = false")


# --- who is in the way --------------------------------------------------------------------------


def busy(*addresses):
    """(exit code, lines)"""
    done = subprocess.run([ROOT / "tools/busy", *addresses], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.fixture
def taken():
    """An address that this process listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield "127.0.0.1:{}".format(listener.getsockname()[1])


ME = f"(process {os.getpid()})"


def test_a_port_that_is_taken(taken):
    port = taken.rpartition(":")[2]
    for address in (taken, f":{port}", f"localhost:{port}", f"*:{port}"):
        code, (line,) = busy("[::1]:9", address)
        assert code == 1
        assert line.startswith(f"{address} is taken by ") and line.endswith(ME)


def test_what_is_free(taken):
    port = taken.rpartition(":")[2]
    assert busy(f"127.0.0.2:{port}", "nonsense", ":0", ":99999", "192.0.2.1:80") == (0, [])
    assert busy() == (0, [])


def test_a_path_that_is_taken(tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        code, (line,) = busy(f"unix:{path}")
    assert code == 1
    assert line.startswith(f"unix:{path} is taken by ") and line.endswith(ME)
    assert busy(f"unix:{path}", f"unix:{tmp_path}/nothing") == (0, [])  # left behind by a dead one


@pytest.mark.parametrize("form", ["-l {}", "-l{}", "--listen {}", "--listen={}"])
def test_a_taken_port_is_told_before_anything_is_built(tree, run, taken, form):
    begun = run(*form.format(taken).split(), "--admin", "none")
    assert begun.end() == 1
    assert f"{taken} is taken by" in begun.said and ME in begun.said
    assert "    tools/start -l :8" in begun.said and begun.said.endswith(" --admin none\n")
    assert not tree.was_configured


def test_what_is_free_stays_as_it_was_typed(tree, run, taken):
    script = tree.path / "tools/start"
    text = script.read_text(encoding="utf-8")
    assert text.count("admin_address=127.0.0.1:8001\n") == 1
    script.write_text(text.replace("admin_address=127.0.0.1:8001\n", f"admin_address={taken}\n"), encoding="utf-8")
    begun = run("--id", "a b", "-l", "unix:/nonexistent/x", "--echo")
    assert begun.end() == 1
    wanted = r"\n    tools/start -l unix:/nonexistent/x --id a\\ b --echo --admin 127\.0\.0\.1:8\d\d1 --demo\n$"
    assert re.search(wanted, begun.said), begun.said


def test_a_question_needs_no_port(tree, run, taken):
    """Nor does its answer tell of what tools/start would add."""
    begun = run("config", "-l", taken)
    tree.tell("go", "on\n")
    assert begun.end() == 0
    assert "is taken" not in begun.said and "starting" not in begun.said

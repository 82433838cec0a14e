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

from gateway import free_port  # noqa: E402
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
def end(*_):
    if "--cluster" in sys.argv:
        nats = sys.argv[sys.argv.index("--cluster") + 1].rpartition(":")[2]
        print("NATS is there:", socket.create_connection(("127.0.0.1", int(nats))).recv(4) == b"INFO", flush=True)
    sys.exit(0)
name = "-" + sys.argv[sys.argv.index("--id") + 1] if "--id" in sys.argv else ""
is_deaf = os.environ.get("DEAF") == name[1:] != ""
signal.signal(signal.SIGINT, (lambda *_: print("not yet", flush=True)) if is_deaf else end)
if "--help" in sys.argv:
    sys.exit(print("--an-option of the gateway"))
if sys.argv[1] == "config":
    sys.exit(print(os.environ.get("IN_FORCE", "")))
print("starting", *sys.argv[1:], flush=True)
with open(os.environ["FAKES"] + "/listen" + name) as told:
    if told.read() == "fail":
        sys.exit(7)
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.sendto(("READY=1\\nSTATUS=listening on %s, admin on http://127.0.0.1:8001/" % os.environ.get("LISTENING", ":8000")).encode(), os.environ["NOTIFY_SOCKET"])
while True:
    signal.pause()
"""
NATS = """#!/usr/bin/python3
import contextlib, os, socket, sys
print("a server of NATS", flush=True)
if os.path.exists(os.environ["FAKES"] + "/no-nats"):
    sys.exit(3)
with socket.create_server(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1]))) as listening:
    while True:
        with listening.accept()[0] as client, contextlib.suppress(OSError):
            client.sendall(b"INFO {}\\r\\n")
"""


NODES = ("gw-1", "gw-2", "gw-3")


class Tree:
    """A copy of the scripts, with stand-ins for what they call; each waits for a word in its pipe."""

    def __init__(self, path):
        self.path = path
        self.fakes = path / "fakes"
        self.fakes.mkdir()
        (path / "build").mkdir()
        (path / "tools").mkdir()
        for name in ("start", "lib.sh", "busy", "invite", "cluster", "certificate"):
            shutil.copy(ROOT / "tools" / name, path / "tools")
        self.write(path / "tools/setup", '#!/bin/sh\necho "to install: $*"\n')
        for name, text in (("meson", MESON), ("ninja", NINJA), ("gateway", GATEWAY), ("nats-server", NATS)):
            self.write(self.fakes / name, text)
        for name in ("go", "listen", *(f"listen-{node}" for node in NODES)):
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
    assert "Ctrl-C ends it all.\n\n" in asked.said  # the comment at its head, to its end
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
    begun.wait_for("installing")  # or Ctrl-C throws it away unread
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


@pytest.mark.parametrize(
    "listening, in_force, console",
    [
        (":8000", "demo = true", "two clients that talk"),
        (":8000", "demo = false", "who is connected"),
        ("unix:/run/x", "demo = true", "who is connected"),  # where no browser's client can go
        (":8000", "demo = true\necho = true", "who is connected"),  # where nobody talks
    ],
)
def test_what_the_console_is_for(tree, run, monkeypatch, listening, in_force, console):
    monkeypatch.setenv("LISTENING", listening)
    monkeypatch.setenv("IN_FORCE", in_force)
    begun = run(*FREE)
    tree.tell("go", "on\n")
    tree.tell("listen", "on")
    begun.wait_for(f"The console: {console}")


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


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture
def over_tls(tree, run, monkeypatch):
    """A run that has begun, with the certificate made for it."""

    def begin(*options):
        monkeypatch.setenv("LISTENING", "wss://:8000")
        monkeypatch.setenv("IN_FORCE", f"tls_cert = {tree.path}/build/tls/certificate.pem  # command line")
        begun = run("--tls", "--admin", "none", *options)
        tree.tell("go", "on\n")
        begun.wait_for("starting")
        return begun

    return begin


def test_tls_wants_a_certificate_and_has_it_made(tree, over_tls):
    port = free_port()
    begun = over_tls("-l", f"127.0.0.1:{port}", "-l", "unix:/nonexistent/x", "--echo")
    folder = tree.path / "build/tls"
    assert "to install: --tls" in begun.said
    begun.wait_for(f"starting --admin none --echo --listen wss://127.0.0.1:{port} --listen unix:/nonexistent/x "
                   f"--tls-cert {folder}/certificate.pem --tls-key {folder}/key.pem")
    assert (folder / "key.pem").stat().st_mode & 0o777 == 0o600
    for name in ("-verify_hostname localhost", "-verify_ip 127.0.0.1", "-verify_ip ::1"):
        words = ["openssl", "verify", "-CAfile", folder / "certificate.pem", *name.split(), folder / "certificate.pem"]
        subprocess.run(words, check=True, capture_output=True, timeout=TIMEOUT)


def test_it_says_how_to_trust_the_certificate(tree, over_tls):
    begun = over_tls("-l", f"127.0.0.1:{free_port()}")
    tree.tell("listen", "on")
    begun.wait_for("-u carol")
    path = tree.path / "build/tls/certificate.pem"
    assert f"curl --cacert {path} https://localhost:8000/\n" in begun.said
    assert f"tidegate-chat -a wss://localhost:8000 --ca {path} -u carol\n" in begun.said


def test_who_brings_a_certificate_knows_how_to_trust_it(tree, run, monkeypatch):
    monkeypatch.setenv("LISTENING", "wss://:8000")
    monkeypatch.setenv("IN_FORCE", "tls_cert = /etc/a.pem  # command line\ndemo = true  # command line")
    begun = run(*FREE)
    tree.tell("go", "on\n")
    tree.tell("listen", "on")
    begun.wait_for("tidegate-chat -a wss://localhost:8000 -u carol\n")
    assert "https://localhost:8000/" in begun.said and 'new WebSocket("wss://localhost:8000/?user=alice")' in begun.said
    assert "made here" not in begun.said


def test_a_certificate_is_kept_as_long_as_it_is_good(tree):
    """Half of its time, so that the gateway never warns of one; who trusts it does so once."""
    path = tree.path / "build/tls/certificate.pem"

    def make(days=None):
        script = tree.path / "tools/certificate"
        text = script.read_text(encoding="utf-8")
        if days:
            script.write_text(re.sub(r"^readonly days=\d+$", f"readonly days={days}", text, flags=re.MULTILINE), encoding="utf-8")
        subprocess.run([script], check=True, capture_output=True, timeout=TIMEOUT)
        script.write_text(text, encoding="utf-8")
        return path.read_bytes()

    short = make(days=14)
    kept = make()
    assert kept != short, "14 days are less than half of 30"
    assert make() == kept
    (tree.path / "build/tls/key.pem").unlink()
    assert make() != kept


@pytest.mark.parametrize("words, said", [(["--cluster", "3"], "leave one of them out"), (["-c", "a.conf"], "without a config file")])
def test_what_does_not_go_with_tls(tree, run, words, said):
    begun = run("--tls", *words)
    assert begun.end() == 1 and said in begun.said and not tree.was_configured


def test_a_place_for_tls_may_be_taken_too(tree, run):
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
        begun = run("--tls", "-l", where, "--admin", "none")
        assert begun.end() == 1
        assert f"wss://{where} is taken by" in begun.said and "tools/start --tls -l :" in begun.said


# --- several nodes ------------------------------------------------------------------------------


@pytest.fixture
def first_port():
    """One from which on there is room for a cluster."""
    return wait_until(lambda: (port := free_port()) < 32700 and is_room_at(port) and port, "a free place")


def is_room_at(port):
    return busy(*(f"127.0.0.1:{port + 10 * i + j}" for i in range(3) for j in range(2)))[0] == 0


@pytest.fixture
def cluster(tree, run, first_port):
    """A run that has begun: cluster(OPTION...)."""

    def begin(*options, up=True, **how):
        begun = run("--cluster", "3", "-l", f"127.0.0.1:{first_port}", *options, **how)
        tree.tell("go", "on\n")
        for node in NODES:
            begun.wait_for(f"{node} | starting")
        for node in NODES if up else ():
            tree.tell(f"listen-{node}", "on")
        if up:
            begun.wait_for("Three nodes are up")
            begun.wait_for("see who still talks to whom")
        return begun

    return begin


def process_of(said, name):
    return int(re.search(rf"^    {name} .*process (\d+)", said, re.MULTILINE)[1])


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_each_node_is_told(tree, cluster, first_port):
    begun = cluster("--echo", "--drain=1", up=False)
    assert "to install: --cluster" in begun.said
    keys = set()
    for number, node in enumerate(NODES):
        port = first_port + 10 * number
        wanted = (rf"^{node} \| starting --listen 127\.0\.0\.1:{port} --admin 127\.0\.0\.1:{port + 1} --demo --id {node} "
                  r"--cluster nats://127\.0\.0\.1:\d+ --cluster-key (\S+) --echo --drain=1$")
        keys.add(pathlib.Path(re.search(wanted, begun.said, re.MULTILINE)[1]))
    [key] = keys
    assert re.fullmatch(r"[0-9a-f]{64}\n", key.read_text(encoding="ascii"))
    assert (key.stat().st_mode & 0o777, key.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_cluster_is_up_when_all_its_nodes_are(tree, cluster, first_port):
    begun = cluster(up=False)
    for node in NODES:
        assert "are up" not in begun.read()
        tree.tell(f"listen-{node}", "on")
    begun.wait_for("see who still talks to whom")
    for number, node in enumerate(NODES):
        port = first_port + 10 * number
        assert f"    {node}   ws://127.0.0.1:{port}   console http://127.0.0.1:{port + 1}/   process " in begun.said
    assert f'alice = new WebSocket("ws://127.0.0.1:{first_port}/?user=alice")' in begun.said
    assert f'bob = new WebSocket("ws://127.0.0.1:{first_port + 10}/?user=bob")' in begun.said
    assert f"tidegate-chat -a ws://127.0.0.1:{first_port + 20} -u carol\n" in begun.said


def test_ctrl_c_ends_a_cluster(tree, cluster):
    """NATS after the nodes, who may still have something to say to each other."""
    begun = cluster(on_terminal=True)
    key = pathlib.Path(re.search(r"--cluster-key (\S+)", begun.said)[1])
    processes = [process_of(begun.said, name) for name in (*NODES, "NATS")]
    assert key.exists() and all(map(is_running, processes))
    os.write(begun.master, CTRL_C)
    assert begun.end() == 0
    assert not key.exists() and not any(map(is_running, processes))
    assert begun.said.count("NATS is there: True") == 3
    assert "has ended" not in begun.said and "Traceback" not in begun.said


def test_a_terminal_is_logged_to_as_one(cluster):
    begun = cluster("--drain=1", on_terminal=True)
    assert begun.said.count("--log-format tutorial --log-sessions yes --drain=1") == 3


def test_a_second_ctrl_c_is_passed_on(cluster, monkeypatch):
    """And a third one is for who will not hear."""
    monkeypatch.setenv("DEAF", "gw-2")
    begun = cluster(on_terminal=True)
    for times in (1, 2):
        os.write(begun.master, CTRL_C)
        wait_until(lambda: begun.read().count("gw-2 | not yet") == times, "it was asked")  # noqa: B023
    os.write(begun.master, CTRL_C)
    assert begun.end() == 1
    assert re.search(r"cluster: gw-2 \(process \d+\) was ended by SIGKILL\r?\n", begun.said)


def test_a_node_that_dies_is_said(tree, cluster):
    begun = cluster("--drain=1")
    os.kill(process_of(begun.said, "gw-2"), signal.SIGKILL)
    begun.wait_for("was ended by SIGKILL; two of three are left")
    again = re.search(r"in another terminal:\n\n    (.*)\n", begun.said)[1]
    [started] = re.findall(r"^gw-2 \| starting (.*)$", begun.said, re.MULTILINE)
    assert again == f"{tree.path}/build/release/server/tidegate {started}"
    assert all(is_running(process_of(begun.said, name)) for name in ("gw-1", "gw-3", "NATS"))
    begun.process.send_signal(signal.SIGINT)
    assert begun.end() == 0


def test_who_is_the_last_to_die(cluster):
    begun = cluster()
    for node in NODES:
        os.kill(process_of(begun.said, node), signal.SIGKILL)
    assert begun.end() == 1
    assert begun.said.count("was ended by SIGKILL") == 3


def test_a_node_that_does_not_start(tree, cluster):
    """Takes the others with it."""
    begun = cluster(up=False)
    tree.tell("listen-gw-3", "fail")
    assert begun.end() == 1
    assert re.search(r"cluster: gw-3 \(process \d+\) has ended with exit code 7\n", begun.said)
    assert "are up" not in begun.said


def test_nats_that_dies_is_said(cluster):
    begun = cluster()
    os.kill(process_of(begun.said, "NATS"), signal.SIGKILL)
    begun.wait_for("cluster: NATS was ended by SIGKILL")
    begun.wait_for("nats-server --addr 127.0.0.1 --port ")
    begun.process.send_signal(signal.SIGTERM)
    assert begun.process.wait(TIMEOUT) in (0, 1)  # the nodes of this test ask NATS at their end


def test_nats_that_does_not_start(tree, run, first_port):
    (tree.fakes / "no-nats").touch()
    begun = run("--cluster", "3", "-l", f":{first_port}")
    tree.tell("go", "on\n")
    assert begun.end() == 1
    assert "cluster: NATS does not run:\na server of NATS\n" in begun.said and "starting" not in begun.said


def test_nobody_outlives_a_cluster(cluster):
    begun = cluster()
    processes = [process_of(begun.said, name) for name in (*NODES, "NATS")]
    begun.process.kill()
    wait_until(lambda: not any(map(is_running, processes)), "all have gone")


@pytest.mark.parametrize(("words", "said"), [
    (("3", "--admin", "none"), "each node of --cluster has its own --admin"),
    (("3", "--id=x"), "each node of --cluster has its own --id"),
    (("3", "-l", ":1", "-l", ":2"), "--cluster wants one --listen"),
    (("3", "-l", "unix:/run/x"), "--cluster wants HOST:PORT or :PORT"),
    (("1",), "--cluster takes from 2 to 9 nodes here"),
    (("10",), "--cluster takes from 2 to 9 nodes here"),
])  # fmt: skip
def test_what_a_cluster_cannot_be(tree, run, words, said):
    begun = run("--cluster", *words)
    assert begun.end() == 1
    assert f"start: {said}" in begun.said and not tree.was_configured


def test_a_cluster_s_taken_port(tree, run, taken):
    host, _, port = taken.partition(":")
    begun = run("--cluster=3", "-l", f"{host}:{int(port) - 11}", "--echo")
    assert begun.end() == 1
    assert f"{taken} is taken by" in begun.said
    assert re.search(r"\n    tools/start --cluster 3 -l :8\d00 --echo\n$", begun.said), begun.said
    assert not tree.was_configured


def test_servers_of_nats_are_the_gateway_s_business(tree, run):
    begun = run(*FREE, "--cluster", "nats://127.0.0.1:1", "--cluster=nats://127.0.0.1:2")
    tree.tell("go", "on\n")
    begun.wait_for("starting -l unix:/nonexistent/of/nobody --admin none --cluster nats://127.0.0.1:1 --cluster=nats://")


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

"""A new user's fresh machine: README's two commands, typed in a bare Debian 13."""

import contextlib
import re
import signal
import socket
import urllib.request

import pytest

import clean_root
from cloning import clone_as_it_stands
from gateway import ROOT, Process
from raw import Raw
from waiting import TIMEOUT

TREE = "/root/tidegate"
PORTS = (8000, 8001)
INSTALL_AND_BUILD_S = 600
CHECK_S = 2400

pytestmark = pytest.mark.timeout(60 + INSTALL_AND_BUILD_S + CHECK_S)


def commands():
    """As README prints them."""
    block = re.search(r"(?ms)^## Two commands$.*?^```sh$(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"))[1]
    return re.findall(r"(?m)^tools/\S+", block)


def connect(port):
    return socket.create_connection(("127.0.0.1", port), TIMEOUT)


def is_taken(port):
    with contextlib.suppress(ConnectionRefusedError), connect(port):
        return True
    return False


def login(user):
    client = Raw(connect(PORTS[0]))
    client.upgrade(f"/?user={user}")
    return client


def check_that_it_serves(command, environment):
    gateway = Process([], command=command, env=environment)
    try:
        gateway.wait_for_line(r"\bstarted\b", timeout=INSTALL_AND_BUILD_S)
        with login("alice") as alice, login("bob") as bob:
            alice.text("hello")
            bob.expect_text("hello -- FROM alice")
        with urllib.request.urlopen(f"http://127.0.0.1:{PORTS[1]}/", timeout=TIMEOUT) as answer:
            assert answer.headers["Content-Type"].startswith("text/html")
        gateway.signal(signal.SIGINT)
        assert gateway.wait() == 0
    finally:
        gateway.kill()


def test_both_commands(unpacked):
    taken = [port for port in PORTS if is_taken(port)]
    if taken:
        pytest.skip(f"port {taken[0]} is taken")
    root = unpacked("trixie", lambda tar: clean_root.make_release(tar, "trixie"))
    clone_as_it_stands(root / TREE)
    start, check = (["sh", "-c", f"cd {TREE} && exec {command}"] for command in commands())
    check_that_it_serves(root.command(*start), root.environment())
    done = root.run(*check, check=False, timeout=CHECK_S)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
    assert re.fullmatch(r"\d+ passed, 0 failed", done.stdout.splitlines()[-1])

"""The systemd service's sandbox: how tight it is, and that the gateway works inside."""

import os
import pathlib
import re
import signal
import socket
import subprocess
import urllib.request

import pytest

from gateway import BINARY, ROOT, free_port
from raw import PACKET_TEXT, TEXT
from waiting import TIMEOUT

pytestmark = pytest.mark.release

EXPOSURE_MOST = 1.5  # of 10, as systemd-analyze reckons
SANDBOX = pathlib.Path(__file__).with_name("sandbox.py")
PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module")
def unit(tmp_path_factory):
    """The unit as it would be installed."""
    text = (ROOT / "server/tidegate.service.in").read_text(encoding="ascii")
    path = tmp_path_factory.mktemp("unit") / "tidegate.service"
    path.write_text(
        text.replace("@bindir@/tidegate", str(BINARY)).replace("@sysconfdir@", "/etc"), encoding="ascii"
    )
    return path


def test_exposure(unit):
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", unit],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=True,
    )
    found = re.search(r"Overall exposure level for tidegate\.service: ([\d.]+)", result.stdout)
    assert float(found[1]) <= EXPOSURE_MOST, result.stdout


# --- that the filter filters --------------------------------------------------------------------

FORBIDDEN = {
    "a privileged call": "import os; os.chroot('/')",
    "resources of others": "import os; os.sched_setaffinity(0, {0})",
    "memory to write and execute": "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)",
    "a namespace": "import ctypes; ctypes.CDLL(None).unshare(0x20000)",
}


def run_inside(unit, code):
    return subprocess.run(
        [PYTHON, "-s", SANDBOX, unit, PYTHON, "-s", "-c", code],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


@pytest.mark.parametrize("code", FORBIDDEN.values(), ids=FORBIDDEN.keys())
def test_what_the_filter_forbids(unit, code):
    assert run_inside(unit, code).returncode == -signal.SIGSYS


def test_what_the_filter_allows(unit):
    code = "import os, socket, threading; t = threading.Thread(target=os.getpid); t.start(); t.join()"
    assert run_inside(unit, code + "; socket.socket(socket.AF_INET6); socket.socket(socket.AF_UNIX)").returncode == 0
    assert "not supported" in run_inside(unit, "import socket; socket.socket(socket.AF_PACKET)").stderr


# --- the gateway inside -------------------------------------------------------------------------


def test_the_gateway_works_inside(start, unit, tmp_path):
    """All that it does: names resolved, listeners of all kinds, threads, time-outs, back-pressure, a reload,
    the admin port, a drain, and words with systemd."""
    config = tmp_path / "tidegate.conf"
    config.write_text("max_connections = 100\n", encoding="ascii")
    notified = tmp_path / "notify"
    admin_port = free_port()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(notified))
        notify.settimeout(TIMEOUT)
        gateway = start(
            "--config", config, "--workers", 3, "--acceptors", 2, "--write-deadline", 1,
            "--admin", f"127.0.0.1:{admin_port}",
            listen=[f"127.0.0.1:{free_port()}", f"localhost:{free_port()}", f"unix:{tmp_path}/socket"],
            command=[PYTHON, "-s", SANDBOX, unit, BINARY],
            env={**os.environ, "NOTIFY_SOCKET": str(notified)},
        )  # fmt: skip
        assert notify.recv(4096).startswith(b"READY=1\n")
        alice = gateway.login("alice")
        bob = gateway.login("bob", spec=gateway.listen[2])
        alice.text("hello")
        bob.expect_text("hello -- FROM alice")
        bob.packet(PACKET_TEXT, b"x" * 60000)
        assert alice.message()[1].endswith(b" -- FROM bob")
        again = gateway.login("bob")
        bob.expect_close(4001)
        gateway.login("slow", receive_buffer=4096)
        for _ in range(60):
            again.send_frame(TEXT, b"y" * 60000)
            alice.message()
        gateway.wait_for_line("user slow out: reads too slowly")
        silent = gateway.login("silent")
        config.write_text("read_deadline = 1\nlog_level = debug\n", encoding="ascii")
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line("reloaded: 3 options changed")
        silent.frames_to_close()
        gateway.wait_for_line("i/o timeout")
        gateway.login("carol").round_trip()
        for path in ("/metrics", "/v1/users"):
            with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}{path}", timeout=TIMEOUT) as answer:
                assert b"carol" in answer.read() or path == "/metrics"
        gateway.stop()
        assert notify.recv(4096) == b"STOPPING=1"



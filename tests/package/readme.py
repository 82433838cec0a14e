"""README.md as a stranger reads it: what it says is to be typed, and the ports that it names."""

import contextlib
import re
import socket

from gateway import ROOT, Process
from raw import Raw
from waiting import TIMEOUT

PORTS = (8000, 8001)
INSTALL_AND_BUILD_S = 600


def blocks(language):
    """[(the text before it, its lines)]"""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    fences = list(re.finditer(r"(?ms)^```(\w*)\n(.*?)^```$", text))
    return [(text[: fence.start()], fence[2].splitlines()) for fence in fences if fence[1] == language]


def two_commands():
    """What builds and runs the gateway, and what tests it."""
    _, lines = blocks("sh")[0]
    return [re.match(r"tools/\S+", line)[0] for line in lines]


def connect(port):
    return socket.create_connection(("127.0.0.1", port), TIMEOUT)


def taken_port():
    """One of PORTS that somebody listens on; None where all are free."""
    for port in PORTS:
        with contextlib.suppress(ConnectionRefusedError), connect(port):
            return port
    return None


def login(user):
    client = Raw(connect(PORTS[0]))
    client.upgrade(f"/?user={user}")
    return client


def run_start(command, **popen):
    """The first command, once it serves."""
    gateway = Process([], command=command, **popen)
    try:
        gateway.wait_for_line(r"^The gateway is up", timeout=INSTALL_AND_BUILD_S)
    except BaseException:
        gateway.kill()
        raise
    return gateway

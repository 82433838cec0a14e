"""Ports for servers that are to be started, by measurements and by tests."""

import contextlib
import fcntl
import os
import pathlib
import random
import socket
import tempfile

PORTS = range(10000, 32768)  # below the ephemeral ports, so that no client takes one by chance
DRAWN = pathlib.Path(tempfile.gettempdir()) / f"tidegate-ports-{os.getuid()}"  # its byte of that number is locked

_drawn = DRAWN.open("ab")


def free_port(family=socket.AF_INET, host="127.0.0.1"):
    """A port that nobody listens on; drawn at random, and by no other process that draws here while this one runs: who
    has drawn one has not begun to listen yet, as a rule."""
    while True:
        port = random.SystemRandom().choice(PORTS)
        with contextlib.suppress(OSError), socket.socket(family) as probe:
            fcntl.lockf(_drawn, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            probe.bind((host, port))
            return port

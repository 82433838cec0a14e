"""Clients that others wrote, each in a process of its own, all driven in one way."""

import itertools
import json
import os
import pathlib
import queue
import shutil
import subprocess
import threading

from waiting import TIMEOUT

HERE = pathlib.Path(__file__).resolve().parent / "clients"
NODE = os.environ.get("TIDEGATE_NODE") or shutil.which("node") or "node"
PYTHON = "/usr/bin/python3"  # whom Debian's modules belong to

COMMANDS = {
    "npm-websocket": [NODE, HERE / "npm_websocket.js"],
    "npm-ws": [NODE, HERE / "npm_ws.js"],
    "python-websockets": [PYTHON, HERE / "python_websockets.py"],
    "chromium": [NODE, HERE / "chromium.js"],
}
KINDS = tuple(COMMANDS)
WITHOUT_PINGS = ("chromium",)  # a page cannot send protocol pings


def trusting(pair):
    """What each of them takes from its environment to trust this certificate."""
    return {
        "NODE_EXTRA_CA_CERTS": str(pair.cert),
        "SSL_CERT_FILE": str(pair.cert),
        "TRUSTED_KEY": pair.key_hash(),  # clients/chromium.js
    }


class Library:
    """One client library: opens connections, over TLS to whom it trusts by `pair`."""

    def __init__(self, kind, pair=None):
        self.kind = kind
        self._numbers = itertools.count(1)
        self._connections = {}
        self._ready = threading.Event()
        self._process = subprocess.Popen(
            COMMANDS[kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=os.environ | (trusting(pair) if pair else {}),
        )
        threading.Thread(target=self._read, daemon=True).start()
        assert self._ready.wait(3 * TIMEOUT), f"the driver of {kind} does not start"

    @property
    def can_ping(self):
        return self.kind not in WITHOUT_PINGS

    def _read(self):
        for line in self._process.stdout:
            event = json.loads(line)
            if event["event"] == "ready":
                self._ready.set()
            elif event["id"] in self._connections:
                self._connections[event["id"]].events.put(event)

    def command(self, **fields):
        self._process.stdin.write(json.dumps(fields) + "\n")
        self._process.stdin.flush()

    def dial(self, url):
        """Begins to connect; the first event tells how it went."""
        connection = Connection(self, next(self._numbers))
        self._connections[connection.number] = connection
        connection.command("open", url=url)
        return connection

    def open(self, url):
        connection = self.dial(url)
        connection.expect("open")
        return connection

    def forget(self):
        """Closes what a test has left open."""
        for connection in self._connections.values():
            if not connection.is_closed:
                connection.close()
        self._connections.clear()

    def close(self):
        self._process.stdin.close()
        try:
            self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Connection:
    """A connection of such a library. Events are taken one by one: a stray one fails the test."""

    def __init__(self, library, number):
        self.library = library
        self.number = number
        self.events = queue.SimpleQueue()
        self.is_closed = False

    def command(self, operation, **fields):
        self.library.command(id=self.number, op=operation, **fields)

    def text(self, text):
        self.command("text", text=text)

    def binary(self, data):
        self.command("binary", hex=data.hex())

    def ping(self, payload=b""):
        self.command("ping", hex=payload.hex())

    def close(self, code=1000, reason=""):
        self.command("close", code=code, reason=reason)

    def next(self, timeout=TIMEOUT):
        try:
            event = self.events.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"{self.library.kind}: nothing came within {timeout} s") from None
        self.is_closed = self.is_closed or event["event"] == "close"
        return event

    def expect(self, kind, timeout=TIMEOUT, **fields):
        event = self.next(timeout)
        assert event == {"id": self.number, "event": kind, **fields}
        return event

    def expect_text(self, text):
        self.expect("text", text=text)

    def expect_binary(self, data):
        self.expect("binary", hex=data.hex())

    def expect_close(self, timeout=TIMEOUT):
        """Returns (code, reason); what the library calls an error on the way is passed over."""
        event = self.next(timeout)
        while event["event"] == "error":
            event = self.next(timeout)
        assert event["event"] == "close", event
        return event["code"], event["reason"]

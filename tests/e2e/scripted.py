"""A server that a test plays itself, byte by byte, against a client under test. RFC 6455.

What the client sends is checked strictly: its frames are masked, with a mask of their own, minimal,
whole and without reserved bits.
"""

import base64
import hashlib
import re
import socket

from raw import CLOSE, GUID, PING, PONG, Frame, Gone, Raw, close_payload, frame, mask
from waiting import TIMEOUT


def accept_of(key):
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


class Request:
    """The head that the client has sent."""

    def __init__(self, head):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = first.split(" ")
        self.headers = {}
        for line in lines:
            name, _, value = line.partition(": ")
            assert name.lower() not in self.headers, f"{name} comes twice"
            self.headers[name.lower()] = value
        assert (self.method, self.version) == ("GET", "HTTP/1.1")
        assert self.headers["upgrade"].lower() == "websocket"
        assert self.headers["connection"].lower() == "upgrade"
        assert self.headers["sec-websocket-version"] == "13"
        assert "host" in self.headers
        assert re.fullmatch(r"[A-Za-z0-9+/]{21}[AQgw]==", self.key), self.key

    @property
    def key(self):
        return self.headers["sec-websocket-key"]

    def answer(self, *, status="101 Switching Protocols", without=(), extra=(), **changed):
        """The right answer; `changed` replaces values, `without` leaves headers out, `extra` adds
        lines."""
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": accept_of(self.key),
        }
        changed = {name.replace("_", "-").lower(): value for name, value in changed.items()}
        lines = [f"HTTP/1.1 {status}"]
        lines += [
            f"{name}: {changed.get(name.lower(), value)}"
            for name, value in headers.items()
            if name not in without
        ]
        return ("\r\n".join([*lines, *extra]) + "\r\n\r\n").encode("latin-1")


class Peer(Raw):
    """The server's end of a connection."""

    def __init__(self, sock):
        super().__init__(sock)
        self.masks = set()

    def read_request(self):
        while b"\r\n\r\n" not in self.buffer:
            self._receive()
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        assert not rest, "the client speaks before it is answered"
        self.buffer.clear()
        return Request(head)

    def open(self, behind=b"", chunk=None):
        """Answers the opening as it should be; `behind` follows in the same segment."""
        request = self.read_request()
        self.send(request.answer() + behind, chunk)
        return request

    def send_frame(self, opcode, payload=b"", *, chunk=None, masked=False, **options):
        self.send(frame(opcode, payload, masked=masked, **options), chunk)

    def frame(self):
        first, second = self._peek(2)
        opcode, size = first & 0x0F, second & 0x7F
        assert first & 0xF0 == 0x80, "reserved bits, or a fragment"
        assert second & 0x80, "a client's frames are masked"
        header = 2
        if size == 126:
            size, header = int.from_bytes(self._peek(4)[2:], "big"), 4
            assert size >= 126, "the length is not minimal"
        elif size == 127:
            size, header = int.from_bytes(self._peek(10)[2:], "big"), 10
            assert size >= 65536, "the length is not minimal"
        assert opcode < 8 or size <= 125, "a long control frame"
        taken = self.take(header + 4 + size)
        key = taken[header : header + 4]
        self.masks.add(key)
        return Frame(opcode, mask(taken[header + 4 :], key))

    def expect_failed(self, code):
        """The client fails the line: a Close with that code, and then the end, from its side once it
        has the answer."""
        got = self.frame()
        while got.opcode in (PING, PONG):
            got = self.frame()
        assert got.opcode == CLOSE, got
        assert got.close_code == code, (got.close_code, got.payload)
        self.close_socket()

    def answer_ping(self, got):
        """What has come is a ping."""
        assert got.opcode == PING, got
        self.send_frame(PONG, got.payload)

    def said(self):
        """The next frame that is no ping; those before it are answered."""
        while (got := self.frame()).opcode == PING:
            self.answer_ping(got)
        return got

    def expect_logout(self):
        """The client closes in good order; answers it as a server does, and ends the connection."""
        while (got := self.frame()).opcode == PING:  # a heartbeat that was under way
            self.answer_ping(got)
        assert (got.opcode, got.close_code) == (CLOSE, 1000), got
        self.send_frame(CLOSE, got.payload)
        self.close_socket()

    def shut(self, code, reason=b""):
        """Closes as a gateway does, and sees the client answer with the same code."""
        self.send_frame(CLOSE, close_payload(code, reason))
        got = self.frame()
        assert (got.opcode, got.close_code) == (CLOSE, code), got
        self.close_socket()

    def is_gone(self):
        """Whether nothing more can be read."""
        try:
            self._receive()
        except Gone:
            return True
        return False


class Server:
    """Listens on 127.0.0.1 or at a path; connections are taken one by one."""

    def __init__(self, path=None, receive_buffer=None):
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(str(path))
            self.address = f"unix:{path}"
        else:
            self.listener = socket.socket()
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("127.0.0.1", 0))
            self.address = f"ws://127.0.0.1:{self.listener.getsockname()[1]}"
        if receive_buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.listener.listen(64)
        self.listener.settimeout(TIMEOUT)
        self.peers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        for peer in self.peers:
            peer.close_socket()

    def accept(self):
        sock, _ = self.listener.accept()
        sock.settimeout(TIMEOUT)
        self.peers.append(Peer(sock))
        return self.peers[-1]

    def open(self, **options):
        """Takes a connection and its opening."""
        peer = self.accept()
        peer.open(**options)
        return peer

    def assert_nobody_waits(self):
        """No further connection has been made."""
        self.listener.settimeout(0)
        try:
            self.listener.accept()
        except BlockingIOError:
            return
        finally:
            self.listener.settimeout(TIMEOUT)
        raise AssertionError("there is another connection")

"""A WebSocket client of our own that can send anything at all, whole or in any pieces. RFC 6455.

What it receives it checks strictly: the gateway's frames are unmasked, minimal and whole.
"""

import base64
import contextlib
import dataclasses
import hashlib
import os
import socket
import struct
import time

from waiting import Patience

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = base64.b64encode(b"sixteen bytes ok").decode()

PACKET_PING, PACKET_PONG, PACKET_TEXT = 100, 101, 102


class Gone(Exception):
    """The gateway has closed or reset the connection."""


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    headers: dict  # names in lower case
    body: bytes = b""


@dataclasses.dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes
    fin: bool = True

    @property
    def close_code(self):
        return struct.unpack_from("!H", self.payload)[0] if self.payload else None

    @property
    def close_reason(self):
        return self.payload[2:].decode("utf-8")


# --- what is sent -------------------------------------------------------------------------------


def request(target="/?user=alice", *, method="GET", version="HTTP/1.1", without=(), extra=(), **changed):
    """The head of an upgrade. `changed` replaces values (sec_websocket_key="x"), `without` leaves
    headers out, `extra` adds lines."""
    headers = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
    }
    changed = {name.replace("_", "-").lower(): value for name, value in changed.items()}
    lines = [f"{method} {target} {version}"]
    lines += [
        f"{name}: {changed.get(name.lower(), value)}"
        for name, value in headers.items()
        if name not in without
    ]
    lines += extra
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def mask(payload, key):
    if not payload or not any(key):
        return payload
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    size = len(payload)
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")


def frame(opcode, payload=b"", *, fin=True, rsv=0, key=None, masked=True, length_form=None, declared=None):
    """The bytes of a frame. `length_form` 7, 16 or 64 forces a length field, `declared` what it says."""
    size = len(payload) if declared is None else declared
    if length_form is None:
        length_form = 7 if size < 126 else 16 if size < 65536 else 64
    mark = {7: size, 16: 126, 64: 127}[length_form]
    header = bytes([fin << 7 | rsv << 4 | opcode, masked << 7 | mark])
    if length_form != 7:
        header += size.to_bytes(length_form // 8, "big")
    if not masked:
        return header + payload
    key = os.urandom(4) if key is None else key
    return header + key + mask(payload, key)


def close_payload(code, reason=b""):
    return struct.pack("!H", code) + reason


def packet(command, payload=b"", *, declared=None):
    return struct.pack("!HI", command, len(payload) if declared is None else declared) + payload


# --- the client ---------------------------------------------------------------------------------


class Raw:
    def __init__(self, sock):
        self.sock = sock
        self.buffer = bytearray()
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close_socket()

    # --- bytes ----------------------------------------------------------------------------------

    def send(self, data, chunk=None):
        """Sends bytes, in pieces of `chunk` bytes where given."""
        for piece in [data] if chunk is None else (data[i : i + chunk] for i in range(0, len(data), chunk)):
            try:
                self.sock.sendall(piece)
            except (BrokenPipeError, ConnectionResetError) as error:
                raise Gone(str(error)) from error

    def _receive(self):
        data = self._receive_some()
        if not data:
            raise Gone("end of file")
        self.buffer += data

    def _receive_some(self):
        patience = Patience(self.sock.gettimeout() or 0)
        while True:
            try:
                return self.sock.recv(1 << 18)
            except ConnectionResetError as error:
                raise Gone("reset") from error
            except socket.timeout:
                if patience.is_over:
                    raise AssertionError(
                        f"nothing came for {self.sock.gettimeout()} s; so far: {bytes(self.buffer)!r}"
                    ) from None

    def take(self, count):
        while len(self.buffer) < count:
            self._receive()
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def _peek(self, count):
        while len(self.buffer) < count:
            self._receive()
        return self.buffer[:count]

    def expect_end(self, allow_reset=False):
        """The connection ends and not one byte comes before."""
        assert not self.buffer, f"bytes before the end: {bytes(self.buffer)!r}"
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionResetError:
            assert allow_reset, "the connection was reset"
            return
        assert data == b"", f"bytes before the end: {data!r}"

    def read_to_end(self):
        """Waits for the end, throwing away what comes before it."""
        with contextlib.suppress(Gone):
            while True:
                self.buffer.clear()
                self._receive()

    def skip_to(self, mark):
        """Reads on, without looking at frames, until just behind `mark`."""
        while mark not in self.buffer:
            del self.buffer[: -len(mark)]
            self._receive()
        del self.buffer[: self.buffer.index(mark) + len(mark)]

    def close_socket(self):
        self.sock.close()

    def reset(self):
        """Vanishes: the peer gets a RST, or nothing but a RST on its next write."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def end_writing(self):
        self.sock.shutdown(socket.SHUT_WR)

    # --- the opening ----------------------------------------------------------------------------

    def answer(self):
        """The head of an HTTP answer."""
        while b"\r\n\r\n" not in self.buffer:
            self._receive()
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        status_line, *lines = head.decode("latin-1").split("\r\n")
        version, status, _ = status_line.split(" ", 2)
        assert version == "HTTP/1.1", status_line
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            assert name.lower() not in headers, f"{name} comes twice"
            headers[name.lower()] = value.strip()
        return Answer(int(status), headers)

    def refusal(self):
        """An HTTP answer that is no 101, its body, and the end of the connection behind it."""
        answer = self.answer()
        assert answer.status != 101, "upgraded"
        with contextlib.suppress(Gone):
            while True:
                self._receive()
        body = bytes(self.buffer)
        self.buffer.clear()
        assert len(body) == int(answer.headers.get("content-length", len(body)))
        return dataclasses.replace(answer, body=body)

    def upgrade(self, target="/?user=alice", head=None, chunk=None, key=KEY):
        self.send(head or request(target), chunk)
        self.expect_upgrade(key)

    def expect_upgrade(self, key=KEY):
        answer = self.answer()
        assert answer.status == 101, answer
        assert answer.headers["upgrade"].lower() == "websocket"
        assert answer.headers["connection"].lower() == "upgrade"
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        assert answer.headers["sec-websocket-accept"] == accept
        assert "sec-websocket-extensions" not in answer.headers
        assert "sec-websocket-protocol" not in answer.headers

    # --- frames ---------------------------------------------------------------------------------

    def send_frame(self, opcode, payload=b"", *, chunk=None, **options):
        self.send(frame(opcode, payload, **options), chunk)

    def text(self, text):
        self.send_frame(TEXT, text.encode("utf-8"))

    def binary(self, data):
        self.send_frame(BINARY, data)

    def ping(self, payload=b""):
        self.send_frame(PING, payload)

    def packet(self, command, payload=b"", **options):
        self.binary(packet(command, payload, **options))

    def close(self, code=1000, reason=b""):
        self.send_frame(CLOSE, close_payload(code, reason))

    def frame(self):
        """The next frame, checked: unmasked, minimal length, no reserved bits, control frames whole."""
        first, second = self._peek(2)
        opcode, fin, size = first & 0x0F, bool(first & 0x80), second & 0x7F
        assert not first & 0x70, "reserved bits are set"
        assert not second & 0x80, "the gateway's frames are not masked"
        header = 2
        if size == 126:
            size, header = int.from_bytes(self._peek(4)[2:], "big"), 4
            assert size >= 126, "the length is not minimal"
        elif size == 127:
            size, header = int.from_bytes(self._peek(10)[2:], "big"), 10
            assert size >= 65536, "the length is not minimal"
        if opcode & 0x8:
            assert fin and size <= 125, "a long or fragmented control frame"
            assert opcode in (CLOSE, PING, PONG), f"opcode {opcode}"
        payload = self.take(header + size)[header:]
        return Frame(opcode, payload, fin)

    def message(self):
        """The next data message as (opcode, payload); no other frame may come before."""
        first = self.frame()
        assert first.opcode in (TEXT, BINARY), first
        parts, last = [first.payload], first
        while not last.fin:
            last = self.frame()
            assert last.opcode == CONTINUATION, last
            parts.append(last.payload)
        return first.opcode, b"".join(parts)

    def expect_text(self, text):
        assert self.message() == (TEXT, text.encode("utf-8"))

    def expect_binary(self, data):
        assert self.message() == (BINARY, data)

    def expect_pong(self, payload=b""):
        assert self.frame() == Frame(PONG, payload)

    def expect_close(self, code, reason=None, end=True):
        """A Close with that code comes next; answers it and sees the connection end. `reason` is the
        text, or a compiled regular expression. Returns the Close frame."""
        got = self.frame()
        assert got.opcode == CLOSE, got
        self.check_close(got, code, reason)
        if end:
            with contextlib.suppress(Gone):
                self.send_frame(CLOSE, got.payload[:2])
            # What we had sent and it had not read makes its end a reset; that is TCP's, not a fault.
            self.expect_end(allow_reset=True)
        return got

    @staticmethod
    def check_close(got, code, reason=None):
        assert got.close_code == code, (got.close_code, got.close_reason)
        if reason is None:
            return
        if isinstance(reason, str):
            assert got.close_reason == reason
        else:
            assert reason.fullmatch(got.close_reason), got.close_reason

    def frames_to_close(self):
        """All frames up to a Close, the Close last."""
        frames = [self.frame()]
        while frames[-1].opcode != CLOSE:
            frames.append(self.frame())
        return frames

    # --- round trips ----------------------------------------------------------------------------

    def round_trip(self, command=PACKET_PING, payload=b""):
        """A packet ping and its answer: the next thing to come must be it."""
        self.packet(command, payload)
        self.expect_binary(packet(PACKET_PONG, payload))

    def is_alive(self):
        payload = struct.pack("!d", time.monotonic())
        self.ping(payload)
        self.expect_pong(payload)
        return True

"""A server that answers as it should, but for one fault: what a load generator has to notice.

It echoes binary messages and Pings to their sender, and says texts to everybody else. Who speaks tidegate.v1 has
what PROTOCOL section 6 says of rooms and users.
"""

import base64
import contextlib
import hashlib
import socket
import struct
import threading

from raw import BINARY, CLOSE, GUID, PING, PONG, TEXT, frame, mask, packet
from waiting import TIMEOUT

FAULTY = 20  # number of the answer that goes wrong, in each connection


# --- faults: (number of the answer, its frame) -> the frames that are sent instead ----------------


def intact(number, answer):
    return [answer]


def drop(number, answer):
    return [] if number == FAULTY else [answer]


def duplicate(number, answer):
    return [answer, answer] if number == FAULTY else [answer]


def make_reorder():
    """Each connection has a memory of its own for the answer that is held back."""
    held = []

    def reorder(number, answer):
        if number == FAULTY:
            held.append(answer)
            return []
        return [answer] + [held.pop() for _ in range(len(held))]

    return reorder


def corrupt_payload(number, answer):
    return [answer[:-1] + bytes([answer[-1] ^ 1])] if number == FAULTY else [answer]


def corrupt_number(number, answer):
    """The number is the first thing in a message: one that was never sent."""
    return [answer[:2] + b"\x7f" + answer[3:]] if number == FAULTY else [answer]


def corrupt_header(number, answer):
    return [b"\x83" + answer[1:]] if number == FAULTY else [answer]


def fragment(number, answer):
    return [bytes([answer[0] & 0x7F]) + answer[1:]] if number == FAULTY else [answer]


def close_early(number, answer):
    return [frame(CLOSE, struct.pack("!H", 1013), masked=False)] if number == FAULTY else [answer]


def other_sender(number, answer):
    """Of a packet 112: it is said to come from somebody else."""
    at = answer.find(b"\x07u")
    return [answer[:at + 7] + bytes([answer[at + 7] ^ 1]) + answer[at + 8:]] if number == FAULTY else [answer]


def ping_between(number, answer):
    """No fault: a server may ask whether the client is there."""
    return [frame(PING, b"still there?", masked=False), answer] if number % FAULTY == 0 else [answer]


# --- the server -----------------------------------------------------------------------------------


class Stream:
    """What one client sends."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def take(self, count):
        while len(self.buffer) < count:
            data = self.sock.recv(1 << 16)
            if not data:
                raise EOFError
            self.buffer += data
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def head(self):
        while b"\r\n\r\n" not in self.buffer:
            data = self.sock.recv(1 << 16)
            if not data:
                raise EOFError
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head.decode("latin-1")

    def frame(self):
        first, second = self.take(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.take(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.take(8))
        key = self.take(4)
        return first & 0x0F, bytes(mask(self.take(length), key))


class Faulty:
    """`make_fault` makes the fault of one connection; `opening` changes the answer to a request; `tls` is the
    context of a server that speaks it. Then one thread may say things to a client, its own: there are only echoes."""

    def __init__(self, make_fault, opening=None, address=("127.0.0.1", 0), tls=None):
        self.make_fault = make_fault
        self.opening = opening
        self.clients = {}  # socket -> say(frame)
        self.pongs = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(address, backlog=128)
        self.tls = tls
        self.url = f"{'wss' if tls else 'ws'}://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for sock in self.clients:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                sock.settimeout(TIMEOUT)
                threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _open(self, stream):
        head = stream.head()
        key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        accept = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
        answer = (f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                  f"Sec-WebSocket-Accept: {accept}\r\n\r\n").encode()
        stream.sock.sendall(self.opening(answer) if self.opening else answer)
        return head.split("user=")[1].split()[0]

    def _sayer(self, sock):
        fault = self.make_fault()
        numbers = iter(range(1 << 30))

        def say(answer):
            with self.lock:
                for part in fault(next(numbers), answer):
                    sock.sendall(part)

        return say

    def _greet(self, sock, user):
        """What is told before anybody else may speak."""

    def _forget(self, sock):
        del self.clients[sock]

    def _serve(self, sock):
        if not self.tls:
            self._serve_on(sock)
            return
        with sock, contextlib.suppress(OSError):
            self._serve_on(self.tls.wrap_socket(sock, server_side=True))

    def _serve_on(self, sock):
        stream = Stream(sock)
        say = self._sayer(sock)
        with sock, contextlib.suppress(OSError, EOFError):
            user = self._open(stream)
            with self.lock:
                self._greet(sock, user)
                self.clients[sock] = say
            try:
                while True:
                    opcode, payload = stream.frame()
                    self._on_frame(sock, say, user, opcode, payload)
            finally:
                with self.lock:
                    self._forget(sock)

    def _on_frame(self, sock, say, user, opcode, payload):
        if opcode == TEXT:
            with self.lock:
                others = [its for other, its in self.clients.items() if other is not sock]
            for its in others:
                with contextlib.suppress(OSError):  # one that has gone takes nobody along
                    its(frame(TEXT, payload + f" -- FROM {user}".encode(), masked=False))
        elif opcode == PONG:
            assert payload == b"still there?"
            self.pongs += 1
        elif opcode == CLOSE:
            sock.sendall(frame(CLOSE, payload, masked=False))
            raise EOFError
        else:
            say(frame(PONG if opcode == PING else opcode, payload, masked=False))


def string(text):
    return bytes([len(text)]) + text


class FaultyTalk(Faulty):
    """The same for tidegate.v1: rooms, of which everybody is in one, and users. `results` are those that joins and
    texts are answered with; with `leaks` a text for a room reaches everybody."""

    def __init__(self, make_fault=lambda: intact, joined=0, said=0, leaks=False):
        self.joined, self.said, self.leaks = joined, said, leaks
        self.users = {}  # socket -> name
        self.rooms = {}  # socket -> name
        super().__init__(make_fault, lambda answer: answer[:-2] + b"Sec-WebSocket-Protocol: tidegate.v1\r\n\r\n")

    def _greet(self, sock, user):
        self.users[sock] = user.encode()
        session = struct.pack("!BI", 0, 0xFFFFFFFF) + string(self.users[sock]) + string(b"")
        sock.sendall(frame(BINARY, packet(104, session), masked=False))

    def _forget(self, sock):
        del self.users[sock]
        self.rooms.pop(sock, None)
        super()._forget(sock)

    def _on_frame(self, sock, say, user, opcode, payload):
        command = struct.unpack("!H", payload[:2])[0] if opcode == BINARY else None
        if command == 120:
            self._on_join(sock, payload[6:])
        elif command == 110:
            self._on_say(sock, payload[6:])
        else:
            super()._on_frame(sock, say, user, opcode, payload)

    def _answer(self, sock, number, result, count):
        sock.sendall(frame(BINARY, packet(111, struct.pack("!IBI", number, result, count)), masked=False))

    def _on_join(self, sock, join):
        with self.lock:
            self.rooms[sock] = join[6:]
            count = sum(room == join[6:] for room in self.rooms.values())
            self._answer(sock, struct.unpack("!I", join[:4])[0], self.joined, 0 if self.joined else count)

    def _on_say(self, sock, said):
        audience, text = said[6:6 + said[5]], said[6 + said[5]:]
        message = bytes(1) + struct.pack("!Q", 1_700_000_000_000) + string(self.users[sock]) + string(audience) + text
        if self.said:
            self._answer(sock, 0, self.said, 0)
            return
        with self.lock:
            meant = [its for other, its in self.clients.items() if other is not sock and
                     (self.leaks or audience[1:] in (self.users[other], self.rooms.get(other)))]
        for its in meant:
            with contextlib.suppress(OSError):
                its(frame(BINARY, packet(112, message), masked=False))

"""Many connections in one thread: logged in, heartbeating, listening. Lean, for 10,000 of them."""

import select
import time

from gateway import allow_files
from raw import PING, PONG, Frame, Raw, frame, request
from waiting import TIMEOUT

BEAT = frame(PING, b"beat")
PONG_BYTES = bytes([0x80 | PONG, 4]) + b"beat"
PER_SOURCE = 5000  # connections from one source address, for its ports are finite


class Crowd:
    def __init__(self, gateway, count):
        allow_files(count)
        self.epoll = select.epoll()
        self.clients = {}  # by descriptor
        self.pending = {}  # descriptor -> bytes of answers that are on their way
        for number in range(count):
            self._dial(gateway, number)
        self._log_in(count)

    def _dial(self, gateway, number):
        sock = gateway.socket(source=f"127.0.0.{2 + number // PER_SOURCE}")
        sock.sendall(request(f"/?user=member{number}"))
        sock.setblocking(False)
        self.clients[sock.fileno()] = Raw(sock)
        self.epoll.register(sock, select.EPOLLIN)

    def _log_in(self, count):
        """Reads every 101."""
        waiting = set(self.clients)
        deadline = time.monotonic() + 3 * TIMEOUT
        while waiting:
            assert time.monotonic() < deadline, f"{len(waiting)} of {count} have no 101"
            for fd, _ in self.epoll.poll(1):
                head = self._read(fd)
                assert head.startswith(b"HTTP/1.1 101 ") and head.endswith(b"\r\n\r\n"), head
                waiting.remove(fd)

    def _read(self, fd):
        client = self.clients[fd]
        data = client.sock.recv(1 << 16)
        assert data, "closed by the gateway"
        return data

    def __len__(self):
        return len(self.clients)

    def beat(self, duration, interval):
        """Pings from everybody every `interval` seconds, evenly spread; every pong must come."""
        fds = list(self.clients)
        begin = time.monotonic()
        owed = dict.fromkeys(fds, 0)  # bytes of pongs to come
        sent = 0
        while time.monotonic() < begin + duration or any(owed.values()):
            now = time.monotonic()
            assert now < begin + duration + TIMEOUT, "pongs are missing"
            due = int((min(now, begin + duration) - begin) / interval * len(fds))
            for place in range(sent, due):
                fd = fds[place % len(fds)]
                self.clients[fd].sock.send(BEAT)
                owed[fd] += len(PONG_BYTES)
            sent = due
            for fd, _ in self.epoll.poll(0.01):
                data = self._read(fd)
                assert data == PONG_BYTES * (len(data) // len(PONG_BYTES)), data
                owed[fd] -= len(data)
        return sent

    def expect_all(self, opcode, payload, apart_from=()):
        """Everybody gets that frame, once; `apart_from` holds clients that get nothing."""
        wanted = Frame(opcode, payload)
        left_out = {client.sock.fileno() for client in apart_from}
        waiting = set(self.clients) - left_out
        deadline = time.monotonic() + TIMEOUT
        while waiting:
            assert time.monotonic() < deadline, f"{len(waiting)} of {len(self)} have got nothing"
            for fd, _ in self.epoll.poll(1):
                self.clients[fd].buffer += self._read(fd)
                assert self.clients[fd].frame() == wanted
                assert not self.clients[fd].buffer
                waiting.remove(fd)

    def close(self):
        self.epoll.close()
        for client in self.clients.values():
            client.sock.close()
        self.clients.clear()

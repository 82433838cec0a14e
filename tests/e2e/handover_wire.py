"""What giver and taker say to each other, for a test that plays one of them: server/handover/messages.h."""

import socket
import struct

HELLO, LISTENERS, READY, NOT_NOW, NODE, BUFFERS, LINES, ACK, END, HAVE_ALL, GO, ABORT = range(1, 13)

FD = "TIDEGATE_HANDOVER_FD"  # where a taker finds its end


def text_of(words):
    """As it is packed: its length and its bytes."""
    return struct.pack("!I", len(words)) + words


def hello(version, binary=b"9.9.9", files=0, lines=0, memory=0, skip_us=0):
    return struct.pack("!I", version) + text_of(binary) + struct.pack("!QQQQ", files, lines, memory, skip_us)


class Channel:
    """One end."""

    def __init__(self, sock):
        self.sock = sock
        sock.setblocking(True)

    def send(self, kind, body=b"", fds=()):
        data = struct.pack("!BBHI", kind, 0, len(fds), len(body)) + body
        if fds:
            socket.send_fds(self.sock, [data], list(fds))
        else:
            self.sock.sendall(data)

    def _take(self, count):
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data

    def receive(self):
        """(kind, body); what descriptors come are left to the kernel."""
        kind, _, _, size = struct.unpack("!BBHI", self._take(8))
        return kind, self._take(size)

    def say_not_now(self, words):
        self.send(NOT_NOW, text_of(words))

    def expect_not_now(self):
        """Returns what is said, for people."""
        kind, body = self.receive()
        assert kind == NOT_NOW, (kind, body)
        assert struct.unpack("!I", body[:4]) == (len(body) - 4,)
        return body[4:].decode()

"""A client whose TLS handshake is OpenSSL's, and whose records are our own: it can send any at all. RFC 8446."""

import contextlib
import socket
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from raw import Gone
from tls import Handshake

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
WARNING, FATAL = 1, 2
CLOSE_NOTIFY, UNEXPECTED_MESSAGE, BAD_RECORD_MAC, RECORD_OVERFLOW = 0, 10, 20, 22
ILLEGAL_PARAMETER, DECODE_ERROR, USER_CANCELED = 47, 50, 90

KEY_UPDATE = bytes([24, 0, 0, 1])  # and whether one is asked for
PLAIN_MAX = 1 << 14
OVERHEAD = 16  # bytes of a tag


def expand(secret, label, size):
    """HKDF-Expand-Label of SHA-256, without a context. RFC 8446 section 7.1."""
    name = b"tls13 " + label
    info = struct.pack("!HB", size, len(name)) + name + b"\0"
    return HKDFExpand(hashes.SHA256(), size, info).derive(secret)


class Half:
    """One direction of a line."""

    def __init__(self, secret):
        self.begin(secret)

    def begin(self, secret):
        self.secret, self.number = secret, 0
        self.key, self.iv = expand(secret, b"key", 16), expand(secret, b"iv", 12)
        self.cipher = AESGCM(self.key)

    def update(self):
        self.begin(expand(self.secret, b"traffic upd", 32))

    def nonce(self):
        number = int.from_bytes(self.iv, "big") ^ self.number
        self.number += 1
        return number.to_bytes(12, "big")

    def seal(self, inner):
        """A record: header, what `inner` is sealed to, tag."""
        header = struct.pack("!BHH", DATA, 0x0303, len(inner) + OVERHEAD)
        return header + self.cipher.encrypt(self.nonce(), inner, header)

    def open(self, record):
        """(kind, content)"""
        try:
            inner = self.cipher.decrypt(self.nonce(), record[5:], record[:5]).rstrip(b"\0")
        except InvalidTag:
            raise AssertionError(f"the record is not sealed as it ought to be: {record[:40]!r}") from None
        return inner[-1], inner[:-1]


class Records:
    """A line that is open, in the place of its socket: `Raw(Records(...))` talks through it.

    `log` is a path for the keys; a file of its own for each line."""

    def __init__(self, sock, context, log, name="chat.example.org"):
        self.sock = sock
        context.keylog_filename = str(log)
        handshake = Handshake(context, name)
        sock.sendall(handshake.hello)
        rest = handshake.finish(sock)
        assert handshake.line.cipher()[0] == "TLS_AES_128_GCM_SHA256"
        context.keylog_filename = None
        lines = (line.split() for line in log.read_text(encoding="ascii").splitlines())
        secrets = {words[0]: bytes.fromhex(words[2]) for words in lines if len(words) == 3}
        self.write = Half(secrets["CLIENT_TRAFFIC_SECRET_0"])
        self.read = Half(secrets["SERVER_TRAFFIC_SECRET_0"])
        sock.sendall(rest)

    def __getattr__(self, name):
        return getattr(self.sock, name)

    # --- records --------------------------------------------------------------------------------

    def send(self, kind, content=b"", padding=0):
        self.sock.sendall(self.write.seal(content + bytes([kind]) + bytes(padding)))

    def alert(self, number, level=FATAL):
        self.send(ALERT, bytes([level, number]))

    def update_key(self, asks=False):
        """A KeyUpdate: what follows has the next key."""
        self.send(HANDSHAKE, KEY_UPDATE + bytes([asks]))
        self.write.update()

    def _take(self, count):
        data = b""
        while len(data) < count:
            piece = self.sock.recv(count - len(data))
            if not piece:
                raise Gone("end of file")
            data += piece
        return data

    def receive(self):
        """(kind, content) of the next record; a KeyUpdate is obeyed."""
        header = self._take(5)
        assert header[:3] == bytes([DATA, 3, 3]), header
        kind, content = self.read.open(header + self._take(int.from_bytes(header[3:], "big")))
        if kind == HANDSHAKE:
            assert content[:4] == KEY_UPDATE, content
            self.read.update()
        return kind, content

    def expect_alert(self, number, level=FATAL):
        """It is the next to come, and the last."""
        assert self.receive() == (ALERT, bytes([level, number]))
        with contextlib.suppress(ConnectionResetError):
            assert self.sock.recv(1) == b""

    # --- as a socket ----------------------------------------------------------------------------

    def sendall(self, data):
        for at in range(0, len(data), PLAIN_MAX):
            self.send(DATA, data[at : at + PLAIN_MAX])

    def recv(self, _):
        """What one record holds, whatever is asked for; b"" behind a close_notify."""
        while True:
            kind, content = self.receive()
            if kind == ALERT:
                assert content == bytes([WARNING, CLOSE_NOTIFY]), f"alert {content!r}"
                return b""
            if kind == DATA and content:
                return content

    @property
    def family(self):
        return self.sock.family

    def shutdown(self, how):
        if how == socket.SHUT_WR:
            self.alert(CLOSE_NOTIFY, WARNING)
        self.sock.shutdown(how)

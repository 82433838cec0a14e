"""Messages between nodes, written and read as server/cluster/README.md says: a second implementation, with which a test is
a node, an old one, a later one or a faulty one."""

import dataclasses
import enum
import hashlib
import hmac
import struct


class Type(enum.IntEnum):
    HEARTBEAT = 1
    DELTAS = 2
    BATCH = 3
    SAY = 4
    ANSWER = 5
    CALL = 6
    CLAIM = 7
    DIGESTS_ASK = 8
    DIGESTS = 9
    SHARD_ASK = 10
    SHARD = 11
    PROBE = 12
    PROBE_ANSWER = 13
    BYE = 14


CAME, GONE, ROOM = 1, 2, 3
TO_ALL, TO_ROOM, TO_TOLD = 1, 2, 3
USERS, ROOMS = 1, 2
MAC_LEN = 16


class Broken(Exception):
    """It is no message, or not of this key and destination."""


@dataclasses.dataclass(frozen=True)
class Keys:
    mac: bytes
    names: bytes
    digest: bytes


def derive(secret):
    def key(number, size):
        salt = number.to_bytes(8, "little") + bytes(8)
        person = b"tidegate".ljust(16, b"\0")
        return hashlib.blake2b(digest_size=size, key=secret, salt=salt, person=person).digest()

    return Keys(mac=key(1, 32), names=key(2, 16), digest=key(3, 16))


def string(text):
    data = text.encode() if isinstance(text, str) else text
    return bytes([len(data)]) + data


def sized(data):
    data = data.encode() if isinstance(data, str) else data
    return struct.pack(">I", len(data)) + data


def mac_of(keys, destination, signed):
    return hashlib.blake2b(string(destination) + signed, digest_size=MAC_LEN, key=keys.mac).digest()


@dataclasses.dataclass
class Message:
    version: int
    least: int
    type: int
    source: str
    wall_ms: int
    random: int
    to: int
    all_number: int
    number: int
    payload: bytes


def read(secret, destination, data):
    """`destination` is "all" or "node.ID"."""
    keys = derive(secret)
    if len(data) < 8 + MAC_LEN or int.from_bytes(data[4:8], "big") != len(data) - 8:
        raise Broken("length")
    if not hmac.compare_digest(mac_of(keys, destination, data[:-MAC_LEN]), data[-MAC_LEN:]):
        raise Broken("MAC")
    end = 9 + data[8]
    numbers = struct.unpack_from(">QQQQQ", data, end)
    return Message(
        data[0], data[1], data[2], data[9:end].decode(), *numbers, payload=data[end + 40 : -MAC_LEN]
    )


class Node:
    """Who writes: a node with its numbers."""

    def __init__(self, secret, node_id, wall_ms=1_700_000_000_000, random=0x1122334455667788):
        self.keys, self.id, self.wall_ms, self.random = derive(secret), node_id, wall_ms, random
        self.all_number = 0
        self.numbers = {}  # (id, random) -> the last one to it

    def write(self, kind, payload, to=None, *, version=1, least=1, flags=0, rest=None):
        """A message to all, or to the node whose (id, random) that is. `rest` takes the place of all behind the source."""
        if to is None:
            self.all_number += 1
            number, random, destination = self.all_number, 0, "all"
        else:
            number = self.numbers[to] = self.numbers.get(to, 0) + 1
            random, destination = to[1], f"node.{to[0]}"
        if rest is None:
            numbers = (self.wall_ms, self.random, random, self.all_number, number)
            rest = struct.pack(">QQQQQ", *numbers) + payload
        behind = string(self.id) + rest
        signed = struct.pack(">BBBBI", version, least, kind, flags, len(behind) + MAC_LEN) + behind
        return signed + mac_of(self.keys, destination, signed)


# --- payloads ---------------------------------------------------------------------------------------


def heartbeat(wall_ms, *, sessions=0, rooms=0, max_devices=1, pressure=0, flags=0, roots=(0, 0), address="",
        version="test", ws_port=0, sent=()):  # fmt: skip
    numbers = struct.pack(">QIIBBBQQ", wall_ms, sessions, rooms, max_devices, pressure, flags, *roots)
    pairs = b"".join(struct.pack(">QQ", *pair) for pair in sent)
    return numbers + string(address) + string(version) + struct.pack(">HH", ws_port, len(sent)) + pairs


def came(key, device, epoch, user, device_name=""):
    return struct.pack(">BQIQ", CAME, key, device, epoch) + string(user) + string(device_name)


def gone(key, device, epoch):
    return struct.pack(">BQIQ", GONE, key, device, epoch)


def room(key, members, *, watched=False):
    return struct.pack(">BQIB", ROOM, key, members, watched)


def deltas(*changes):
    return b"".join(struct.pack(">H", len(change)) + change for change in changes)


def frame(opcode, payload):
    size = len(payload)
    if size < 126:
        return struct.pack(">BB", 0x80 | opcode, size) + payload
    if size < 65536:
        return struct.pack(">BBH", 0x80 | opcode, 126, size) + payload
    return struct.pack(">BBQ", 0x80 | opcode, 127, size) + payload


def said(aim, whole, *, sender="", to_room="", device=0):
    """`whole` is a frame in which the sender's name stands."""
    at = whole.rindex(sender.encode()) if sender else 0
    numbers = struct.pack(">BBIIB", aim, 0, device, at, len(sender.encode()))
    return sized(numbers + string(to_room) + sized(whole))


def batch(*messages):
    return b"".join(messages)


def say(ask, sent_ms, user, to, text, *, flags=0, device=0):
    return struct.pack(">QQBI", ask, sent_ms, flags, device) + string(user) + string(to) + sized(text)


def piece(data, at=0, whole=None):
    return struct.pack(">II", len(data) if whole is None else whole, at) + sized(data)


def answer(ask, result, count=0, data=b"", **part):
    return struct.pack(">QBI", ask, result, count) + piece(data, **part)


def call(ask, op, data=b"", **part):
    return struct.pack(">QB", ask, op) + piece(data, **part)


def claim(epoch, user, device=""):
    return struct.pack(">Q", epoch) + string(user) + string(device)


def digests_ask(ask, kind):
    return struct.pack(">QB", ask, kind)


def digests(ask, kind, values, first=0):
    return struct.pack(f">QBBH{len(values)}Q", ask, kind, first, len(values), *values)


def shard_ask(ask, kind, first):
    return struct.pack(">QBQ", ask, kind, first)


def shard(ask, kind, first, last, entries, more=b""):
    """`entries` are (key, value, device, watched); `more` stands behind each of them, as a later version may."""
    head = struct.pack(">QBQQHB", ask, kind, first, last, len(entries), 21 + len(more))
    return head + b"".join(struct.pack(">QQIB", *entry) + more for entry in entries)


def probe(us):
    return struct.pack(">Q", us)


def probe_answer(us, wall_ms):
    return struct.pack(">QQ", us, wall_ms)


def bye(reason=0):
    return bytes([reason])

"""A client of ours that speaks tidegate.v1: PROTOCOL section 6."""

import dataclasses
import struct

from raw import BINARY, PACKET_PING, PACKET_PONG, PACKET_TEXT, TEXT, packet, request

SESSION, GAP, SAY, ANSWER, MESSAGE, JOIN, LEAVE, MEMBERS, LIST, PAGE = 104, 105, 110, 111, 112, 120, 121, 122, 123, 124
DONE, NOBODY, NOT_ALLOWED, BUSY, NOT_A_MEMBER, BAD_NAME, TOO_MANY, UNREACHABLE, UNKNOWN = range(9)
COUNTED, CAME, WENT, TAKEN_OUT = range(4)
NO_END = 0xFFFFFFFF
V1 = ("Sec-WebSocket-Protocol: tidegate.v1",)


def string(text):
    data = text.encode("utf-8")
    return bytes([len(data)]) + data


class Fields:
    """A payload, taken apart from its front."""

    def __init__(self, data):
        self.data = data

    def take(self, layout):
        (value,) = struct.unpack_from(layout, self.data)
        self.data = self.data[struct.calcsize(layout) :]
        return value

    def string(self):
        size = self.take("!B")
        text, self.data = self.data[:size], self.data[size:]
        assert len(text) == size
        return text.decode("utf-8")

    def rest(self):
        return self.data.decode("utf-8")


@dataclasses.dataclass(frozen=True)
class Message:
    sender: str
    audience: str
    text: str


class Talker:
    """Wraps a `Raw` that has not been upgraded yet, and logs it in."""

    def __init__(self, raw, user, device=None, shown=None):
        """`user` is percent-encoded; `shown` is what that stands for, where it differs."""
        self.raw, self.ids, self.name = raw, 0, shown or user
        self.gaps = 0  # batches that were lost between nodes, by what it was told
        self.unknown = 0  # of what it told: may have arrived
        target = f"/?user={user}" + (f"&device={device}" if device is not None else "")
        raw.send(request(target, extra=V1))
        answer = raw.answer()
        assert answer.status == 101 and answer.headers["sec-websocket-protocol"] == "tidegate.v1", answer
        assert self.session() == (DONE, NO_END, shown or user, device or "")

    # --- what it sends --------------------------------------------------------------------------

    def send(self, command, payload):
        self.raw.packet(command, payload)

    def ask(self, command, payload):
        """Sends a request under an id of its own. Returns that."""
        self.ids += 1
        self.send(command, struct.pack("!I", self.ids) + payload)
        return self.ids

    def say(self, audience, text):
        """Returns the answer: result and count."""
        return self.answer(self.ask(SAY, b"\0" + string(audience) + text.encode("utf-8")))

    def tell(self, audience, text):
        """Says it without a number, so that it is answered only where it has failed."""
        self.send(SAY, bytes(5) + string(audience) + text.encode("utf-8"))

    def join(self, room, told=False):
        return self.answer(self.ask(JOIN, bytes([told]) + string(room)))

    def leave(self, room):
        return self.answer(self.ask(LEAVE, string(room)))

    def list(self, room, after=""):
        """Returns result, whether it is the last page, and users."""
        number = self.ask(LIST, string(room) + string(after))
        fields = self.expect(PAGE)
        assert fields.take("!I") == number
        result, last, count = fields.take("!B"), fields.take("!B"), fields.take("!H")
        users = [fields.string() for _ in range(count)]
        assert not fields.data
        return result, bool(last), users

    # --- what it gets ---------------------------------------------------------------------------

    def expect(self, command):
        """The next message, which is a packet of that command. Returns its payload."""
        opcode, message = self.next()
        assert opcode == BINARY, message
        fields = Fields(message)
        got, size = fields.take("!H"), fields.take("!I")
        assert (got, size) == (command, len(fields.data)), message
        return fields

    def next(self):
        """The next message that is not about what was lost between nodes, nor about what it told a user elsewhere whose
        node was slow to say that it has it: either may come at any time."""
        while True:
            opcode, message = self.raw.message()
            if opcode == BINARY and message[:2] == struct.pack("!H", GAP):
                self.gaps += struct.unpack("!HII", message)[2]
            elif opcode == BINARY and message == packet(ANSWER, struct.pack("!IBI", 0, UNKNOWN, 0)):
                self.unknown += 1
            else:
                return opcode, message

    def session(self):
        fields = self.expect(SESSION)
        said = fields.take("!B"), fields.take("!I"), fields.string(), fields.string()
        assert not fields.data
        return said

    def answer(self, number):
        fields = self.expect(ANSWER)
        assert fields.take("!I") == number
        said = fields.take("!B"), fields.take("!I")
        assert not fields.data
        return said

    def message(self):
        fields = self.expect(MESSAGE)
        assert fields.take("!B") == 0
        assert fields.take("!Q") > 1_700_000_000_000
        return Message(fields.string(), fields.string(), fields.rest())

    def members(self):
        """Who came or went: room, count, change, user."""
        fields = self.expect(MEMBERS)
        said = fields.string(), fields.take("!I"), fields.take("!B"), fields.string()
        assert not fields.data
        return said

    def text(self):
        """A text to everybody, as it came."""
        opcode, message = self.next()
        if opcode == TEXT:
            return message.decode("utf-8")
        fields = Fields(message)
        assert fields.take("!H") == PACKET_TEXT
        fields.take("!I")
        return fields.rest()

    def expect_nothing(self):
        """Nothing has come that was sent before the answer to a ping, but for news of what was lost."""
        self.raw.packet(PACKET_PING)
        assert self.next() == (BINARY, packet(PACKET_PONG))

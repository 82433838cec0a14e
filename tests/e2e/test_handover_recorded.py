"""A taker of today takes what a giver of version 1 has sent once: handover_record.py."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import time

from gateway import Process
from handover_record import CUT, HALF, OPTIONS
from handover_wire import ACK, BUFFERS, END, FD, GO, HAVE_ALL, HELLO, LINES, LISTENERS, NODE, READY, Channel
from raw import Raw, request
from talking import DONE, Talker
from waiting import TIMEOUT

RESTED_AT = 8  # bytes into NODE: when the giver came to rest, by the clock of its machine
RECORD = pathlib.Path(__file__).with_name("handover_1.json")


def at_its_time(hello, rested_us):
    """A hello whose taker's clock goes on from the time of the record: where this machine has been up for less than
    the one of the record then, less than nothing is left out of its clock."""
    binary_len = struct.unpack_from("!I", hello, 4)[0]
    at = 8 + binary_len + 24
    skip_us = struct.unpack_from("!Q", hello, at)[0]
    ahead_us = max(0, rested_us - time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000)
    return hello[:at] + struct.pack("!Q", (skip_us - ahead_us) % (1 << 64)) + hello[at + 8 :]


def who_is_in(raw):
    """Without a login: it has had one."""
    talker = Talker.__new__(Talker)
    talker.raw, talker.ids, talker.gaps = raw, 100, 0
    return talker


class Played:
    """A taker to whom the record is played; its clients' other ends are in `lines`, as the record has them."""

    def __init__(self, stack):
        self.messages = [(kind, bytes.fromhex(body), fds) for kind, body, fds in json.loads(RECORD.read_text())]
        self.lines, self.ports = [], []
        self.door = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.stack = stack
        ours, theirs = socket.socketpair()
        stack.enter_context(ours).settimeout(TIMEOUT)
        with theirs:
            fd = theirs.fileno()
            self.process = Process(OPTIONS, pass_fds=[fd], env={**os.environ, FD: str(fd)})
        stack.callback(self.process.kill)
        self.channel = Channel(ours)
        ours.settimeout(TIMEOUT)

    def line(self):
        """The gateway's end of a new one."""
        client = self.stack.enter_context(socket.create_connection(self.door.getsockname(), TIMEOUT))
        self.lines.append(Raw(client))
        return self.door.accept()[0]

    def listener(self):
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        self.ports.append(listener.getsockname()[1])
        return listener

    def send(self, kind, body, count):
        make = self.listener if kind == LISTENERS else self.line
        with contextlib.ExitStack() as ends:
            sockets = [ends.enter_context(make()) for _ in range(count)]
            for sock in sockets:
                sock.setblocking(False)
            self.channel.send(kind, body, [sock.fileno() for sock in sockets])

    def play(self):
        [rested_us] = [struct.unpack_from("!Q", body, RESTED_AT)[0] for kind, body, _ in self.messages if kind == NODE]
        for kind, body, count in self.messages:
            self.send(kind, at_its_time(body, rested_us) if kind == HELLO else body, count)
            if kind == LISTENERS and body[1]:
                assert self.channel.receive() == (READY, b""), self.process.lines
            elif kind in (LINES, BUFFERS):
                assert self.channel.receive() == (ACK, b""), self.process.lines
            elif kind == END:
                assert self.channel.receive() == (HAVE_ALL, b""), self.process.lines
        self.channel.send(GO, struct.pack("!I", len(self.lines)))
        self.process.wait_for_line(rf"taken over: {len(self.lines)} lines")


def test_a_record_of_version_1():
    with contextlib.ExitStack() as stack:
        played = Played(stack)
        hello = played.messages[0][1]
        assert played.messages[0][0] == HELLO and struct.unpack_from("!I", hello)[0] == 1
        played.play()
        alice, bob, carol, dora = played.lines
        alice, bob = who_is_in(alice), who_is_in(bob)
        assert alice.say("@bob", "still here") == (DONE, 1)
        assert bob.message().text == "still here"
        assert bob.say("#lobby", "all of us")[0] == DONE
        assert alice.message().text == "all of us"
        carol.send(HALF[CUT:])
        assert bob.text() == "half of a message, and half of a frame -- FROM carol"
        dora.upgrade(head=request("/?user=dora")[30:])
        played.process.popen.send_signal(signal.SIGTERM)
        assert played.process.wait() == 0
    played.process.assert_no_report()

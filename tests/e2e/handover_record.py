#!/usr/bin/python3
"""What a giver has sent once, word for word: kept in handover_1.json, and played to takers of today.

A gateway of another build that says version 1 may hand over to one of today. So whatever an X_pack writes may not be
changed without HANDOVER_VERSION; a record that is not taken any more says that this was forgotten. With a new version
it is made anew: `handover_record.py GATEWAY > handover_N.json`.

The recorder lies in the place of the gateway's binary when that is asked to hand over, and says NOT_NOW at the end.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import sys
import tempfile
import time

from handover_wire import ACK, BUFFERS, END, FD, LINES, LISTENERS, NODE, READY, Channel
from raw import CONTINUATION, TEXT, Raw, frame, request
from talking import DONE, Talker

OPTIONS = ("--workers", "2", "--acceptors", "1", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
HALF = frame(TEXT, b"half of a message, ", fin=False) + frame(CONTINUATION, b"and half of a frame", key=b"mask")
CUT = len(HALF) - 5


def people(connect):
    """(alice and bob of tidegate.v1, who are in a room; carol, of whom half a frame has come; dora, of whom half an
    opening has). Each waits until the one before is in, so that they stand in a record in this order."""
    talkers = [Talker(connect(), user, "phone") for user in ("alice", "bob")]
    for talker in talkers:
        assert talker.join("lobby")[0] == DONE
    carol = connect()
    carol.upgrade("/?user=carol")
    carol.round_trip()
    carol.send(HALF[:CUT])
    dora = connect()
    dora.send(request("/?user=dora")[:30])
    return (*talkers, carol, dora)


def record(fd):
    """Takes what comes, and prints it: [[kind, bytes in hexadecimal, descriptors], ...]."""
    channel, taken, kind = Channel(socket.socket(fileno=fd)), [], None
    while kind != END:
        kind, _, fds, size = struct.unpack("!BBHI", channel._take(8))
        body = channel._take(size)
        taken.append([kind, body.hex(), fds])
        if kind == LISTENERS and body[1]:  # the last of them
            channel.send(READY)
        elif kind in (LINES, BUFFERS):
            channel.send(ACK)
    print(json.dumps(taken), flush=True)  # now: the giver ends who says that
    channel.say_not_now(b"this was for the record")


def main(gateway):
    """The one who is asked to hand over."""
    from gateway import Process  # not where the recorder itself is run: it may not know of a BINARY

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "tidegate"
        shutil.copy(gateway, path)
        process = Process(OPTIONS, command=(path,))
        port = int(process.wait_for_line(r"ws://127\.0\.0\.1:(\d+)")[1])
        clients = people(lambda: Raw(socket.create_connection(("127.0.0.1", port))))
        time.sleep(1)  # what came last is in the gateway by then
        path.unlink()
        path.symlink_to(pathlib.Path(__file__).resolve())
        process.popen.send_signal(signal.SIGUSR2)
        process.wait_for_line("not handed over: this was for the record")
        taken = json.loads(next(line for line in process.lines if line.startswith("[[")))
        process.popen.send_signal(signal.SIGKILL)
    assert clients and [kind for kind, _, _ in taken][-3:] == [NODE, LINES, END]
    print(re.sub(r"\], \[", "],\n[", json.dumps(taken)))


if __name__ == "__main__":
    if FD in os.environ:
        record(int(os.environ[FD]))
    else:
        main(sys.argv[1])

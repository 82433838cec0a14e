"""tests/cluster_stream.json: what nodes of version 1 say, and what a version 2 might, byte for byte.

    python3 tests/tools/test_cluster_stream.py      writes it

Rows of version 1 are for ever: who finds one changed has broken the wire. New ones go to the end.
"""

import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
STREAM = ROOT / "tests/cluster_stream.json"

sys.path.insert(0, str(ROOT / "tests/e2e"))

import node_wire as wire  # noqa: E402
from node_wire import Type  # noqa: E402

SECRET = bytes(range(32))
SOURCE = "gw-1"
READER = ("gw-2", 0x99AABBCCDDEEFF00)
EARLIER_READER = ("gw-2", 0x99AABBCCDDEEFF01)
STARTED_MS = 1_700_000_000_000
EPOCH = STARTED_MS << 16
TOP_KEY = 0x0200000000000000

PIECES = b"0123456789"


class Recorder:
    def __init__(self):
        self.node = wire.Node(SECRET, SOURCE, STARTED_MS)
        self.rows = []

    def add(self, name, kind, payload, *says, to=None, verdict="OK", again=True, data=None, **header):
        """`says` are the lines that a reader makes of it; `again`: what he makes of it, written, is the same bytes."""
        data = data or self.node.write(kind, payload, to, **header)
        self.rows.append(
            {
                "name": name,
                "type": kind.name if isinstance(kind, Type) else "",
                "to": "node" if to else "all",
                "verdict": verdict,
                "again": again and verdict == "OK",
                "says": list(says),
                "hex": data.hex(),
            }
        )


def version_1(stream):
    add = stream.add
    beat = wire.heartbeat(
        STARTED_MS + 5000, sessions=18000, rooms=300, max_devices=5, pressure=1, flags=1, roots=(0xAB << 56, 0xCD),
        address="http://127.0.0.1:8001", version="0.20.0", ws_port=8000, sent=[(READER[1], 7), (2**64 - 1, 1)],
    )  # fmt: skip
    add(
        "heartbeat", Type.HEARTBEAT, beat,
        "wall=1700000005000 sessions=18000 rooms=300 devices=5 pressure=1 flags=1 users=ab00000000000000"
        " rooms=00000000000000cd address=http://127.0.0.1:8001 version=0.20.0 ws_port=8000",
        "sent node=99aabbccddeeff00 number=7",
        "sent node=ffffffffffffffff number=1",
    )  # fmt: skip
    add(
        "heartbeat of a node that has just begun", Type.HEARTBEAT, wire.heartbeat(STARTED_MS, version=""),
        "wall=1700000000000 sessions=0 rooms=0 devices=1 pressure=0 flags=0 users=0000000000000000"
        " rooms=0000000000000000 address= version= ws_port=0",
    )  # fmt: skip
    changes = [
        wire.came(0x0123456789ABCDEF, 0x01020304, EPOCH + 1, "bob", "phone"),
        wire.came(2**64 - 1, 0, EPOCH + 2, "Zoë 🦔"),
        wire.gone(0x0123456789ABCDEF, 0x01020304, EPOCH + 1),
        wire.room(5, 200, watched=True),
        wire.room(6, 0),
    ]
    lines = [
        f"came key=0123456789abcdef device=01020304 epoch={EPOCH + 1} user=bob device_name=phone",
        f"came key=ffffffffffffffff device=00000000 epoch={EPOCH + 2} user=Zoë 🦔 device_name=",
        f"gone key=0123456789abcdef device=01020304 epoch={EPOCH + 1}",
        "room key=0000000000000005 members=200 watched=1",
        "room key=0000000000000006 members=0 watched=0",
    ]
    add("deltas", Type.DELTAS, wire.deltas(*changes), *lines)
    add("no deltas", Type.DELTAS, b"")
    text = wire.frame(1, b"hello -- FROM alice")
    long = wire.frame(2, b"x" * 150 + b" -- FROM alice")
    add(
        "batch to all", Type.BATCH,
        wire.batch(wire.said(wire.TO_ALL, text, sender="alice"), wire.said(wire.TO_ALL, wire.frame(1, b""))),
        f"said aim=1 device=00000000 sender=alice room= frame={text.hex()}",
        "said aim=1 device=00000000 sender= room= frame=8100",
    )  # fmt: skip
    add(
        "batch to a node", Type.BATCH,
        wire.batch(
            wire.said(wire.TO_ROOM, long, sender="alice", to_room="tea", device=0xA1A2A3A4),
            wire.said(wire.TO_TOLD, wire.frame(2, b"122"), to_room="tea"),
        ),
        f"said aim=2 device=a1a2a3a4 sender=alice room=tea frame={long.hex()}",
        "said aim=3 device=00000000 sender= room=tea frame=8203313232",
        to=READER,
    )  # fmt: skip
    add(
        "say", Type.SAY,
        wire.say(77, STARTED_MS + 1, "alice", "bob", "hi", flags=1, device=0xA1A2A3A4),
        "ask=77 ms=1700000000001 flags=1 device=a1a2a3a4 from=alice to=bob text=hi",
        to=READER,
    )  # fmt: skip
    add("answer", Type.ANSWER, wire.answer(77, 0, 2), "ask=77 result=0 count=2 whole=0 at=0 bytes=", to=READER)
    add(
        "answer with bytes", Type.ANSWER, wire.answer(78, 8, 0, b'{"a":1}'),
        'ask=78 result=8 count=0 whole=7 at=0 bytes={"a":1}',
        to=READER,
    )  # fmt: skip
    add("call to all", Type.CALL, wire.call(79, 3, b"{}"), "ask=79 op=3 whole=2 at=0 bytes={}")
    for at in (0, 6):
        part = PIECES[at : at + 6]
        add(
            f"call in pieces, {at}", Type.CALL, wire.call(80, 3, part, at=at, whole=10),
            f"ask=80 op=3 whole=10 at={at} bytes={part.decode()}",
            to=READER,
        )  # fmt: skip
    add("claim", Type.CLAIM, wire.claim(EPOCH, "bob", "phone"), f"epoch={EPOCH} user=bob device=phone", to=READER)
    add("digests ask", Type.DIGESTS_ASK, wire.digests_ask(81, wire.USERS), "ask=81 kind=1", to=READER)
    add(
        "digests, the last page", Type.DIGESTS, wire.digests(81, wire.USERS, [1, 2**64 - 1], first=254),
        "ask=81 kind=1 first=254 count=2", "digest 0000000000000001", "digest ffffffffffffffff",
        to=READER,
    )  # fmt: skip
    add(
        "shard ask", Type.SHARD_ASK, wire.shard_ask(82, wire.ROOMS, TOP_KEY),
        "ask=82 kind=2 first=0200000000000000",
        to=READER,
    )  # fmt: skip
    entries = [(TOP_KEY + 1, EPOCH, 0x01020304, 0), (TOP_KEY + 2, 12, 0, 1)]
    shard_lines = [
        "ask=82 kind=2 first=0200000000000000 last=02ffffffffffffff count=2",
        f"entry key=0200000000000001 value={EPOCH} device=01020304 watched=0",
        "entry key=0200000000000002 value=12 device=00000000 watched=1",
    ]
    last = TOP_KEY | 2**56 - 1
    add("shard", Type.SHARD, wire.shard(82, wire.ROOMS, TOP_KEY, last, entries), *shard_lines, to=READER)
    add(
        "shard without entries", Type.SHARD, wire.shard(83, wire.USERS, TOP_KEY, TOP_KEY, []),
        "ask=83 kind=1 first=0200000000000000 last=0200000000000000 count=0",
        to=READER,
    )  # fmt: skip
    add("probe", Type.PROBE, wire.probe(123456789), "us=123456789", to=READER)
    add("probe answer", Type.PROBE_ANSWER, wire.probe_answer(5, STARTED_MS), "us=5 wall=1700000000000", to=READER)
    add("bye", Type.BYE, wire.bye(1), "reason=1")


def refused(stream):
    add, node = stream.add, stream.node
    ask = wire.probe(1)
    add("for an earlier incarnation", Type.PROBE, ask, to=EARLIER_READER, verdict="STALE")
    add("a say to all", Type.SAY, wire.say(1, 1, "a", "b", "c"), verdict="BROKEN")
    add("deltas to a node", Type.DELTAS, b"", to=READER, verdict="BROKEN")
    other = wire.Node(bytes(32), SOURCE, STARTED_MS)
    add("another key", Type.BYE, b"", verdict="FOREIGN", data=other.write(Type.BYE, wire.bye()))
    add("for another node", Type.PROBE, b"", to=READER, verdict="FOREIGN",
        data=node.write(Type.PROBE, ask, ("gw-3", READER[1])))  # fmt: skip
    add("from all, by the subject of a node", Type.BYE, b"", to=READER, verdict="FOREIGN",
        data=node.write(Type.BYE, wire.bye()))  # fmt: skip


def version_2(stream):
    """What a later version may do to be understood as far as it is known, and what it says when it cannot be."""
    add = stream.add
    later = {"version": 2, "again": False}
    add("version 2 in the words of 1", Type.BYE, wire.bye(), "reason=0", version=2, again=True)
    add("version 2: a flag of the header", Type.BYE, wire.bye(), "reason=0", flags=0x80, **later)
    add("version 2: another type", 200, b"what is this?", verdict="UNKNOWN", version=2)
    add("version 2: more behind a payload", Type.PROBE, wire.probe(9) + b"more", "us=9", to=READER, **later)
    add(
        "version 2: more behind a heartbeat", Type.HEARTBEAT,
        wire.heartbeat(1, pressure=9, flags=0x81, version="2") + b"more",
        "wall=1 sessions=0 rooms=0 devices=1 pressure=2 flags=129 users=0000000000000000"
        " rooms=0000000000000000 address= version=2 ws_port=0",
        **later,
    )  # fmt: skip
    add(
        "version 2: another kind of delta, and more behind one", Type.DELTAS,
        wire.deltas(b"\x63whatever", wire.gone(1, 2, 3) + b"more", b"\x64"),
        "gone key=0000000000000001 device=00000002 epoch=3",
        **later,
    )  # fmt: skip
    whole = wire.frame(1, b"hi")
    add(
        "version 2: another aim", Type.BATCH,
        wire.batch(wire.said(9, b"no frame"), wire.said(wire.TO_ALL, whole)),
        "said aim=1 device=00000000 sender= room= frame=81026869",
        **later,
    )  # fmt: skip
    add(
        "version 2: longer entries", Type.SHARD,
        wire.shard(84, wire.USERS, TOP_KEY, TOP_KEY + 9, [(TOP_KEY, 7, 8, 0xFE)], more=b"\xff\xff"),
        "ask=84 kind=1 first=0200000000000000 last=0200000000000009 count=1",
        "entry key=0200000000000000 value=7 device=00000008 watched=0",
        to=READER, **later,
    )  # fmt: skip
    add(
        "version 2, least 2: nothing behind the source is known", Type.HEARTBEAT, b"", rest=b"\x00\x01",
        verdict="TOO_NEW", version=2, least=2,
    )  # fmt: skip
    add("version 255, least 2", 255, b"", to=READER, verdict="TOO_NEW", version=255, least=2)


def make_stream():
    stream = Recorder()
    version_1(stream)
    refused(stream)
    version_2(stream)
    keys = wire.derive(SECRET)
    return {
        "//": "Made by tests/tools/test_cluster_stream.py. server/cluster/README.md",
        "secret": SECRET.hex(),
        "keys": {"mac": keys.mac.hex(), "names": keys.names.hex(), "digest": keys.digest.hex()},
        "reader": {"id": READER[0], "random": f"{READER[1]:016x}"},
        "source": {"id": SOURCE, "wall_ms": STARTED_MS, "random": f"{stream.node.random:016x}"},
        "messages": stream.rows,
    }


def written(stream):
    return json.dumps(stream, indent=1, ensure_ascii=False) + "\n"


def test_the_recorded_stream_is_what_the_page_says():
    assert STREAM.read_text(encoding="utf-8") == written(make_stream())


def test_each_type_is_in_it():
    rows = json.loads(STREAM.read_text(encoding="utf-8"))["messages"]
    assert {row["type"] for row in rows if row["verdict"] == "OK"} == {kind.name for kind in Type}


def test_it_is_read_back():
    for row in make_stream()["messages"]:
        destination = "all" if row["to"] == "all" else f"node.{READER[0]}"
        if row["verdict"] in ("OK", "UNKNOWN"):
            message = wire.read(SECRET, destination, bytes.fromhex(row["hex"]))
            assert (message.source, message.wall_ms) == (SOURCE, STARTED_MS)


if __name__ == "__main__":
    STREAM.write_text(written(make_stream()), encoding="utf-8")

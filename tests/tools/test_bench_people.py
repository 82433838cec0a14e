"""bench/people.py and what bench/cluster makes of it: no fault escapes them."""

import importlib.machinery
import importlib.util
import pathlib
import struct
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import people  # noqa: E402


@pytest.fixture(scope="module")
def bench():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("bench_cluster", str(ROOT / "bench/cluster"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_cluster", loader))
    loader.exec_module(module)
    return module


# --- what a user hears ----------------------------------------------------------------------------


class Sock:
    """What a user reads, in pieces."""

    def __init__(self, pieces):
        self.pieces = list(pieces)

    def recv(self, _):
        return self.pieces.pop(0)

    def close(self):
        pass

    def fileno(self):
        return 7


@pytest.fixture
def crowd():
    """Users 6 to 11, in 3 rooms, of the second of three nodes."""
    return people.People(None, 1, 3, 6, 3, 0)


def server_frame(opcode, payload):
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + struct.pack("!H", len(payload))
    return bytes([0x80 | opcode]) + length + payload


def text(said):
    return server_frame(people.TEXT, said.encode() + b" -- FROM u000000")


def message(said, audience):
    payload = bytes(9) + people.string("u000000") + people.string(audience) + said.encode()
    return server_frame(people.BINARY, struct.pack("!HI", people.MESSAGE, len(payload)) + payload)


def hear(crowd, number, *frames, cut=1 << 20):
    line = crowd.lines[number - crowd.first]
    data = b"".join(frames)
    line.sock, line.is_open = Sock(data[i : i + cut] for i in range(0, len(data), cut)), True
    while line.sock and line.sock.pieces:
        crowd.read(line)
    return crowd.seen


def faults(seen):
    return seen.doubled, seen.reordered, seen.misdelivered


def test_what_is_right(crowd):
    long = "x" * 300
    frames = [text("1 1 *"), message("1 3 #1", "#r1"), message("1 4 @7", "@u000007"), text("2 1 *"), server_frame(people.PING, long.encode())]
    for cut in range(1, 40):
        crowd.seen = people.Seen()
        crowd.lines[1].last.clear()
        seen = hear(crowd, 7, *frames, cut=cut)
        assert faults(seen) == (0, 0, 0)
        assert seen.deliveries == {(1, 1): 1, (1, 3): 1, (1, 4): 1, (2, 1): 1}


@pytest.mark.parametrize(("frames", "found"), [
    ([text("1 1 *"), text("1 1 *")], (1, 0, 0)),
    ([text("1 2 *"), text("1 1 *")], (0, 1, 0)),
    ([message("1 1 #2", "#r2")], (0, 0, 1)),
    ([message("1 1 @8", "@u000008")], (0, 0, 1)),
    ([text("7 1 *")], (0, 0, 1)),  # his own
])  # fmt: skip
def test_what_is_wrong(crowd, frames, found):
    assert faults(hear(crowd, 7, *frames)) == found


def test_who_races_is_not_counted_on(crowd):
    """But what he hears twice is a fault as well."""
    crowd.lines.append(people.Line(people.RACERS, "x0001"))
    crowd.lines[-1].sock, crowd.lines[-1].is_open = Sock([text("1 1 *"), text("1 1 *")]), True
    crowd.read(crowd.lines[-1])
    assert not crowd.seen.deliveries
    crowd.read(crowd.lines[-1])
    assert faults(crowd.seen) == (1, 0, 0)


def test_answers_and_gaps(crowd):
    line = crowd.lines[1]
    line.asked = {5: ("@8", 5), 6: ("@9", 6)}
    answer = struct.pack("!HIIBI", people.ANSWER, 9, 5, 7, 0)
    gap = struct.pack("!HII", people.GAP, 4, 3)
    seen = hear(crowd, 7, server_frame(people.BINARY, answer), server_frame(people.BINARY, gap))
    assert seen.answers == {(7, 5): 7} and seen.gaps == 3 and set(line.asked) == {6}


def test_what_is_sent_is_masked_and_whole():
    data = people.say(3, "#r1", "x" * 200)
    assert data[0] == 0x82 and data[1] == 0x80 | 126
    (size,) = struct.unpack_from("!H", data, 2)
    assert len(data) == 8 + size


# --- what is made of it ---------------------------------------------------------------------------

MEMBERS = {"count": 6, "all": [6, 6, 6], "room": 2}
SAID = {0: [(1, 1, "*"), (1, 2, "#1"), (1, 3, "@7")], 1: [], 2: []}


def seen_by(bench, *changes, answers=None):
    """What all have that was said, but for changes {(node, message): how many}."""
    seen = {node: people.Seen() for node in range(3)}
    for message, *counts in (((1, 1), 5, 6, 6), ((1, 2), 1, 2, 2), ((1, 3), 0, 1, 0)):
        for node, count in enumerate(counts):
            seen[node].deliveries[message] = count
    for (node, message), count in changes:
        seen[node].deliveries[message] = count
    seen[0].answers = {(1, 3): bench.DONE} if answers is None else answers
    return seen


def judged(bench, seen, is_counted=False, gone=()):
    tally = bench.Tally("a phase")
    bench.judge_talk(tally, SAID, seen, MEMBERS, is_counted, gone)
    kinds = ("lost", "counted", "wrong", "false", "undone")
    return {kind: tally.figures[kind] for kind in kinds if tally.figures[kind]}, tally.is_good


def test_all_is_well(bench):
    assert judged(bench, seen_by(bench)) == ({}, True)


def test_a_loss_is_one_unless_it_was_counted(bench):
    seen = seen_by(bench, ((1, (1, 1)), 4), ((2, (1, 2)), 0))
    assert judged(bench, seen) == ({"lost": 4}, False)
    assert judged(bench, seen, is_counted=True) == ({"counted": 4}, True)
    # At the sender's own node it never is.
    assert judged(bench, seen_by(bench, ((0, (1, 1)), 4)), is_counted=True) == ({"lost": 1}, False)
    # Who has no line hears nothing.
    assert judged(bench, seen_by(bench, ((1, (1, 1)), 0)), gone=[1]) == ({}, True)


def test_one_too_many(bench):
    assert judged(bench, seen_by(bench, ((2, (1, 1)), 7))) == ({"wrong": 1}, False)


@pytest.mark.parametrize(("result", "delivered", "found", "is_good"), [
    (0, 0, {"false": 1}, False), (7, 1, {"false": 1}, False), (1, 1, {"false": 1}, False), (3, 1, {"false": 1}, False),
    (7, 0, {"undone": 1}, True), (8, 0, {"undone": 1}, True), (8, 1, {"undone": 1}, True),
])  # fmt: skip
def test_what_is_answered_is_what_came(bench, result, delivered, found, is_good):
    assert judged(bench, seen_by(bench, ((1, (1, 3)), delivered), answers={(1, 3): result})) == (found, is_good)


def test_an_answer_that_is_missing(bench):
    assert judged(bench, seen_by(bench, answers={})) == ({"false": 1}, False)


def test_too_late_is_no_pass(bench):
    tally = bench.Tally("a phase")
    for seconds, is_good in ((None, True), (5, True), (5.1, False)):
        tally.equal_s = seconds
        assert tally.is_good == is_good

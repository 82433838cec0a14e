"""Users of one node, in a process of their own, who check all that they are told: each message names who said it, its
number, and whom it is for. What they have seen goes to the coordinator, who knows what they should have."""

import collections
import multiprocessing
import random
import resource
import select
import socket
import struct
import time

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
GAP, SAY, ANSWER, MESSAGE, JOIN = 105, 110, 111, 112, 120
DONE = 0
OPENINGS = 200  # logins under way at once, of one process
SOURCES = 10    # addresses that a process's lines come from
RACERS = 10**6  # numbers of those who race, from here on
WAIT_S = 60     # until something must have come
SUFFIX = b" -- FROM "


def head_of(user):
    return (f"GET /?user={user} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGlkZWdhdGUtYmVuY2ghIQ==\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: tidegate.v1\r\n\r\n").encode()


def frame_of(opcode, payload):
    """Masked, with a mask of zeros."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + struct.pack("!H", size)
    return bytes([0x80 | opcode]) + length + bytes(4) + payload


def packet_of(command, payload):
    return frame_of(BINARY, struct.pack("!HI", command, len(payload)) + payload)


def string(text):
    return bytes([len(text)]) + text.encode()


def say(number, audience, text):
    return packet_of(SAY, struct.pack("!IB", number, 0) + string(audience) + text.encode())


class Line:
    """One user's: `number` of those of the process, `room` he is in."""

    __slots__ = ("asked", "code", "data", "is_in", "is_open", "last", "number", "said", "sock", "user")

    def __init__(self, number, user):
        self.number, self.user = number, user
        self.sock = None
        self.data = b""
        self.is_open = False  # its 101 has come, and no end
        self.is_in = False    # its room's 111 has come
        self.code = None      # of the Close that ended it; 0 without one
        self.last = {}        # sender -> the number that came last from him
        self.said = 0         # the number of what it said last
        self.asked = {}       # id -> (whom, the number) of what no 111 has come for


class Seen:
    """What has come since it was asked for last."""

    def __init__(self):
        self.deliveries = collections.Counter()  # (sender, number) -> how many have it
        self.answers = {}                        # (sender, number) -> result of a message to one user
        self.doubled = self.reordered = self.misdelivered = 0
        self.gaps = 0                            # batches that they were told to have missed


class People:
    """All of a process: users u000000 on, those of `node` of `nodes`."""

    def __init__(self, pipe, node, nodes, count, rooms, port):
        self.pipe, self.node, self.nodes, self.rooms, self.port = pipe, node, nodes, rooms, port
        self.first = node * count
        self.lines = [Line(self.first + i, f"u{self.first + i:06d}") for i in range(count)]
        self.epoll = select.epoll()
        self.by_fd = {}
        self.seen = Seen()
        self.heard_at = time.monotonic()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def room_of(self, number):
        return number % self.rooms

    # --- lines ----------------------------------------------------------------------------------

    def dial(self, line, port):
        line.sock = socket.socket()
        line.sock.setblocking(False)
        line.sock.bind((f"127.0.{10 + self.node}.{1 + line.number % SOURCES}", 0))
        line.sock.connect_ex(("127.0.0.1", port))
        line.data, line.is_open, line.is_in, line.code = b"", False, False, None
        line.last.clear()
        line.asked.clear()
        self.by_fd[line.sock.fileno()] = line
        self.epoll.register(line.sock, select.EPOLLIN | select.EPOLLOUT)

    def drop(self, line, code):
        if line.sock is None:
            return
        self.epoll.unregister(line.sock)
        del self.by_fd[line.sock.fileno()]
        line.sock.close()
        line.sock = None
        line.is_open = line.is_in = False
        line.code = code
        for whom, number in line.asked.values():
            self.seen.answers[line.number, number] = None  # he will never know
        line.asked.clear()

    def turn(self, timeout=0.05):
        for fd, events in self.epoll.poll(timeout):
            line = self.by_fd.get(fd)
            if line is None:
                continue
            if events & select.EPOLLOUT and not events & (select.EPOLLERR | select.EPOLLHUP):
                self.epoll.modify(fd, select.EPOLLIN)
                line.sock.send(head_of(line.user))
                continue
            self.read(line)

    def read(self, line):
        self.heard_at = time.monotonic()
        try:
            data = line.sock.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.drop(line, 0)
            return
        data = line.data + data
        if not line.is_open:
            head, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                line.data = data
                return
            if not head.startswith(b"HTTP/1.1 101 "):
                self.drop(line, int(head.split()[1]))
                return
            line.is_open, data = True, rest
        at = 0
        while (end := frame_end(data, at)) is not None:
            payload_at, at_next = end
            self.take(line, data[at] & 0x0F, data[payload_at:at_next])
            at = at_next
            if line.sock is None:
                return
        line.data = data[at:]

    def take(self, line, opcode, payload):
        if opcode == TEXT:
            self.hear(line, payload[: payload.index(SUFFIX)])
        elif opcode == BINARY:
            self.take_packet(line, struct.unpack_from("!H", payload)[0], payload[6:])
        elif opcode == CLOSE:
            self.drop(line, struct.unpack_from("!H", payload)[0] if payload else 0)

    def take_packet(self, line, command, payload):
        if command == MESSAGE:
            at = 9
            at += 1 + payload[at]
            at += 1 + payload[at]
            self.hear(line, payload[at:])
        elif command == ANSWER:
            number, result = struct.unpack_from("!IB", payload)
            if number == 0xFFFFFFFF:
                line.is_in = result == DONE
            elif asked := line.asked.pop(number, None):
                self.seen.answers[line.number, asked[1]] = result
        elif command == GAP:
            self.seen.gaps += struct.unpack_from("!I", payload)[0]

    def hear(self, line, text):
        """`SENDER NUMBER AUDIENCE`, the audience * for all, a number's room or one number."""
        sender, number, audience = text.split()
        sender, number = int(sender), int(number)
        last = line.last.get(sender, 0)
        if number > last:
            line.last[sender] = number
            if line.number < RACERS:  # who comes and goes is not counted on
                self.seen.deliveries[sender, number] += 1
        elif number == last:
            self.seen.doubled += 1
        else:
            self.seen.reordered += 1
        is_his = (audience == b"*" or audience[:1] == b"#" and int(audience[1:]) == self.room_of(line.number)
                  or audience[:1] == b"@" and int(audience[1:]) == line.number)
        if not is_his or sender == line.number:
            self.seen.misdelivered += 1

    # --- what the coordinator asks for ----------------------------------------------------------

    def login(self):
        """All who have no line. Returns how many came in, and what the others were told."""
        waiting = [line for line in self.lines if line.sock is None]
        told = self.dial_all([(line, self.port) for line in waiting])
        for line in waiting:
            if line.is_open:
                room = f"r{self.room_of(line.number)}"
                line.sock.send(packet_of(JOIN, struct.pack("!IB", 0xFFFFFFFF, 0) + string(room)))
        self.wait(lambda: all(line.is_in or not line.is_open for line in waiting))
        return sum(line.is_in for line in waiting), told

    def dial_all(self, dials):
        """(line, port) each; returns {code: how many} of those that were refused."""
        under_way = set()
        told = collections.Counter()
        dials = collections.deque(dials)
        deadline = time.monotonic() + WAIT_S + len(dials) / 200
        while (dials or under_way) and time.monotonic() < deadline:
            while dials and len(under_way) < OPENINGS:
                line, port = dials.popleft()
                self.dial(line, port)
                under_way.add(line)
            self.turn()
            over = {line for line in under_way if line.is_open or line.sock is None}
            told.update(line.code for line in over if not line.is_open and line.code not in (4001, 1013))
            under_way -= over
        told["late"] += len(dials) + len(under_way)
        return +told

    def wait(self, condition, seconds=WAIT_S):
        deadline = time.monotonic() + seconds
        while not condition() and time.monotonic() < deadline:
            self.turn()

    def talk(self, seed, to_all, to_rooms, to_users):
        """So many messages of each kind, by users of this process. Returns what was said: (sender, number, audience)."""
        chance = random.Random(seed)
        kinds = ["*"] * to_all + ["#"] * to_rooms + ["@"] * to_users
        chance.shuffle(kinds)
        speakers = [line for line in self.lines[:50] if line.is_in]
        said = []
        for number, kind in enumerate(kinds):
            if not speakers:
                break
            line = speakers[number % len(speakers)]
            if line.sock is None or len(line.asked) > 200:
                continue
            said.append(self.speak(line, kind, chance))
            if number % 20 == 0:
                self.turn(0)
        return said

    def speak(self, line, kind, chance):
        line.said += 1
        everybody = len(self.lines) * self.nodes
        if kind == "*":
            audience, whom = "*", ""
        elif kind == "#":
            audience, whom = f"#{self.room_of(line.number)}", f"#r{self.room_of(line.number)}"
        else:
            other = (line.number + 1 + chance.randrange(everybody - 1)) % everybody
            audience, whom = f"@{other}", f"@u{other:06d}"
        line.asked[line.said] = audience, line.said
        line.sock.send(say(line.said, whom, f"{line.number} {line.said} {audience}"))
        return line.number, line.said, audience

    def settle(self, quiet_s):
        """Until nothing has come for so long. Returns what was seen, and how many have a line."""
        self.wait(lambda: time.monotonic() - self.heard_at > quiet_s and not any(line.asked for line in self.lines[:50]),
                  seconds=WAIT_S + quiet_s)
        seen, self.seen = self.seen, Seen()
        return seen, sum(line.is_in for line in self.lines)

    def race(self, seed, prefix, users, logins, ports):
        """So many logins of users who are the same for all processes. Returns {how they ended: how many}, of those
        that are open: their users."""
        chance = random.Random(seed)
        lines = [Line(RACERS + i, f"{prefix}{chance.randrange(users):04d}") for i in range(logins)]
        refused = self.dial_all([(line, chance.choice(ports)) for line in lines])
        self.raced = [*getattr(self, "raced", []), *lines]
        return refused

    def raced_now(self):
        """What has become of the lines of races: {code: how many}, and the users of those that are open."""
        self.wait(lambda: time.monotonic() - self.heard_at > 1)
        ends = collections.Counter(line.code for line in self.raced if line.sock is None)
        return ends, [line.user for line in self.raced if line.is_open]

    def leave_races(self):
        for line in self.raced:
            self.drop(line, 0)
        self.raced = []

    def run(self):
        """Does what comes through the pipe, until that ends; meanwhile listens."""
        self.epoll.register(self.pipe.fileno(), select.EPOLLIN)
        try:
            while True:
                self.turn(0.2)
                while self.pipe.poll():
                    name, words = self.pipe.recv()
                    self.pipe.send(getattr(self, name)(*words))
        except EOFError:
            pass


def frame_end(data, at):
    """Where the payload of the frame at `at` begins and ends; None where it has not come whole."""
    if len(data) < at + 2:
        return None
    size, begin = data[at + 1], at + 2
    if size == 126:
        if len(data) < at + 4:
            return None
        size, begin = int.from_bytes(data[at + 2 : at + 4], "big"), at + 4
    elif size == 127:
        if len(data) < at + 10:
            return None
        size, begin = int.from_bytes(data[at + 2 : at + 10], "big"), at + 10
    return None if len(data) < begin + size else (begin, begin + size)


def serve(pipe, *words):
    People(pipe, *words).run()


class Crowd:
    """The users of all nodes: a process for each node."""

    def __init__(self, ports, count, rooms):
        self.pipes, self.processes = [], []
        context = multiprocessing.get_context("spawn")  # so that no process has the pipes of others open
        for node, port in enumerate(ports):
            pipe, theirs = context.Pipe()
            process = context.Process(target=serve, args=(theirs, node, len(ports), count, rooms, port), daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(pipe)
            self.processes.append(process)

    def ask(self, name, words_of=lambda node: (), nodes=None):
        """All of them at once, or those of some nodes; returns {node: answer}."""
        nodes = range(len(self.pipes)) if nodes is None else nodes
        for node in nodes:
            self.pipes[node].send((name, words_of(node)))
        return {node: self.pipes[node].recv() for node in nodes}

    def close(self):
        for pipe in self.pipes:
            pipe.close()
        for process in self.processes:
            process.join(10)
            if process.is_alive():
                process.terminate()

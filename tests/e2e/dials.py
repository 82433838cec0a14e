"""Many dials of one user at once, of which some are given up. Each of the others obeys what it is told: it stays away
when it is kicked, and comes back when it has lost a race. One thread, for thousands of them."""

import heapq
import itertools
import random
import resource
import select
import time

from raw import CLOSE, KEY, PACKET_PING, PACKET_PONG, Raw, packet, request
from waiting import TIMEOUT

DIALLING, IN, KICKED, LOST, GIVEN_UP = "dialling", "in", "kicked", "lost", "given up"

FILES = 8192  # descriptors that many dials may need


class Dial:
    def __init__(self, gateway, user):
        self.user = user
        self.begun = time.monotonic()
        self.raw = Raw(gateway.socket())
        self.address = "%s:%d" % self.raw.sock.getsockname()
        self.state = DIALLING
        self.in_since = None  # when its 101 came

    def ask(self):
        self.raw.send(request(f"/?user={self.user}"))
        self.raw.sock.setblocking(False)

    def give_up(self):
        self.state = GIVEN_UP
        self.raw.close_socket()

    def read(self):
        """Takes what has come. Returns the ms after which it is to come back; None when it is not."""
        data = self.raw.sock.recv(1 << 16)
        assert data, f"a line that is {self.state} ends without a Close"
        buffer = self.raw.buffer
        buffer += data
        if self.in_since is None:
            head, end, rest = bytes(buffer).partition(b"\r\n\r\n")
            if not end:
                return None
            assert head.startswith(b"HTTP/1.1 101 "), head
            self.in_since = time.monotonic()
            self.state = IN
            buffer[:] = rest
        if len(buffer) < 2 or len(buffer) < 2 + buffer[1]:
            return None
        closing = self.raw.frame()
        assert closing.opcode == CLOSE, closing
        self.raw.close_socket()
        if closing.close_code == 4001:
            self.state = KICKED
            return None
        self.state = LOST
        assert closing.close_code == 1013, closing
        return int(closing.close_reason.removeprefix("retry_ms="))

    def round_trip(self):
        self.raw.sock.settimeout(TIMEOUT)
        self.raw.packet(PACKET_PING, KEY.encode())
        self.raw.expect_binary(packet(PACKET_PONG, KEY.encode()))


class Races:
    """Races of several users at a time."""

    def __init__(self, gateway, users, seed):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert hard >= FILES, f"`ulimit -n` is {hard}, too few"
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
        self.gateway = gateway
        self.random = random.Random(seed)
        self.dials = {user: [] for user in users}
        self.open = {}  # by descriptor
        self.retries = []  # (when, number, user), a heap
        self._numbers = itertools.count()
        self._epoll = select.epoll()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._epoll.close()
        for dials in self.dials.values():
            for dial in dials:
                dial.raw.close_socket()

    def _dial(self, user):
        dial = Dial(self.gateway, user)
        self.dials[user].append(dial)
        return dial

    def _ask(self, dial):
        dial.ask()
        self.open[dial.raw.sock.fileno()] = dial
        self._epoll.register(dial.raw.sock, select.EPOLLIN)

    def _give_up(self, dial):
        del self.open[dial.raw.sock.fileno()]
        dial.give_up()

    def begin(self, count, given_up, in_order):
        """`count` dials of each user, `given_up` of them closed as soon as they have asked, but never the last one:
        it would be the newest. Who asks in order asks as soon as it is connected, else all of them when all are."""
        for user in self.dials:
            quitters = set(self.random.sample(range(count - 1), given_up))
            asked = []
            for number in range(count):
                dial = self._dial(user)
                asked.append((number, dial))
                if in_order:
                    self._ask(dial)
                    if number in quitters:
                        self._give_up(dial)
            if not in_order:
                self.random.shuffle(asked)
                for _, dial in asked:
                    self._ask(dial)
                for number, dial in asked:
                    if number in quitters:
                        self._give_up(dial)

    def _come_back(self):
        while self.retries and self.retries[0][0] <= time.monotonic():
            _, _, user = heapq.heappop(self.retries)
            self._ask(self._dial(user))

    def _read(self, fd):
        dial = self.open[fd]
        retry_ms = dial.read()
        if dial.state in (KICKED, LOST):
            del self.open[fd]
        if retry_ms is not None:
            assert retry_ms == 1000, "PROTOCOL section 4"
            when = time.monotonic() + retry_ms / 1000 + self.random.uniform(0, 0.1)
            heapq.heappush(self.retries, (when, next(self._numbers), dial.user))

    def _is_settled(self):
        """Nobody is on its way, and the kicks have arrived."""
        if self.retries or any(dial.state == DIALLING for dial in self.open.values()):
            return False
        return len({dial.user for dial in self.open.values()}) == len(self.open)

    def settle(self):
        deadline = time.monotonic() + 4 * TIMEOUT
        while not self._is_settled():
            assert time.monotonic() < deadline, "the races do not end"
            for fd, _ in self._epoll.poll(0.02):
                if fd in self.open:
                    self._read(fd)
            self._come_back()

    def judge(self, admin):
        for user, dials in self.dials.items():
            live = [dial for dial in dials if dial.state == IN]
            assert len(live) == 1, f"{user}: {[dial.state for dial in dials]}"
            [winner] = live
            winner.round_trip()
            newer = [d.state for d in dials if d.begun > winner.in_since and d.state != GIVEN_UP]
            assert not newer, f"{user}: one is in that is older than {newer}"
            assert admin.user(user)["address"] == winner.address

"""The loads that gateways and peers are compared by."""

SUFFIX = len(" -- FROM u000000")
PACKET = 2 + 4                             # in front of a packet's payload
AUDIENCE = 1 + len("#r000000")             # with its length
SAY = PACKET + 4 + 1 + AUDIENCE            # in front of a text in packet 110: id, flags, audience
MESSAGE = PACKET + 1 + 8 + 1 + len("u000000") + AUDIENCE  # in 112: flags, ms, from, audience
AES_128, AES_256 = "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"
IDLE_NAME = 16  # bytes of an idle user's name, where memory is promised for names of that size
IDLE_USERS = 18000  # what a hard limit of 20,000 open files has room for, on both sides


def frame_len(payload, masked=False):
    return (2 if payload < 126 else 4 if payload < 65536 else 10) + 4 * masked + payload


PLAIN_PEERS = ("lws",)   # of the peers, those that speak no TLS
TLS_PEERS = ("nginx",)   # and those that are for nothing else


class Row:
    """One load. `measures` maps a figure's name to (target, whether more is better)."""

    def __init__(self, name, title, bench, measures, *, gateway=(), floor=None, seconds=True, workers=1,
                 has_admin=False, beside=None, tokens=None, suite=None):
        self.name = name
        self.title = title
        self.bench = bench        # the generator's arguments
        self.measures = measures
        self.gateway = gateway    # the gateway's options beside --workers 1
        self.floor = floor or []  # the floor's options; the generator is then blind
        self.seconds = seconds    # whether --seconds applies
        self.has_admin = has_admin  # whether the gateway's admin port is open
        self.workers = workers    # of the gateway; several share both cores with the generator
        self.beside = beside or {}  # {name: the generator's arguments} of other loads, which the same gateway
                                    # is measured by instead of peers
        self.tokens = tokens      # what those of the users are signed with, hs256 or es256; but for the load "open"
        self.suite = suite        # of TLS, which all speak then; but for the load "plain"

    def is_memory(self):
        """Whether resident bytes are looked at, and nothing else."""
        return set(self.measures) == {"rss"}

    def is_spoken_by(self, peer):
        return peer not in (PLAIN_PEERS if self.suite else TLS_PEERS)


def echo_row(name, title, connections, depth, payload, target, kind, suite=None):
    request = ["--request-bytes", str(frame_len(payload, True)), "--answer-bytes", str(frame_len(payload))]
    bench = ["echo", "--closed", "-c", str(connections), "-d", str(depth), "-p", str(payload)]
    if kind != "binary":
        bench.append("--" + kind)
    return Row(name, title, bench, {"per_cpu_s": (target, True)}, floor=request,
               gateway=["--echo"] if kind == "binary" else [], suite=suite)


def fanout_row(name, title, receivers, senders, depth, target, collect=False):
    floor = ["--mode", "fanout", "--request-bytes", str(frame_len(32, True)),
             "--answer-bytes", str(frame_len(32 + SUFFIX))]
    bench = ["fanout", "--closed", "-c", str(receivers), "--senders", str(senders), "-d", str(depth)]
    return Row(name, title, bench, {"per_cpu_s": (target, True)}, floor=floor + (["--collect"] if collect else []))


def talk_sizes(payload):
    return ["--request-bytes", str(frame_len(SAY + payload, True)), "--answer-bytes", str(frame_len(MESSAGE + payload))]


def talk_floor(rooms, members):
    return ["--mode", "fanout", "--collect", "--rooms", str(rooms), "--members", str(members), *talk_sizes(32)]


def rooms_words(connections, rooms, members, senders, depth):
    return ["rooms", "--closed", "-c", str(connections), "--rooms", str(rooms), "--members", str(members),
            "--senders", str(senders), "-d", str(depth)]


def direct_words(connections, senders, depth):
    return ["direct", "--closed", "-c", str(connections), "--senders", str(senders), "-d", str(depth)]


def token_row(name, title, tokens, target):
    """Logins with tokens, by those of the same gateway without."""
    words = ["login", "-c", str(IDLE_USERS)]
    return Row(name, title, words, {"per_cpu_s": (target, True), "rate": (None, True)}, seconds=False, tokens=tokens,
               beside={"open": words})


def tls_fanout_row(row, name, title, target):
    """The same load over TLS, by that without."""
    return Row(name, title, row.bench, {"per_cpu_s": (target, True)}, suite=AES_128, beside={"plain": row.bench})


def idle_row(name, title, most, suite):
    words = ["login", "-c", str(IDLE_USERS), "--name-bytes", str(IDLE_NAME)]
    return Row(name, title, words, {"rss": (most, False)}, floor=["--mode", "login"], seconds=False, suite=suite)


def workers_row(row, name, title, target):
    """The same load on two workers, by that on one. What the floor loses on two threads, where it can, the machine takes."""
    return Row(name, f"2 workers, {title}", row.bench, {"per_cpu_s": (target, True), "rate": (None, True)},
               gateway=row.gateway, workers=2, floor=[] if "--mode" in row.floor else row.floor)


ROWS = [
    echo_row("echo-1000", "echo 1,000 x 1, 6 B packets", 1000, 1, 6, 0.97, "packet"),
    echo_row("ping-1000", "echo 1,000 x 1, 6 B pings", 1000, 1, 6, 0.97, "ping"),
    echo_row("echo-16", "echo 100 x 16, 6 B packets", 100, 16, 6, 0.97, "packet"),
    echo_row("echo-512", "echo 20 x 512, 6 B packets", 20, 512, 6, 0.60, "packet"),
    echo_row("echo-1k", "echo 100 x 1, 1 KiB, --echo", 100, 1, 1024, 0.97, "binary"),
    echo_row("echo-64k", "echo 100 x 1, 64 KiB, --echo", 100, 1, 65536, 0.90, "binary"),
    fanout_row("fanout-1000", "fanout to 1,000, one in flight", 1000, 1, 1, 0.97),
    fanout_row("fanout-5000", "fanout to 5,000, one in flight", 5000, 1, 1, 0.97),
    fanout_row("fanout-8x8", "fanout to 1,000, 8 x 8 in flight", 1000, 8, 8, 0.95, collect=True),
    Row("rooms", "1,000 rooms of 18, 8 x 8 in flight", rooms_words(IDLE_USERS, IDLE_USERS // 18, 18, 8, 8),
        {"per_cpu_s": (0.95, True)}, floor=talk_floor(IDLE_USERS // 18, 18)),
    Row("direct", "direct among 1,000, 500 x 1 in flight", direct_words(1000, 500, 1),
        {"per_cpu_s": (0.85, True)}, floor=talk_floor(500, 2)),
    # What one text to a room costs, by three that are direct: as many are under way in both.
    Row("rooms-4", f"a room of 4 among {IDLE_USERS:,}", rooms_words(IDLE_USERS, 1, 4, 1, 1),
        {"cost": (1.1, False), "per_cpu_s": (None, True)}, beside={"direct": direct_words(IDLE_USERS, 3, 1)}),
    Row("login", f"logins up to {IDLE_USERS:,}", ["login", "-c", str(IDLE_USERS)], {"per_cpu_s": (0.85, True), "rate": (None, True)},
        floor=["--mode", "login"], seconds=False),
    token_row("login-hs256", "logins with tokens of HS256", "hs256", 0.85),
    token_row("login-es256", "logins with tokens of ES256", "es256", None),
    Row("latency", "10,000 msg/s on 1,000, packets", ["echo", "--packet", "-c", "1000", "-r", "10000"],
        {"p99": (1.1, False), "p50": (None, False), "per_cpu_s": (None, True)},
        floor=["--request-bytes", "12", "--answer-bytes", "8"]),
    # Beyond a server that one client has called, to see that it is there.
    Row("memory", f"{IDLE_USERS:,} idle users", ["login", "-c", str(IDLE_USERS)], {"rss": (256, False)},
        floor=["--mode", "login"], seconds=False),
]
BY_NAME = {row.name: row for row in ROWS}
ROWS += [
    workers_row(BY_NAME["echo-1000"], "workers-1000", "echo 1,000 x 1", 0.95),
    workers_row(BY_NAME["echo-16"], "workers-16", "echo 100 x 16", 0.95),
    workers_row(BY_NAME["fanout-1000"], "workers-fanout", "fanout to 1,000", 0.95),
    workers_row(BY_NAME["fanout-8x8"], "workers-8x8", "fanout 8 x 8", 0.85),
    echo_row("tls-echo-6", "TLS, echo 1,000 x 1, 6 B packets", 1000, 1, 6, 1.0, "packet", AES_128),
    echo_row("tls-echo-1k", "TLS, echo 100 x 1, 1 KiB, --echo", 100, 1, 1024, 0.95, "binary", AES_128),
    echo_row("tls-echo-64k", "TLS, echo 100 x 1, 64 KiB, --echo", 100, 1, 65536, 0.90, "binary", AES_128),
    tls_fanout_row(BY_NAME["fanout-1000"], "tls-fanout-1000", "TLS, fanout to 1,000, one in flight", 0.8),
    tls_fanout_row(BY_NAME["fanout-5000"], "tls-fanout-5000", "TLS, fanout to 5,000, one in flight", 0.8),
    Row("tls-login", f"TLS, logins up to {IDLE_USERS:,}", ["login", "-c", str(IDLE_USERS)],
        {"per_cpu_s": (0.95, True)}, floor=["--mode", "login"], seconds=False, suite=AES_128),
    idle_row("tls-idle", f"TLS, {IDLE_USERS:,} idle users", 480, AES_128),
    idle_row("tls-idle-256", f"TLS, {IDLE_USERS:,} idle users, AES-256", 544, AES_256),
]

FIGURES = {
    "per_cpu_s": "per CPU s",
    "rate": "per s",
    "p99": "p99 us",
    "p50": "p50 us",
    "rss": "bytes each",
    "cost": "ns CPU",
}

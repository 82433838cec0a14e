"""Servers and the load generator as processes, pinned to a core each, or to both where the gateway needs several."""

import contextlib
import json
import math
import os
import pathlib
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time

import keys
import loads
import nginx_front
import programs
import tls_pair
from ports import free_port
from programs import BUILD, GENERATOR, ROOT, fail

START_S = 60  # until a server must answer
HANDSHAKES = 64  # under way at once: on a busy machine too nobody waits for 3 s, which is when the gateway sends him away
RUN_S = 600   # until a generator must have ended
OPENING = (b"GET /?user=probe HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           b"Sec-WebSocket-Key: dGlkZWdhdGUtYmVuY2ghIQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
# The others are peers, which may fail.
GATEWAYS = ("gateway", "one", "old", *(name for row in loads.ROWS for name in row.beside))


FLOORS = ("floor", "floor-1", "floor-2")  # the latter: on so many threads
PACKETS = (*GATEWAYS, *FLOORS, "nginx")  # who answers packets, or is asked by one who does


class PeerFailed(Exception):
    """A peer that lost something, or could not take the load."""


def show_progress(text):
    if sys.stderr.isatty():
        columns = shutil.get_terminal_size().columns
        print(f"\r\033[K{text[:columns - 1]}", end="", file=sys.stderr, flush=True)


# --- arguments ------------------------------------------------------------------------------------


def add_build(parser):
    """Where the programs are."""
    add = parser.add_argument
    add("--build", type=pathlib.Path, default=BUILD, help="folder of the build to measure (default: %(default)s)")
    add("--gateway", type=pathlib.Path, help="the gateway's binary (default: that of --build)")


def add_arguments(parser, *, rows, known, rounds, seconds):
    """What all comparisons are told."""
    add = parser.add_argument
    add_build(parser)
    add("--rows", default=",".join(rows), help=f"of {', '.join(known)} (default: %(default)s)")
    add("--rounds", type=int, default=rounds, help="of each row (default: %(default)s)")
    add("--seconds", type=float, default=seconds,
        help="of each measurement, two of which make a round (default: %(default)s)")
    add("--warmup", type=float, default=0.5, help="seconds before it (default: %(default)s)")
    add("--server-cpu", type=int, default=0, help="core of the servers (default: %(default)s)")
    add("--bench-cpu", type=int, default=1, help="core of the generator (default: %(default)s)")
    add("--json", help="write every round to this file")


def parse_arguments(parser, known):
    """Checks what add_arguments has added; `rows` becomes a list."""
    args = parser.parse_args()
    args.rows = args.rows.split(",")
    if set(args.rows) - set(known):
        parser.error(f"rows are {', '.join(known)}")
    if args.rounds < 1 or args.seconds <= 0:
        parser.error("--rounds and --seconds must be above 0")
    if max(args.server_cpu, args.bench_cpu) >= os.cpu_count():
        parser.error(f"this machine has {os.cpu_count()} cores: see --server-cpu and --bench-cpu")
    return args


# --- servers --------------------------------------------------------------------------------------


class Servers:
    """How each server is started: command(row, port). `old` is another build's gateway. `admin_port` is that of
    the gateway that runs, where its row asks for one."""

    admin_port = None

    def __init__(self, args):
        self.args = args
        self.build = args.build
        self.known = {"gateway": self.gateway, "floor": self.floor, "lws": self.lws, "ws": self.ws}
        self.known |= {name: self.floor_on(threads) for threads, name in enumerate(FLOORS[1:], 1)}
        self.known["one"] = lambda row, port: self.gateway(row, port, workers=1)
        self.known |= {name: self.gateway for row in loads.ROWS for name in row.beside}
        self.known |= {"open": self.open, "plain": self.plain, "nginx": self.nginx}
        if getattr(args, "against", None):
            self.known["old"] = self.old

    def gateway(self, row, port, workers=None):
        return [*self.open(row, port, workers), *keys.verifying(self.args, row.tokens)]

    def open(self, row, port, workers=None):
        """The same, whoever asks for tokens."""
        return [programs.find_gateway(self.args), *self.options(row, port, workers or row.workers)]

    def old(self, row, port):
        return [programs.find_other(self.args.against, programs.GATEWAY), *self.options(row, port, row.workers),
                *keys.verifying(self.args, row.tokens)]

    def options(self, row, port, workers):
        admin = ["--admin", f"127.0.0.1:{self.admin_port}"] if row.has_admin else []
        return [*listening(port, row.suite), *self.usual(row, workers), *admin]

    def usual(self, row, workers):
        """Wherever it listens."""
        return ["--workers", str(workers), "--log-level", "warn", "--drain", "0", *row.gateway]

    def plain(self, row, port):
        """The same without TLS."""
        return self.plain_at(row, f"127.0.0.1:{port}")

    def plain_at(self, row, listen):
        return [programs.find_gateway(self.args), "--listen", listen, *self.usual(row, row.workers)]

    def nginx(self, row, port):
        """In front of a gateway that is another process."""
        return nginx_front.command(port, resource.getrlimit(resource.RLIMIT_NOFILE)[1])

    def floor(self, row, port):
        return [programs.find(self.build, "bench/tidegate-floor"), "--listen", f"127.0.0.1:{port}", *row.floor,
                *(tls_pair.showing() if row.suite else [])]

    def floor_on(self, threads):
        return lambda row, port: [*self.floor(row, port), "--threads", str(threads)]

    def lws(self, row, port):
        return [programs.find(self.build, "bench/lws_peer"), str(port)]

    def ws(self, row, port):
        return ["node", ROOT / "bench/peers/ws/server.js", str(port), *(map(str, tls_pair.make()) if row.suite else [])]

    def prepare(self, name):
        if name not in self.known:
            fail(f'"{name}" is no peer: {", ".join(self.known)}')
        directory = ROOT / "bench/peers/ws"
        if name == "ws" and not (directory / "node_modules").is_dir():
            show_progress("npm ci, for the peer ws")
            done = subprocess.run(["npm", "ci", "--prefix", directory, "--ignore-scripts", "--no-audit", "--no-fund"],
                                  capture_output=True, text=True)
            if done.returncode:
                fail(f"npm ci failed for the peer ws:\n{done.stderr}")
        [program, *_] = self.known[name](loads.ROWS[0], 0)  # which ends where a build has not got it
        if not shutil.which(program):
            fail(f"{program} is missing: tools/setup --tests installs it")
        programs.find(self.build, GENERATOR)
        if name == "gateway":
            programs.gateway_to_measure(self.args)

    @contextlib.contextmanager
    def running(self, name, row):
        """Yields the process's id, or a list of several as the generator takes it, and the URL."""
        port, self.admin_port = free_port(), free_port()
        is_secure = bool(row.suite) and name != "plain"
        with contextlib.ExitStack() as stack:
            others = []
            if name == "nginx":
                others.append(stack.enter_context(self.started(self.plain_at(row, nginx_front.gateway_listens_at()), row))[0])
            process, log = stack.enter_context(self.started(self.known[name](row, port), row))
            if row.has_admin and name in GATEWAYS:
                wait_until_ready(process, self.admin_port, log)
            else:
                wait_until_answering(process, port, log, is_secure)
            yield ",".join(str(each.pid) for each in (process, *others)), f"{'wss' if is_secure else 'ws'}://127.0.0.1:{port}/"
            self.end(process)

    @contextlib.contextmanager
    def started(self, command, row):
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(self.placed([str(word) for word in command], row), stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log)
            try:
                yield process, log
            finally:
                process.kill()
                process.wait()

    def placed(self, command, row):
        """The whole command: on its core."""
        return [*pinned(*cpus_of(row, self.args, self.args.server_cpu)), *command]

    def end(self, process):
        """Before it is killed, when all went well."""


def listening(port, is_secure):
    """Where a gateway is to listen, with the pair that it shows there."""
    where = f"127.0.0.1:{port}"
    return ["--listen", f"wss://{where}", *tls_pair.showing()] if is_secure else ["--listen", where]


def pinned(*cpus):
    return [] if None in cpus else ["taskset", "-c", ",".join(map(str, cpus))]


def cpus_of(row, args, own):
    """Several workers and the generator share all there is, and so does what they are compared with."""
    return [own] if row.workers == 1 else sorted({args.server_cpu, args.bench_cpu})


def wait_until_answering(process, port, log, is_secure=False):
    """Until a client is taken; whatever it is told, for peers speak differently."""
    # Asked for an answer: the gateway's own probe of the port listens for a moment, and resets. A proxy may be
    # there before what is behind it.
    tls = tls_pair.context() if is_secure else None
    wait_for_answer(process, port, log, OPENING, b"HTTP/1.1 101 " if is_secure else b"", tls=tls)


def wait_until_ready(process, admin_port, log):
    """The same, without any client: workers have touched nothing yet."""
    wait_for_answer(process, admin_port, log, b"GET /readyz HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 ", b"HTTP/1.1 200 ")


def wait_until_started(process, log):
    """The same, where there is no admin port, by what a gateway of ours logs."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        if b" started: " in os.pread(log.fileno(), 1 << 16, 0):  # where it writes is its own
            return
        time.sleep(0.02)
    tell_why(process, log)


def wait_for_answer(process, port, log, request, *answers, tls=None):
    """Until what listens on the port begins its answer with one of `answers`."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as plain, \
                tls.wrap_socket(plain, server_hostname="127.0.0.1") if tls else plain as probe:
            probe.sendall(request)
            if probe.recv(64).startswith(answers):
                return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    tell_why(process, log)


def tell_why(process, log):
    log.seek(0)
    fail(f"{' '.join(map(str, process.args))} did not start: {log.read().decode(errors='replace').strip()}")


# --- the generator --------------------------------------------------------------------------------


def trusting(row, url, words):
    """What the generator is told of TLS, where the server speaks it."""
    if not url.startswith("wss:"):
        return []
    herd = [] if "--openings" in words else ["--openings", str(HANDSHAKES)]
    return [*tls_pair.trusting(row.suite), *herd]


class Bench:
    def __init__(self, args):
        self.args = args

    def command(self, row, words, url, pid, blind, result):
        return [*pinned(*cpus_of(row, self.args, self.args.bench_cpu)), str(self.args.build / GENERATOR), *words,
                *(["--blind"] if blind else []), *trusting(row, url, words), "--server-pid", str(pid), "--json", result, url]

    def run(self, row, name, words, url, pid):
        """Runs the generator once and returns its result."""
        blind = name in FLOORS and words[0] in ("echo", "fanout", "rooms", "direct")
        with tempfile.NamedTemporaryFile(suffix=".json") as result:
            command = self.command(row, words, url, pid, blind, result.name)
            done = subprocess.run(command, capture_output=True, text=True, timeout=RUN_S)
            if done.returncode:
                story = f"{row.title}, {name}: the run failed\n{' '.join(command)}\n{done.stdout}{done.stderr}"
                if name in GATEWAYS:
                    fail(story)
                raise PeerFailed(story)
            return json.load(result)

    def measure(self, row, name, servers):
        """Returns {figure: value}, from a server of its own."""
        with servers.running(name, row) as (pid, url):
            if row.is_memory():
                return self.measure_memory(row, name, pid, url)
            # An echo server sends a binary message of the same size back.
            words = [word for word in row.beside.get(name, row.bench) if word != "--packet" or name in PACKETS]
            words += keys.signing(self.args, row.tokens if name != "open" else None)
            if row.seconds:
                words += ["-t", str(self.args.seconds), "--warmup", str(self.args.warmup)]
            result = self.run(row, name, words, url, pid)
            return {
                "per_cpu_s": result["server"]["per_cpu_s"],
                "cost": 1e9 / result["server"]["per_cpu_s"] if result["server"]["per_cpu_s"] else math.inf,
                "rate": result["rate"],
                "p99": result["latency_ns"]["p99"] / 1000,
                "p50": result["latency_ns"]["p50"] / 1000,
                "generator_cpu": max(result["generator"]["cpu"]),
            }

    def measure_memory(self, row, name, pid, url):
        """Resident bytes beyond those of a server that one client has called, by connections."""
        time.sleep(self.args.settle)
        words = [*row.bench, "-t", str(self.args.settle)]
        return {"rss": self.run(row, name, words, url, pid)["server"]["rss_per_connection"]}

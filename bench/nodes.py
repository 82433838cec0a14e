"""A server of NATS, and gateways that are one over it, as processes on this machine."""

import contextlib
import http.client
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from programs import fail
from running import START_S, free_port, pinned, wait_until_ready

READY_S = 60  # until all nodes must know of each other


class Nats:
    """A server on a port of its own, which stays the same from start to start."""

    def __init__(self, cpu=None):
        self.program = shutil.which("nats-server", path=f"{os.environ['PATH']}:/usr/sbin")
        if not self.program:
            fail("nats-server is missing: tools/setup --tests installs it")
        self.cpu = cpu
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        command = [*pinned(self.cpu), self.program, "--addr", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_S
        while not self._greets():
            if self.process.poll() is not None or time.monotonic() > deadline:
                fail(f"{' '.join(command)} did not start")
            time.sleep(0.02)

    def _greets(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as probe:
            return probe.recv(4) == b"INFO"
        return False

    def stop(self):
        """In good order."""
        self.process.terminate()
        self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)


class Key:
    """The file of a key for --cluster-key, while it is entered."""

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="tidegate-bench-")
        path = pathlib.Path(self._folder.name) / "key"
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32) + "\n", encoding="ascii")
        return path

    def __exit__(self, *_):
        self._folder.cleanup()


def cluster_words(url, key, name):
    """A gateway's options by which it becomes a node."""
    return ["--cluster", url, "--cluster-key", str(key), "--id", name]


class Node:
    """A gateway, ready, and without `nats_url` alone; its ports stay the same from start to start."""

    def __init__(self, name, gateway, nats_url, key, *options, cpu=None, nice=0):
        self.name = name
        self.port, self.admin_port = free_port(), free_port()
        self.url = f"ws://127.0.0.1:{self.port}/"
        self.command = [
            *pinned(cpu), *(["nice", "-n", str(nice)] if nice else []), str(gateway), "--listen", f"127.0.0.1:{self.port}",
            "--admin", f"127.0.0.1:{self.admin_port}", "--admin-rate", "0", "--log-level", "warn", "--drain", "0",
            *(cluster_words(nats_url, key, name) if nats_url else []), *options]  # fmt: skip
        self.process = self.log = None
        self.start()

    def start(self):
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_until_ready(self.process, self.admin_port, self.log)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """In good order; a fault of its own ends the bench."""
        self.process.terminate()
        if self.process.wait() != 0:
            self.log.seek(0)
            fail(f"{self.name} ended with exit code {self.process.returncode}: {self.log.read().decode(errors='replace')}")

    # --- what it says of itself -----------------------------------------------------------------

    def ask(self, target):
        """The answer as JSON, of text as it is."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=60)
        try:
            connection.request("GET", target)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                fail(f"{self.name}: GET {target} answered {answer.status}: {body.decode(errors='replace')}")
            return json.loads(body) if answer.getheader("Content-Type").startswith("application/json") else body.decode()
        finally:
            connection.close()

    def rows(self):
        return {row["id"]: row for row in self.ask("/v1/nodes")["nodes"]}

    def metrics(self):
        return {name: float(value) for name, value in
                (line.rsplit(" ", 1) for line in self.ask("/metrics").splitlines() if not line.startswith("#"))}

    def total(self, name):
        """The sum over all labels."""
        return sum(value for key, value in self.metrics().items() if key.partition("{")[0] == name)

    def sessions(self, prefix):
        """Of this node alone: {(user, device): epoch} of those whose names begin so."""
        found, cursor = {}, ""
        while cursor is not None:
            page = self.ask(f"/v1/users?limit=1000&prefix={prefix}" + (f"&cursor={cursor}" if cursor else ""))
            found |= {(row["user"], row["device"]): int(row["epoch"]) for row in page["users"]}
            cursor = page["cursor"]
        return found

    def worker_cpu_s(self):
        """CPU time of its workers, by the scheduler's clock."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text(encoding="ascii").split()[0]) for task in tasks
                   if (task / "comm").read_text(encoding="ascii").startswith("worker")) / 1e9

    def rss(self):
        rollup = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Rss:")) * 1024


def wait_until(condition, what, seconds=READY_S):
    """Returns how long it took."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > seconds:
            fail(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - begin


def are_whole(nodes):
    """Whether each is up for all others."""
    names = {node.name for node in nodes}
    return all({name for name, row in node.rows().items() if row["state"] == "up"} >= names - {node.name} for node in nodes)


def are_equal(nodes):
    """Whether each knows of all others' sessions and rooms what these have."""
    rows = [node.rows() for node in nodes]
    return all(len({its.get(node.name, {}).get("digest") for its in rows}) == 1 for node in nodes)

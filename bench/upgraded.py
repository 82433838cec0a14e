"""A gateway that is upgraded as it runs: its binary stands at a path of its own, where another one takes its place, and
its process is another one after each hand-over."""

import contextlib
import dataclasses
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

import tls_pair
from programs import fail
from running import free_port, wait_until_ready

HANDOVER_S = 60  # until one must have ended, however it ends
END_S = 20       # until the process must have, when it was told to


@dataclasses.dataclass
class Handover:
    """One that was asked for. Times are monotonic."""

    asked: float
    done: float
    lines: int
    frozen_s: float  # for how long nobody was answered
    refused: str     # why it was not to be; empty: it went well


def gateways():
    """Children of ours: takers too, whoever has started them."""
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has gone meanwhile
            name, _, rest = (process / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")
            state, parent = rest.split()[:2]
            if int(parent) == os.getpid() and state != "Z" and name.endswith("(tidegate"):
                found.append(int(process.name))
    return found


class Upgraded:
    """Between enter and exit it listens at `plain` and `secure`. `binaries` take turns, the first one first."""

    def __init__(self, binaries, *options):
        self.binaries, self.options = binaries, options
        self.port, self.secure_port, self.admin_port = free_port(), free_port(), free_port()
        self.plain, self.secure = f"ws://127.0.0.1:{self.port}/", f"wss://127.0.0.1:{self.secure_port}/"
        self.count = 0

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="tidegate-bench-")
        self.path = pathlib.Path(self._folder.name) / "tidegate"
        self.install()
        self.log = tempfile.TemporaryFile()  # noqa: SIM115
        command = [
            str(self.path), "--listen", f"127.0.0.1:{self.port}", "--listen", f"wss://127.0.0.1:{self.secure_port}",
            *tls_pair.showing(), "--admin", f"127.0.0.1:{self.admin_port}", "--admin-rate", "0", "--drain", "0",
            "--log-level", "warn", *self.options]  # fmt: skip
        # Out of the reach of Ctrl-C, which ends the measurement and not what is measured.
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        try:
            wait_until_ready(self._process, self.admin_port, self.log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        deadline = time.monotonic() + END_S
        while gateways() and time.monotonic() < deadline:
            for pid in gateways():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            time.sleep(0.1)
        for pid in gateways():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        self.log.close()
        self._folder.cleanup()

    def install(self):
        """As a package does: the path has another file, the process that runs keeps its own."""
        fresh = self.path.with_suffix(".new")
        shutil.copy2(self.binaries[self.count % len(self.binaries)], fresh)
        fresh.rename(self.path)

    def said(self):
        """The end of its log."""
        self.log.seek(0)
        return self.log.read().decode(errors="replace")[-2000:]

    # --- what it says of itself -----------------------------------------------------------------

    def ask(self, method, target):
        """(status, JSON). Asked again where the process that was asked has gone meanwhile, or says that it is to go."""
        deadline = time.monotonic() + HANDOVER_S
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=HANDOVER_S)
            try:
                connection.request(method, target, headers={"Content-Length": "0"} if method == "POST" else {})
                answer = connection.getresponse()
                if method == "POST" or answer.status != 503 or time.monotonic() > deadline:
                    return answer.status, json.loads(answer.read())
            except (OSError, http.client.HTTPException) as error:
                if method == "POST" or time.monotonic() > deadline:
                    fail(f"the admin port does not answer {target}: {error}\n{self.said()}")
            finally:
                connection.close()
            time.sleep(0.05)

    def state(self):
        status, answer = self.ask("GET", "/v1/status")
        if status != 200:
            fail(f"the admin port does not tell its state: {answer}\n{self.said()}")
        return answer["handover"]

    def hand_over(self):
        """Asks for one and waits for its end."""
        self.count += 1
        self.install()
        before, asked = self.state(), time.monotonic()
        status, answer = self.ask("POST", "/v1/upgrade")
        if status != 202:
            return Handover(asked, time.monotonic(), 0, 0, answer.get("detail", f"status {status}"))
        while (state := self.state())["attempts"] <= before["attempts"]:
            if time.monotonic() > asked + HANDOVER_S:
                fail(f"a hand-over has not ended within {HANDOVER_S} s: {state}\n{self.said()}")
            time.sleep(0.02)
        is_done = state["count"] > before["count"]
        return Handover(asked, time.monotonic(), state["lines"] if is_done else 0, state["seconds"] if is_done else 0,
                        "" if is_done else state["refused"] or "it does not say why")

"""A gateway that hands its lines over to another process, and the test that follows them there."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import time

from gateway import BINARY, state_of
from waiting import TIMEOUT, wait_until

STOP = "TIDEGATE_TEST_HANDOVER_STOP"  # in a build with unit tests: the step at which the process stops itself
DEADLINE = "TIDEGATE_TEST_HANDOVER_MS"  # likewise: what the giver grants from its standstill on

GIVEN = r"handed over: (\d+) lines? in ([\d.]+) s to process (\d+)"
TAKEN = r"taken over: (\d+) lines?"
REFUSED = r"WARN.*not handed over: (.*)"
NO_TIME = r"(after|within) [\d.]+ m?s\b|too slow"  # why, where the machine is as busy as that: who asks again gets it

# In this order, each before what it is called by has an effect on the other side.
GIVER_STEPS = ["hello", "listeners", "ready", "parked", "lines", "end", "have-all", "go", "released"]
TAKER_STEPS = ["hello", "listeners", "ready", "node", "lines", "end", "have-all", "go"]


def parent_of(process):
    """Of a folder of /proc."""
    return int((process / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1])


def arguments_of(process):
    """Of a folder of /proc; none where it is a zombie."""
    return (process / "cmdline").read_bytes().split(b"\0")[1:-1]


def takers_of(gateway):
    """The ids of those that are there: children of ours, as it is, with its arguments."""
    arguments, found = [], []
    with contextlib.suppress(OSError):
        arguments = arguments_of(pathlib.Path(f"/proc/{gateway.pid}"))
    if not arguments:  # it has ended by now
        arguments = [os.fsencode(word) for word in gateway.popen.args[1:]]
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has gone meanwhile
            # A script's arguments begin with its path.
            is_alike = parent_of(process) == os.getpid() and arguments_of(process)[-len(arguments) :] == arguments
            if is_alike and int(process.name) != gateway.pid:
                found.append(int(process.name))
    return found


class Taker:
    """A child of ours that another one has started: in the place of a Popen."""

    def __init__(self, pid, giver):
        self.pid, self.args, self.returncode = pid, giver.args, None

    def poll(self):
        if self.returncode is None:
            with contextlib.suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout=TIMEOUT):
        try:
            wait_until(lambda: self.poll() is not None, timeout=timeout)
        except AssertionError:
            raise subprocess.TimeoutExpired([str(self.pid)], timeout) from None
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


# --- one that goes well ---------------------------------------------------------------------------


def ask_for(gateway):
    gateway.signal(signal.SIGUSR2)


def follow(gateway, giver, count):
    """Waits until the taker serves, which is the gateway from then on, and until the giver has ended cleanly.
    `count` hand-overs were logged by then. Returns how many lines it was, and in how many seconds."""
    given = gateway.wait_for_line(GIVEN, count)
    gateway.wait_for_line(TAKEN, count)
    gateway.popen = Taker(int(given[3]), giver)
    assert giver.wait(TIMEOUT) == 0, "\n".join(gateway.lines[-40:])
    return int(given[1]), float(given[2])


def hand_over(gateway, *admins):
    """SIGUSR2, and all that `follow` waits for. The admins ask the taker from then on."""
    giver, count = gateway.popen, len(gateway.matching(GIVEN)) + 1
    ask_for(gateway)
    said = follow(gateway, giver, count)
    assert gateway.pid != giver.pid
    for admin in admins:
        admin.connection.close()  # it is opened again when it is used
    return said


def while_it_hands_over(gateway, deed, *admins):
    """As `hand_over`, and calls deed() until the taker serves. A refusal is the end of it, or deed() would be called for
    ever; but for want of time it is asked for again, as an operator would."""
    giver, count, refused = gateway.popen, len(gateway.matching(TAKEN)) + 1, len(gateway.matching(REFUSED))
    deadline = time.monotonic() + 2 * TIMEOUT
    ask_for(gateway)
    while len(gateway.matching(TAKEN)) < count:
        deed()
        why = gateway.matching(REFUSED)[refused:]
        assert time.monotonic() < deadline, why or "neither taken nor refused"
        if why:
            assert re.search(NO_TIME, why[-1]), why
            refused += len(why)
            ask_for(gateway)
    said = follow(gateway, giver, count)
    for admin in admins:
        admin.connection.close()
    return said


# --- one that does not ----------------------------------------------------------------------------


def refusal(gateway, count=1):
    """Asks for a hand-over that must not come. Returns what the operator reads."""
    before = gateway.popen
    ask_for(gateway)
    return awaited_refusal(gateway, before, count)


def while_it_comes_to_nothing(gateway, deed):
    """Asks for a hand-over that must not come, the first one, and calls deed() until it is refused."""
    deadline = time.monotonic() + 2 * TIMEOUT
    ask_for(gateway)
    while not gateway.matching(REFUSED):
        deed()
        assert time.monotonic() < deadline and not gateway.matching(TAKEN)
    awaited_refusal(gateway, gateway.popen, 1)


def awaited_refusal(gateway, giver, count=1):
    said = gateway.wait_for_line(REFUSED, count)[1]
    assert gateway.popen is giver and gateway.is_running
    wait_until(lambda: not takers_of(gateway), "the taker has gone")
    return said


# --- binaries and steps ---------------------------------------------------------------------------


class Installed:
    """A binary at a path of its own, as a package puts it there; another one takes its place in one step."""

    def __init__(self, folder):
        self.path = folder / "tidegate"
        self.put(BINARY.read_bytes())

    def put(self, data):
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.chmod(0o755)
        fresh.rename(self.path)

    def script(self, text):
        """What is no gateway at all."""
        self.put(f"#!/usr/bin/python3\n{text}".encode())

    def of_version(self, version):
        """The same binary, by another version of the same length."""
        data = BINARY.read_bytes()
        own = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
        assert len(own) == len(version) and own.encode() in data
        self.put(data.replace(own.encode(), version.encode()))

    def remove(self):
        self.path.unlink()


def stopping_at(step, deadline_ms=None):
    """The environment in which a process stops at that step."""
    more = {DEADLINE: str(deadline_ms)} if deadline_ms else {}
    return {**os.environ, STOP: step, **more}


def has_hooks():
    """Whether the binary was built with unit tests."""
    return STOP.encode() in BINARY.read_bytes()


def is_stopped(pid):
    with contextlib.suppress(OSError):
        return state_of(pathlib.Path(f"/proc/{pid}")) in "Tt"
    return False


def is_dead(pid):
    """Be it a zombie, all of whose threads have gone, and with them what it had open."""
    process = pathlib.Path(f"/proc/{pid}")
    with contextlib.suppress(OSError):
        return state_of(process) in "ZX" and len(list((process / "task").iterdir())) == 1
    return True


def wait_until_stopped(pid):
    wait_until(lambda: is_stopped(pid), "the step is reached")


def taker_of(gateway):
    """Its id; it may not be there yet."""
    return wait_until(lambda: takers_of(gateway), "the taker is there")[0]

"""What the package's scripts do of a gateway that runs: ask it to hand over where it can, and say what else there is to
do. Against a systemctl that the test plays, in mounts of its own."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEBIAN = ROOT / "tools/debian"
TIMEOUT = 60

# /run is the test's, and so is the folder with the unit, which need not be there.
ENTER = """
set -e
mount -t tmpfs tmpfs /run
if [ "$HAS_SYSTEMD" = yes ]; then mkdir -p /run/systemd/system; fi
mount --bind "$UNITS" /lib/systemd/system
if [ -e "$BEFORE" ]; then cp "$BEFORE" /run/tidegate.service.before; fi
sh "$@"
ls -A /run
"""

# What runs: it stands for a gateway, which knows SIGUSR2 by a signalfd, by a handler, or not at all.
GATEWAY = """
import signal, sys, time
if sys.argv[1] == "blocked":
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
    print("ready", flush=True)
    while signal.SIGUSR2 not in signal.sigpending():  # sigwait would have it unblocked meanwhile
        time.sleep(0.01)
elif sys.argv[1] == "caught":
    signal.signal(signal.SIGUSR2, lambda *_: sys.exit(0))
    print("ready", flush=True)
    time.sleep(60)
else:
    print("ready", flush=True)
    time.sleep(60)
"""


def may_mount():
    probe = subprocess.run(["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True, check=False)
    return probe.returncode == 0


pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not may_mount(), reason="mounts are not permitted here")


class Machine:
    """Where the scripts run: commands of the system are stubs, which say so where they were called."""

    def __init__(self, folder):
        self.folder = folder
        self.bin, self.units = folder / "bin", folder / "units"
        self.bin.mkdir()
        self.units.mkdir()
        (self.units / "tidegate.service").write_text("[Unit]\n", encoding="ascii")
        for name in ("adduser", "chown", "chmod", "dpkg-statoverride"):
            self.stub(name, "exit 0")
        self.stub("sleep", "exit 0")
        self.stub("systemctl", "echo 0")
        self.has_systemd, self.before = "yes", folder / "none"
        self.process = None

    def stub(self, name, text):
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="ascii")
        path.chmod(0o755)

    def run_gateway(self, kind, is_replaced=True):
        """Of a binary of its own, in whose place is another one by now."""
        binary = self.folder / "python"
        binary.write_bytes(pathlib.Path(os.path.realpath(sys.executable)).read_bytes())
        binary.chmod(0o755)
        environment = {**os.environ, "PYTHONHOME": sys.base_prefix}
        self.process = subprocess.Popen([binary, "-S", "-c", GATEWAY, kind], stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout.readline() == "ready\n"
        if is_replaced:
            binary.unlink()
        # Which names another process once this one has ended, as a giver does.
        self.stub("systemctl", f"if kill -0 {self.process.pid} 2>/dev/null && grep -q '^State:.[^Z]' /proc/{self.process.pid}/status; "
                               f"then echo {self.process.pid}; else echo 1; fi")
        return self.process

    def run(self, script, *words):
        """Returns what it says, and what is left in /run."""
        environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", "UNITS": str(self.units), "HAS_SYSTEMD": self.has_systemd,
                       "BEFORE": str(self.before), "LC_ALL": "C"}
        # With a policy of the test's and not of this machine, as there may be one in a container.
        if not (self.bin / "policy-rc.d").exists():
            self.stub("policy-rc.d", "exit 0")
        done = subprocess.run(["unshare", "--mount", "sh", "-c", ENTER, "sh", DEBIAN / script, *words], capture_output=True,
                              text=True, timeout=TIMEOUT, check=False, env=environment)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.splitlines()
        return [line for line in lines if line.startswith("tidegate: ")], [line for line in lines if not line.startswith("tidegate: ")]


@pytest.fixture
def machine(tmp_path):
    made = Machine(tmp_path)
    yield made
    if made.process:
        made.process.kill()
        made.process.wait()


@pytest.mark.parametrize("kind", ["blocked", "caught"])
def test_one_that_can_is_asked(machine, kind):
    process = machine.run_gateway(kind)
    [said], _ = machine.run("tidegate.postinst", "configure", "0.7.0")
    assert "the new gateway serves" in said
    assert process.wait(TIMEOUT) == 0


def test_one_that_would_be_ended_is_not(machine):
    process = machine.run_gateway("unknown")
    [said], _ = machine.run("tidegate.postinst", "configure", "0.6.0")
    assert "systemctl restart tidegate" in said
    assert process.poll() is None
    # It is what the script is careful of.
    process.send_signal(signal.SIGUSR2)
    assert process.wait(TIMEOUT) == -signal.SIGUSR2


def test_one_that_goes_on(machine):
    """It refuses: the operator is told where to read why."""
    process = machine.run_gateway("blocked")
    machine.stub("systemctl", f"echo {process.pid}")
    [said], _ = machine.run("tidegate.postinst", "configure", "0.7.0")
    assert "has not handed over" in said and "journalctl -u tidegate" in said


@pytest.mark.parametrize("why", ["its binary is what is installed", "nothing runs", "no systemd", "a policy", "another step"])
def test_nobody_is_asked(machine, why):
    process = machine.run_gateway("blocked", is_replaced=why != "its binary is what is installed")
    step = "configure"
    if why == "nothing runs":
        machine.stub("systemctl", "echo 0")
    elif why == "no systemd":
        machine.has_systemd = "no"
    elif why == "another step":
        step = "abort-upgrade"
    elif why == "a policy":
        machine.stub("policy-rc.d", "exit 101")
    assert machine.run("tidegate.postinst", step, "0.7.0")[0] == []
    assert process.poll() is None


@pytest.mark.parametrize("is_changed", [True, False])
def test_a_unit_file_that_changed_is_told(machine, is_changed):
    machine.before = machine.folder / "before"
    machine.before.write_text("[Unit]\nX=1\n" if is_changed else "[Unit]\n", encoding="ascii")
    said, left = machine.run("tidegate.postinst", "configure", "0.7.0")
    assert [line for line in said if "unit file has changed" in line] == said and len(said) == is_changed
    assert "tidegate.service.before" not in left


@pytest.mark.parametrize(("step", "is_kept"), [("upgrade", True), ("install", False)])
def test_the_unit_file_of_before_is_kept_for_an_upgrade(machine, step, is_kept):
    _, left = machine.run("tidegate.preinst", step, "0.6.0")
    assert ("tidegate.service.before" in left) == is_kept

"""A clean root in which systemd is process 1, on this machine's network: processes, mounts and control groups are its own."""

import contextlib
import os
import pathlib
import subprocess

import clean_root
from waiting import wait_until

BOOT_S = 60

# What systemd mounts by itself is not here. The settings of the kernel are this machine's: it may read them.
PREPARE = """
set -e
root=$1
shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -o bind,ro "$root/proc/sys" "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
ln -s pts/ptmx "$root/dev/ptmx"
exec chroot "$root" "$@"
"""
# The same on an empty folder, which only the probe sees.
PROBE = """
set -e
mount -t tmpfs tmpfs /mnt
for name in proc sysfs cgroup2; do
    mkdir "/mnt/$name"
    mount -t "$name" "$name" "/mnt/$name"
done
"""
ALONE = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--ipc", "--cgroup"]


def control_group():
    """The folder of a new one, below this process's own."""
    mounts = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    [place] = [fields[4] for fields in map(str.split, mounts) if fields[fields.index("-") + 1] == "cgroup2"][:1]
    groups = pathlib.Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines()
    [own] = [line.removeprefix("0::/") for line in groups if line.startswith("0::/")]
    return pathlib.Path(place) / own / f"tidegate-test-{os.getpid()}"


def remove(group):
    """With those in it, when their last process has gone."""
    for folder in sorted(group.glob("**/"), reverse=True):
        folder.rmdir()


def is_gone(group):
    with contextlib.suppress(OSError):  # they take a moment more than their processes
        remove(group)
    return not group.exists()


class Booted(clean_root.Root):
    """Between enter and exit systemd runs, and commands are run beside it."""

    def __init__(self, root):
        self.path = root.path
        self.group = control_group()

    def __enter__(self):
        self.group.mkdir()
        self._popen = subprocess.Popen(
            [*ALONE, "sh", "-c", PREPARE, "sh", self.path, "/lib/systemd/systemd"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "container": "tidegate-test"},
            preexec_fn=lambda: (self.group / "cgroup.procs").write_text("0", encoding="ascii"),
        )  # fmt: skip
        try:
            wait_until(self._is_up, "systemd has started everything", BOOT_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._popen.kill()
        self._popen.communicate()
        wait_until(lambda: is_gone(self.group), "its control groups are gone")

    def _init(self):
        """The id, outside, of process 1."""
        own = self._popen.pid
        return pathlib.Path(f"/proc/{own}/task/{own}/children").read_text(encoding="ascii").strip()

    def _is_up(self):
        assert self._popen.poll() is None, self._popen.stderr.read().decode()
        init = self._init()
        if not init or pathlib.Path(f"/proc/{init}/comm").read_text(encoding="ascii") != "systemd\n":
            return False
        said = self.run("systemctl", "is-system-running", "--wait", check=False).stdout
        return said in ("running\n", "degraded\n")

    def command(self, *arguments):
        words = (str(word) for word in arguments)
        return ["nsenter", "--target", self._init(), "--all", "--root", "--wd", *words]


def why_not():
    """Why there can be none on this machine; None where there can."""
    reason = clean_root.why_not()
    if reason:
        return reason
    try:
        group = control_group()
        group.mkdir()
        group.rmdir()
    except (OSError, ValueError) as error:
        return f"no control group can be made here: {error}"
    probe = subprocess.run([*ALONE, "sh", "-c", PROBE], capture_output=True, text=True, timeout=BOOT_S, check=False)
    return None if probe.returncode == 0 else f"no system can be booted here: {probe.stderr.strip()}"

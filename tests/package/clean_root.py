"""A Debian with nothing on it but apt, in a folder; made once, then unpacked afresh."""

import os
import pathlib
import re
import subprocess

APT = pathlib.Path("/etc/apt")
CERTIFICATES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
MINUTES = 60

# Mounts for this command only, gone with it; the process stays the one that was started.
ENTER = """
set -e
root=$1
shift
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
exec chroot "$root" "$@"
"""


def why_not():
    """Why there can be none on this machine; None where there can."""
    if os.geteuid() != 0:
        return "a clean root takes root"
    probe = "mount --rbind /proc /proc && exec chroot / true"
    result = subprocess.run(
        ["unshare", "--mount", "sh", "-c", probe], capture_output=True, text=True, timeout=MINUTES, check=False
    )
    return None if result.returncode == 0 else f"mounts are not permitted here: {result.stderr.strip()}"


def apt_settings():
    """The files of this machine's apt that say how to reach an archive. Hooks stay behind, for they may call what
    a clean root does not have; so does what else to fetch, for a package may bring that file itself."""
    for path in [*APT.glob("apt.conf.d/*"), APT / "apt.conf"]:
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if re.search(r"(?m)^\s*Acquire", text) and "IndexTargets" not in text:
            yield path


def sources():
    found = [path for pattern in ("*.sources", "*.list") for path in APT.glob(f"sources.list.d/{pattern}")]
    found.append(APT / "sources.list")
    return [str(path) for path in found if path.is_file() and path.stat().st_size > 0]


def suite():
    text = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    return re.search(r'(?m)^VERSION_CODENAME="?(\w+)', text)[1]


def copies():
    """mmdebstrap's options that bring over what apt needs to go on inside."""
    paths = [*apt_settings(), *APT.glob("keyrings/*"), *APT.glob("trusted.gpg.d/*")]
    paths += pathlib.Path("/usr/share/keyrings").glob("*")
    paths += [CERTIFICATES] if CERTIFICATES.exists() else []
    for path in paths:
        yield f"--setup-hook=install -D -m 644 '{path}' \"$1{path}\""


def make(tar):
    """Writes the archive, from where this machine gets its packages."""
    bootstrap(tar, *copies(), suite(), sources=sources())


def make_with_systemd(tar):
    bootstrap(tar, *copies(), "--include=systemd-sysv,dbus", suite(), sources=sources())


def make_release(tar, name):
    """Writes the archive of another release than this machine's, from the same mirror. It trusts whom this one does,
    as is needed to get more than packages."""
    trust = ["--include=ca-certificates", f"--customize-hook=cp '{CERTIFICATES}' \"$1{CERTIFICATES}\""]
    hosts = "--customize-hook=cp /etc/hosts \"$1/etc/hosts\""
    bootstrap(tar, *copies(), *(trust if CERTIFICATES.exists() else []), hosts, name, sources=mirror())


def mirror():
    """Where this machine gets Debian from, if it says so in a way that is understood."""
    for path in sources():
        text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
        found = re.search(r"(?m)^(?:URIs:|deb )[^#\n]*?(https?://\S+/debian)/?(?:\s|$)", text)
        if found:
            return [found[1]]
    return []


def bootstrap(tar, *words, sources):
    tar.parent.mkdir(parents=True, exist_ok=True)
    part = tar.with_name(f"part-{tar.name}")
    command = ["mmdebstrap", "--mode=root", "--variant=apt", *words, part, *sources]
    result = subprocess.run(command, capture_output=True, text=True, timeout=10 * MINUTES, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    part.rename(tar)


class Root:
    def __init__(self, tar, path):
        self.path = path
        subprocess.run(["tar", "-xpf", tar, "-C", path], check=True, timeout=2 * MINUTES)

    def command(self, *arguments):
        """The words that run a command inside."""
        return ["unshare", "--mount", "sh", "-c", ENTER, "sh", str(self.path), *(str(word) for word in arguments)]

    def environment(self):
        return {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}

    def run(self, *arguments, check=True, timeout=5 * MINUTES):
        result = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=self.environment(),
        )
        if check:
            assert result.returncode == 0, " ".join(map(str, arguments)) + "\n" + result.stdout + result.stderr
        return result

    def apt_get(self, *arguments):
        keep = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
        return self.run("apt-get", "-y", "-q", "--no-install-recommends", *keep, *arguments).stdout

    def __truediv__(self, path):
        return self.path / str(path).lstrip("/")

    def files(self):
        """All paths inside but devices and the like."""
        found = self.run("find", "/", "-xdev", "-not", "-type", "d").stdout.splitlines()
        return {path for path in found if not path.startswith(("/proc/", "/dev/", "/sys/"))}

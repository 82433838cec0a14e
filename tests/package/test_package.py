"""The Debian package: the same bytes wherever it is built; installs, runs, upgrades and goes cleanly."""

import hashlib
import pathlib
import re
import signal
import subprocess
import urllib.request

import pytest

import clean_root
from building import BUILD_TIME, CONFIG, build, field, install, next_version
from cloning import clone_as_it_stands
from gateway import ROOT, Gateway, free_port
from waiting import TIMEOUT

pytestmark = pytest.mark.timeout(900)  # a build and a bare Debian, on a slow machine with a slow network

# What apt, dpkg, adduser and ldconfig write for themselves.
OF_OTHERS = re.compile(
    r"/run/adduser$|/var/(cache|log|lib/(apt|dpkg))/|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-$"
)

UNIT = "/lib/systemd/system/tidegate.service"
ENABLED = "/etc/systemd/system/multi-user.target.wants/tidegate.service"


# --- the file -----------------------------------------------------------------------------------


def test_the_same_bytes_from_another_place(packages, tmp_path):
    """Built in a clone with another path, from the same tracked files."""
    clone = tmp_path / "elsewhere/a clone"
    clone_as_it_stands(clone)
    again = build(clone, tmp_path / "packages")
    assert {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in again.items()} == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in packages.items()
    }


def test_lintian_finds_nothing(packages):
    result = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", *packages.values()],
        capture_output=True,
        text=True,
        timeout=BUILD_TIME,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_version_is_the_project_s(package):
    """The changelog's newest entry gives the package's version, meson.build what `tidegate --version` tells."""
    stated = re.search(r"version: '([\d.]+)'", (ROOT / "meson.build").read_text(encoding="utf-8"))[1]
    assert field(package, "Version") == stated


def test_another_version_is_taken(tmp_path):
    """And what is none is refused before anything is built."""
    result = subprocess.run(
        [ROOT / "tools/package", "--version", "not a version"],
        capture_output=True,
        text=True,
        timeout=BUILD_TIME,
        check=False,
    )
    assert result.returncode == 1
    assert "not a version" in result.stderr


# --- in a clean root ----------------------------------------------------------------------------


@pytest.fixture
def root(unpacked):
    return unpacked("base", clean_root.make)


def installed_version(root):
    return root.run("dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Version}", "tidegate", check=False).stdout


def service_command(root):
    """What systemd would run, as whom."""
    unit = (root / UNIT).read_text(encoding="ascii")
    user = re.search(r"(?m)^User=(.*)$", unit)[1]
    command = re.search(r"(?m)^ExecStart=(.*)$", unit)[1].replace("$TIDEGATE_OPTIONS", "").split()
    return root.command("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--no-new-privs", *command)


def run_service(root, port):
    return Gateway(listen=[f"127.0.0.1:{port}"], say_where=False, command=service_command(root))


def check_the_account(root):
    line = root.run("getent", "passwd", "tidegate").stdout.strip()
    _, _, number, _, _, home, shell = line.split(":")
    assert int(number) < 1000
    assert (home, shell) == ("/nonexistent", "/usr/sbin/nologin")
    return int(number)


def group_of(root, name):
    return int(root.run("getent", "group", name).stdout.split(":")[2])


def test_a_life_in_a_clean_root(root, packages, tmp_path):
    """Installed, run, upgraded, removed, purged."""
    root.apt_get("update")
    before = root.files()
    package = packages["tidegate"]

    # Installed: enabled as policy says, though nothing runs without systemd.
    install(root, package, packages["tidegate-chat"], packages["libtidegate-client0"])
    assert installed_version(root) == "ii  " + field(package, "Version")
    assert (root / ENABLED).is_symlink()
    assert not (root / "etc/systemd/system/sockets.target.wants").exists()
    number = check_the_account(root)
    certificates = (root / "etc/tidegate/tls").stat()
    assert (certificates.st_mode & 0o7777, certificates.st_uid, certificates.st_gid) == (0o750, 0, group_of(root, "tidegate"))
    assert "LimitNOFILE" in (root / UNIT).read_text(encoding="ascii")
    for path in (
        "doc/tidegate/README.md.gz",
        "doc/tidegate/changelog.gz",
        "doc/tidegate/copyright",
        "doc/tidegate/examples/Containerfile",
        "doc/tidegate/examples/alerts.yml",
        "doc/tidegate/examples/backend/backend.mjs",
        "doc/tidegate/examples/certbot-hook",
        "doc/tidegate/examples/grafana.json",
        "doc/tidegate/examples/haproxy.cfg",
        "doc/tidegate/examples/kubernetes/tidegate.yaml",
        "doc/tidegate/examples/nats/nats.conf",
        "doc/tidegate/examples/nginx.conf",
        "doc/tidegate/examples/prometheus.yml",
        "doc/tidegate/examples/sysctl.conf",
        "man/man1/tidegate.1.gz",
    ):
        assert (root / "usr/share" / path).is_file(), path
    # Compressed or not, as their size may be.
    config_pages = ("server/config/LOGGING", "server/config/README")
    for page in ("proto/PROTOCOL", "server/admin/README", *config_pages, "tools/deploy/README"):
        assert list((root / "usr/share/doc/tidegate").glob(f"{page}.md*")), page

    # Run by hand as its account, with the config as edited.
    config = root / CONFIG
    port = free_port()
    edited = config.read_text(encoding="utf-8").replace("#listen = :8000", f"listen = 127.0.0.1:{port}")
    assert f"127.0.0.1:{port}" in edited
    admin_port = free_port()
    edited = edited.replace("#admin = none", f"admin = 127.0.0.1:{admin_port}")
    config.write_text(edited, encoding="utf-8")
    gateway = run_service(root, port)
    try:
        assert pathlib.Path(f"/proc/{gateway.pid}").stat().st_uid == number
        alice, bob = gateway.login("alice"), gateway.login("bob")
        alice.text("hello")
        bob.expect_text("hello -- FROM alice")

        # The console is built in.
        with urllib.request.urlopen(f"http://127.0.0.1:{admin_port}/", timeout=TIMEOUT) as answer:
            assert answer.headers["Content-Type"].startswith("text/html")

        # The chat command of the other package: what it reads is said, then it goes.
        root.run(
            *("sh", "-c", 'echo "$1" | tidegate-chat --address="$2" --user=carol', "sh"),
            *("from the command", f"ws://127.0.0.1:{port}"),
        )
        alice.expect_text("from the command -- FROM carol")
        bob.expect_text("from the command -- FROM carol")
        assert "libtidegate-client.so.0" in root.run("/sbin/ldconfig", "-p").stdout

        # Upgraded under its feet: the edited config stays, and so does who is connected.
        upgraded, version = next_version(package, tmp_path)
        install(root, upgraded)
        assert installed_version(root) == f"ii  {version}"
        assert config.read_text(encoding="utf-8") == edited
        assert "# New in this version." in (root / f"{CONFIG}.dpkg-dist").read_text(encoding="utf-8")
        alice.text("still there")
        bob.expect_text("still there -- FROM alice")
        gateway.signal(signal.SIGHUP)
        gateway.wait_for_line("reloaded: 0 options changed")
        gateway.stop()
        gateway = run_service(root, port)
        gateway.login("alice").round_trip()
        gateway.stop()

        # And back, as the runbook of tools/deploy has it.
        install(root, package, options=["--allow-downgrades"])
        assert installed_version(root) == "ii  " + field(package, "Version")
        assert config.read_text(encoding="utf-8") == edited
        gateway = run_service(root, port)
        gateway.login("alice").round_trip()
        gateway.stop()
    finally:
        if gateway.is_running:
            gateway.kill()

    # Removed: the config stays.
    root.apt_get("remove", "tidegate")
    assert installed_version(root).startswith("rc")
    assert config.read_text(encoding="utf-8") == edited
    for path in ("usr/bin/tidegate", UNIT, "lib/systemd/system/tidegate.socket", "usr/share/doc/tidegate"):
        assert not (root / path).exists(), path

    # Purged: nothing is left but the account.
    root.apt_get("purge", "tidegate", "tidegate-chat", "libtidegate-client0")
    root.apt_get("autoremove", "--purge")
    left = root.files() - before
    assert {path for path in left if "tidegate" in path} == set()
    assert {path for path in left if not OF_OTHERS.match(path)} == set()
    assert not (root / "etc/tidegate").exists()
    assert installed_version(root) == ""
    check_the_account(root)


def test_an_untouched_config_is_renewed(root, package, tmp_path):
    """Nobody is asked, and no copies are left about."""
    root.apt_get("update")
    install(root, package)
    upgraded, _ = next_version(package, tmp_path)
    install(root, upgraded)
    assert "# New in this version." in (root / CONFIG).read_text(encoding="utf-8")
    assert {path.name for path in (root / "etc/tidegate").iterdir()} == {"tidegate.conf", "tls"}

"""What `meson install` puts in place, and whether systemd takes it."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from gateway import BINARY, ROOT
from waiting import TIMEOUT

pytestmark = pytest.mark.release

BUILD = BINARY.parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The root of an installation."""
    root = tmp_path_factory.mktemp("installed")
    subprocess.run(
        ["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root],
        check=True,
        timeout=TIMEOUT,
    )
    return root / "usr/local"


def test_the_binary(installed):
    result = subprocess.run(
        [installed / "bin/tidegate", "--version"], capture_output=True, text=True, timeout=TIMEOUT, check=True
    )
    assert re.search(r"\d+\.\d+\.\d+", result.stdout)


def test_the_man_page(installed):
    [page] = (installed / "share/man/man1").glob("tidegate.1*")
    text = subprocess.run(
        ["mandoc", "-T", "utf8", page], capture_output=True, text=True, timeout=TIMEOUT, check=True
    ).stdout
    text = re.sub(".\b", "", text)
    options = subprocess.run(
        [BINARY, "--help"], capture_output=True, text=True, timeout=TIMEOUT, check=True
    ).stdout
    for option in re.findall(r"--[a-z][a-z-]+", options):
        assert option in text, f"{option} is missing in the man page"
    synopsis = text.split("SYNOPSIS", 1)[1].split("DESCRIPTION", 1)[0]
    for instead in ("--test", "--upgrade", "config", "token"):  # of serving
        assert f"tidegate {instead}" in synopsis, instead


def test_the_units(installed, tmp_path):
    """As systemd-analyze sees them, the binary standing where they say."""
    units = installed / "lib/systemd/system"
    service = (units / "tidegate.service").read_text(encoding="ascii")
    assert "ExecStart=/usr/local/bin/tidegate " in service
    for line in (
        "Type=notify",
        "LimitNOFILE=1048576",
        "NoNewPrivileges=yes",
    ):
        assert line in service.splitlines()
    assert re.findall(r"(?m)^ExecReload=(.*)", service) == [
        re.search(r"(?m)^ExecStart=(.*)", service)[1].replace("tidegate ", "tidegate --test ", 1),
        "/bin/sh -c 'kill -HUP $MAINPID'",
    ]
    (tmp_path / "tidegate.service").write_text(
        service.replace("/usr/local/bin/tidegate", str(BINARY)), encoding="ascii"
    )
    shutil.copy(units / "tidegate.socket", tmp_path)
    result = subprocess.run(
        [
            "systemd-analyze",
            "verify",
            "--man=no",
            tmp_path / "tidegate.service",
            tmp_path / "tidegate.socket",
        ],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )
    assert (result.returncode, result.stderr) == (0, "")


def help_text():
    """What --help says, without the old names, which stand behind those of now."""
    said = subprocess.run([BINARY, "--help"], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    return re.sub(r"(--[a-z-]+=\w+), --[a-z-]+=\w+", r"\1", said.stdout)


def test_the_sample_config_is_right(installed, start, tmp_path):
    """Every line of it that is commented out is accepted as it stands, and is the default."""
    sample = (installed / "share/doc/tidegate/tidegate.conf").read_text(encoding="utf-8")
    settings = re.findall(r"^#(\w+ = .*)$", sample, re.MULTILINE)
    path = tmp_path / "tidegate.conf"
    path.write_text("\n".join(line for line in settings if not line.startswith("listen")), encoding="utf-8")
    gateway = start("--config", path)
    gateway.login("alice").round_trip()
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("(?i)reload|re-read")
    assert not gateway.matching(" WARN | ERROR ")
    options = help_text()
    for name in set(re.findall(r"--([a-z][a-z-]+)", options)) - {"help", "usage", "version", "config", "test", "changed", "upgrade"}:
        assert any(
            line.startswith(name.replace("-", "_") + " =") for line in settings
        ), f"{name} is missing in the sample"


def plain(size):
    """64K as 65536."""
    return str(int(size[:-1]) << {"K": 10, "M": 20, "G": 30}[size[-1]]) if size[-1] in "KMG" else size


def test_the_sample_config_shows_the_defaults(installed):
    """Those of the build at hand, as its help says them."""
    sample = (installed / "share/doc/tidegate/tidegate.conf").read_text(encoding="utf-8")
    options = help_text()
    options = re.sub(r"\s+", " ", options)
    shown = dict(re.findall(r"^#(\w+) = (.*)$", sample, re.MULTILINE))
    stated = {
        name.replace("-", "_"): default
        for name, default in re.findall(r"--([a-z][a-z-]+)=(?:(?! --)[^()])*\(default ([^ )]+)\)", options)
    }
    assert len(stated) > 10
    assert {name: plain(shown[name]) for name in stated} == {name: plain(stated[name]) for name in stated}


def test_an_edited_config_survives_a_new_installation(installed):
    config = installed / "etc/tidegate/tidegate.conf"
    before = config.read_text(encoding="utf-8")
    assert before == (installed / "share/doc/tidegate/tidegate.conf").read_text(encoding="utf-8")
    config.write_text("id = mine\n", encoding="utf-8")
    subprocess.run(
        ["meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", installed.parents[1]],
        check=True,
        timeout=TIMEOUT,
    )
    assert config.read_text(encoding="utf-8") == "id = mine\n"


def test_nothing_else_is_installed(installed):
    files = {str(path.relative_to(installed)) for path in installed.rglob("*") if not path.is_dir()}
    libraries = re.compile(r"lib(64|/[^/]+)?/(?=libtidegate-client|pkgconfig)")  # as this machine names its own
    version = re.search(r"version: '([\d.]+)'", (ROOT / "meson.build").read_text(encoding="utf-8"))[1]
    assert {libraries.sub("lib/", name.removesuffix(".gz")) for name in files} == {
        "bin/tidegate",
        "bin/tidegate-chat",
        "etc/tidegate/tidegate.conf",
        "include/tidegate-client.h",
        "lib/libtidegate-client.a",
        "lib/libtidegate-client.so",
        f"lib/libtidegate-client.so.{version.partition('.')[0]}",
        f"lib/libtidegate-client.so.{version}",
        "lib/pkgconfig/tidegate-client.pc",
        "lib/systemd/system/tidegate.service",
        "lib/systemd/system/tidegate.socket",
        "share/doc/tidegate/tidegate.conf",
        "share/man/man1/tidegate-chat.1",
        "share/man/man1/tidegate.1",
    }

"""What the gateway says of a machine that falls short of max_connections."""

import pathlib
import re
import signal

from gateway import limit_files

SHORTFALL = r" WARN  for (\d+) connections: "
FILES = SHORTFALL + r"the limit of open files is (\d+), (\d+) wanted: ulimit -n (\d+) in the shell"


def test_silent_when_all_is_well(start):
    gateway = start("--max-connections", 100)
    gateway.login("alice").round_trip()
    assert not gateway.matching(SHORTFALL)


def test_silent_when_nobody_asked(start):
    """Without max_connections it takes what the files allow: nothing falls short of that."""
    gateway = start(preexec_fn=limit_files(100))
    assert not gateway.matching(" WARN ")


def test_the_repair_of_the_file_limit_repairs_it(start):
    """One line, with a number; with that number it is silent and has the room."""
    gateway = start("--max-connections", 1000, preexec_fn=limit_files(500))
    [line] = gateway.matching(SHORTFALL + "the limit of open files")
    asked, has, wanted, command = (int(number) for number in re.search(FILES, line).groups())
    assert (asked, has) == (1000, 500)
    assert wanted == command > 1000
    room = int(gateway.wait_for_line(r"file limit 500: room for (\d+) connections")[1])
    assert 0 < room < 500
    gateway.stop()
    for files, is_enough in ((wanted, True), (wanted - 1, False)):
        again = start("--max-connections", 1000, preexec_fn=limit_files(files))
        assert bool(again.matching("the limit of open files")) is not is_enough
        if is_enough:
            again.wait_for_line(rf"file limit {files}: room for 1000 connections")
        again.stop()


def test_sysctls_that_fall_short(start):
    """Held against what this machine says; ten million is more than any default provides for."""
    gateway = start("--max-connections", 10_000_000)
    lines = gateway.matching(SHORTFALL)
    for name, wanted in {
        "net.core.somaxconn": 65535,
        "net.ipv4.tcp_max_syn_backlog": 65535,
        "net.netfilter.nf_conntrack_max": 10_000_000,
    }.items():
        path = pathlib.Path("/proc/sys", name.replace(".", "/"))
        is_short = path.exists() and int(path.read_text(encoding="ascii")) < wanted
        told = [line for line in lines if f"{name} is " in line]
        assert len(told) == is_short, (name, lines)
        for line in told:
            assert line.endswith(f"{wanted} wanted: sysctl -w {name}={wanted}")
    assert len(lines) == len(set(lines)) >= 1


def test_a_reload_that_wants_more(start, tmp_path):
    path = tmp_path / "tidegate.conf"
    path.write_text("max_connections = 100\n", encoding="ascii")
    gateway = start("--config", path, preexec_fn=limit_files(500))
    assert not gateway.matching("the limit of open files")
    path.write_text("max_connections = 1000\n", encoding="ascii")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("reloaded: 1 option changed")
    gateway.expect_lines(FILES, 1)
    path.write_text("max_connections = 200\n", encoding="ascii")
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_line("reloaded: 1 option changed", count=2)
    gateway.expect_lines(FILES, 1)

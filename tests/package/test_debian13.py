"""A new user's fresh machine: README's two commands, typed in a bare Debian 13."""

import re
import signal
import urllib.request

import pytest

import clean_root
import readme
from cloning import clone_as_it_stands
from waiting import TIMEOUT

TREE = "/root/tidegate"
CHECK_S = 2400
FAULTS_S = 600
# What NATS and its library do there when the network, a server or a clock fails is slow: not of `tools/check`.
FAULTS = (
    "TIDEGATE=build/asan/server/tidegate TIDEGATE_SANITIZER=asan "
    "LSAN_OPTIONS=suppressions=$PWD/tools/lsan.supp:print_suppressions=0 "
    "/usr/bin/python3 -m pytest -q -n 8 tests/e2e/test_cluster_faults.py tests/e2e/test_cluster_clocks.py"
)

pytestmark = pytest.mark.timeout(60 + readme.INSTALL_AND_BUILD_S + CHECK_S + FAULTS_S)


def check_that_it_serves(command, environment):
    gateway = readme.run_start(command, env=environment)
    try:
        with readme.login("alice") as alice, readme.login("bob") as bob:
            alice.text("hello")
            bob.expect_text("hello -- FROM alice")
        with urllib.request.urlopen(f"http://127.0.0.1:{readme.PORTS[1]}/", timeout=TIMEOUT) as answer:
            assert answer.headers["Content-Type"].startswith("text/html")
        gateway.signal(signal.SIGINT)
        assert gateway.wait() == 0
    finally:
        gateway.kill()


def test_both_commands(unpacked):
    if (port := readme.taken_port()) is not None:
        pytest.skip(f"port {port} is taken")
    root = unpacked("trixie", lambda tar: clean_root.make_release(tar, "trixie"))
    clone_as_it_stands(root / TREE)
    start, check = (["sh", "-c", f"cd {TREE} && exec {command}"] for command in readme.two_commands())
    check_that_it_serves(root.command(*start), root.environment())
    done = root.run(*check, check=False, timeout=CHECK_S)
    # What failed stands last: of a long log only the end is shown.
    failures = "\n".join(line for line in done.stdout.splitlines() if " failed: " in line)
    assert done.returncode == 0, f"{done.stdout[-20000:]}{done.stderr}\n{failures}"
    assert re.fullmatch(r"\d+ passed, 0 failed", done.stdout.splitlines()[-1])
    faults = root.run("sh", "-c", f"cd {TREE} && {FAULTS}", check=False, timeout=FAULTS_S)
    assert faults.returncode == 0, faults.stdout[-20000:]
    assert " skipped" not in faults.stdout.splitlines()[-1]
    # What the tests run themselves does not start with the machine.
    assert (root / "usr/bin/promtool").exists()
    wanted = {path.name for path in (root / "etc/systemd/system/multi-user.target.wants").iterdir()}
    assert not wanted & {"nginx.service", "haproxy.service", "prometheus.service"}, wanted

"""README's first command: builds, says what to try, serves, and ends by Ctrl-C."""

import signal
import subprocess

import pytest

from gateway import ROOT, Gateway
from waiting import TIMEOUT

pytestmark = pytest.mark.release


@pytest.mark.timeout(600)
def test_start(tmp_path):
    build = subprocess.run(
        [ROOT / "tools/start", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert "building" in build.stdout
    gateway = Gateway("--log-level", "debug", "--echo", "--admin=none", command=[ROOT / "tools/start"], cwd=tmp_path)
    try:
        text = "\n".join(gateway.lines)
        for hint in (f'new WebSocket("ws://{gateway.listen[0]}/?user=alice")', "tidegate-chat -a"):
            assert hint in text, text
        gateway.login("alice").is_alive()
        gateway.close_clients()
        gateway.signal(signal.SIGINT)
        gateway.assert_ends(0, TIMEOUT)
    finally:
        gateway.kill()

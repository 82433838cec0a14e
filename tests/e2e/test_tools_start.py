"""README's first command: builds, serves, says what to try, which works as printed; and ends by Ctrl-C."""

import re
import signal
import subprocess

import pytest

from browser import Browser
from gateway import ROOT, Gateway
from typed import check_that_they_talk, two_tabs
from waiting import TIMEOUT

pytestmark = pytest.mark.release

START = ROOT / "tools/start"


@pytest.fixture(scope="module")
def browser():
    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture(scope="module", autouse=True)
def built(tmp_path_factory):
    """Once, in whatever folder it is called from."""
    command = [START, "--version"]
    folder = tmp_path_factory.mktemp("elsewhere")
    build = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=True)
    assert "building" in build.stdout
    assert re.search(r"^tidegate \d+\.\d+\.\d+$", build.stdout, re.MULTILINE)


@pytest.mark.timeout(900)
def test_what_it_says_works_as_printed(tmp_path, browser):
    gateway = Gateway("--log-level", "debug", "--admin=none", command=[START], cwd=tmp_path)
    try:
        chat = gateway.wait_for_line(r"^    (\S*tidegate-chat -a ws:\S+ -u carol)$")[1]
        text = "\n".join(gateway.lines)
        url = re.search(r"^    (http://\S+)$", text, re.MULTILINE)[1]
        assert url == f"http://{gateway.listen[0]}/"
        typed = [re.search(pattern, text, re.MULTILINE)[1] for pattern in
                 (r"^    (alice = .*)$", r"^    (bob = .*)$", r"(alice\.send\(\S*\))")]  # fmt: skip
        with two_tabs(browser, url) as pages:
            check_that_they_talk(pages, *typed)
        with gateway.login("dave") as dave:
            subprocess.run(chat, shell=True, input="good evening\n", text=True, timeout=TIMEOUT, check=True)
            dave.expect_text("good evening -- FROM carol")
        gateway.close_clients()
        gateway.signal(signal.SIGINT)
        gateway.assert_ends(0, TIMEOUT)
    finally:
        gateway.kill()


def test_help_has_the_gateway_s_options():
    said = subprocess.run([START, "--help"], capture_output=True, text=True, timeout=TIMEOUT, check=True).stdout
    assert "tools/start [OPTION...]" in said
    assert "--read-deadline" in said

"""Waiting for conditions. Nothing here sleeps in place of a condition."""

import contextlib
import os
import select
import time

# Sanitizers slow the gateway down; two busy cores slow everything down.
FACTOR = {"": 1, "asan": 3, "tsan": 6}[os.environ.get("TIDEGATE_SANITIZER", "")]
TIMEOUT = 20 * FACTOR  # seconds until a condition that does not come is a failure


class Timeout(AssertionError):
    pass


def wait_until(condition, what="condition", timeout=TIMEOUT):
    """Polls until `condition()` is true and returns what it returned."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise Timeout(f"{what}: not within {timeout} s")
        time.sleep(0.01)


def wait_until_equal(read, expected, timeout=TIMEOUT):
    """Polls until `read()` returns what is expected; fails by showing the difference."""
    with contextlib.suppress(Timeout):
        wait_until(lambda: read() == expected, timeout=timeout)
        return
    assert read() == expected


def wait_until_readable(*files, timeout=TIMEOUT):
    """Until there is something to be read from one of them. Unlike `select` it takes descriptors beyond 1,023."""
    poll = select.poll()
    for file in files:
        poll.register(file, select.POLLIN)
    if not poll.poll(timeout * 1000):
        raise Timeout(f"nothing to be read within {timeout} s")

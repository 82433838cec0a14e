"""Waiting for conditions. Nothing here sleeps in place of a condition."""

import contextlib
import os
import select
import threading
import time

# Sanitizers slow the gateway down; two busy cores slow everything down.
FACTOR = {"": 1, "asan": 3, "tsan": 6}[os.environ.get("TIDEGATE_SANITIZER", "")]
TIMEOUT = 20 * FACTOR  # seconds until a condition that does not come is a failure


class Timeout(AssertionError):
    pass


class Awake(threading.Thread):
    """Counts the seconds in which this machine let us run. One that stands still, as a virtual one does while it is
    moved, gives the gateway no chance to answer either: that time is nobody's fault."""

    TICK = 0.1  # seconds
    MOST = 5 * TICK  # that a tick may take before it is known that all stood still

    def __init__(self):
        super().__init__(daemon=True)
        self._at_tick = time.monotonic(), 0.0  # the clock's time of the last one, and the count
        self.start()

    def run(self):
        while True:
            time.sleep(self.TICK)
            now = time.monotonic()
            self._at_tick = now, self._seconds_at(now)

    def _seconds_at(self, now):
        since, count = self._at_tick
        return count + max(0, min(now - since, self.MOST))

    @property
    def seconds(self):
        return self._seconds_at(time.monotonic())


AWAKE = Awake()


class Patience:
    """With what does not come: so many seconds, of those in which we could have seen it."""

    def __init__(self, timeout):
        self._end = AWAKE.seconds + timeout

    @property
    def left(self):
        """Seconds; a moment even when it is over, so that what came meanwhile is seen first."""
        return max(0.01, self._end - AWAKE.seconds)

    @property
    def is_over(self):
        return AWAKE.seconds > self._end

    def awaits(self, news):
        """Waits on a condition variable for news. Returns whether to look again: there may be some, or time is left."""
        return news.wait(self.left) or not self.is_over


def wait_until(condition, what="condition", timeout=TIMEOUT, every=0.01):
    """Polls until `condition()` is true and returns what it returned."""
    patience = Patience(timeout)
    while True:
        was_over = patience.is_over  # before the last look, not after it
        result = condition()
        if result:
            return result
        if was_over:
            raise Timeout(f"{what}: not within {timeout} s")
        time.sleep(every)


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
    patience = Patience(timeout)
    while not poll.poll(patience.left * 1000):
        if patience.is_over:
            raise Timeout(f"nothing to be read within {timeout} s")

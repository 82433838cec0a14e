"""How cases are dealt out to pytest-xdist's workers.

By itself it gives each a hundred of so many at once, one file behind the other: the worker that has those which wait
long goes on for minutes when the others have nothing left to do."""

from xdist.scheduler import LoadScheduling

PIECE = 16  # cases, of one file as a rule: what a file's cases share is made for few workers


class InPieces(LoadScheduling):
    def check_schedule(self, node, duration=0):
        # A worker begins a case when it has the next one.
        if not self.pending or len(self.node2pending[node]) <= 2:
            super().check_schedule(node, duration)

    def _send_tests(self, node, num):
        super()._send_tests(node, min(num, PIECE))

"""Somebody who follows the events of a gateway: GET /v1/events of its admin port."""

import json
import urllib.parse

from admin import Admin, Reply, check
from waiting import TIMEOUT, wait_until


class Wait:
    """A request for events that is under way on a connection of its own."""

    def __init__(self, admin, after, seconds=60):
        self.target = f"/v1/events?{urllib.parse.urlencode({'after': after, 'wait': seconds})}"
        self.sock = admin.socket()
        self.sock.settimeout(TIMEOUT)
        self.sock.sendall(f"GET {self.target} HTTP/1.1\r\nHost: {admin.host}\r\nConnection: close\r\n\r\n".encode())

    def reply(self):
        """Waits for the answer, which ends the connection."""
        data = b""
        while piece := self.sock.recv(65536):
            data += piece
        self.sock.close()
        head, _, body = data.partition(b"\r\n\r\n")
        first, *fields = head.decode().split("\r\n")
        headers = {name.lower(): value for name, value in (field.split(": ", 1) for field in fields)}
        reply = Reply(int(first.split()[1]), headers, body)
        check("GET", self.target, reply)
        return reply

    def is_answered(self):
        """Whether a byte of the answer is there, or the connection's end."""
        self.sock.setblocking(False)
        try:
            return bool(self.sock.recv(1, 2) or True)  # MSG_PEEK
        except BlockingIOError:
            return False
        finally:
            self.sock.settimeout(TIMEOUT)


class Follower:
    """Takes one event after the other, and sees that their numbers have no gaps."""

    def __init__(self, gateway, admin):
        self.admin = Admin(gateway, admin.token)
        self.after = self.position()
        self.seq = int(self.after.rpartition(".")[2])
        self.events = []
        self.epochs = {}

    def position(self):
        answer = self.admin.get("/v1/events").json
        assert answer["events"] == [] and answer["more"] is False
        return answer["after"]

    def take(self, wait=20, limit=1000):
        """Asks once. Returns the events of the answer."""
        query = urllib.parse.urlencode({"after": self.after, "wait": wait, "limit": limit})
        answer = self.admin.get(f"/v1/events?{query}").json
        for event in answer["events"]:
            self.seq += 1
            assert (event["seq"], event["incarnation"]) == (self.seq, answer["incarnation"]), event
        self.after = answer["after"]
        assert self.after == f"{answer['incarnation']}.{self.seq}"
        self.events += answer["events"]
        return answer["events"]

    def next(self):
        """The next event, which has to come."""
        if not self.events:
            wait_until(self.take, "an event")
        return self.events.pop(0)

    def expect(self, kind, user, device=""):
        event = self.next()
        assert (event["event"], event["user"], event["device"]) == (kind, user, device), json.dumps(event)
        before = self.epochs.get((user, device), 0)
        epoch = int(event["epoch"])
        assert epoch == before if kind == "offline" else epoch > before, event
        self.epochs[user, device] = epoch
        return event

    def expect_nothing(self):
        """Nothing is there: of what comes later nobody knows."""
        assert not self.events and not self.take(wait=0), self.events

"""Several gateways that are one, over a NATS server, as clients, a backend and metrics see them."""

import itertools

from admin import Admin
from raw import CLOSE, Gone
from talking import Talker
from waiting import FACTOR, wait_until, wait_until_equal

SUSPECT_S = 5
DOWN_S = 15


def within(seconds):
    """A time-out for what must be done in so many seconds on a machine that has time for it."""
    return seconds * FACTOR + 5


class Node:
    """A gateway of a cluster, and its admin port."""

    def __init__(self, gateway, name):
        self.gateway, self.name = gateway, name
        self.admin = Admin(gateway)

    def login(self, user, **options):
        return self.gateway.login(user, **options)

    def talk(self, user, device=None):
        """A client of tidegate.v1."""
        return Talker(self.gateway.raw(), user, device)

    def look(self):
        """What it knows of the cluster."""
        reply = self.admin.get("/v1/nodes")
        assert reply.status == 200, reply
        assert reply.json["node"] == reply.json["nodes"][0]["id"] == self.name
        return reply.json

    def rows(self):
        """Of all nodes, itself first: {id: row}."""
        return {row["id"]: row for row in self.look()["nodes"]}

    def lost(self):
        """Batches, for whatever reason."""
        return sum(self.look()["lost"].values())

    def states(self):
        """Of the others: {id: state}."""
        return {name: row["state"] for name, row in self.rows().items() if name != self.name}

    def wait_for_state(self, other, state, **timing):
        wait_until(lambda: self.states().get(other.name) == state, f"{self.name} takes {other.name} to be {state}", **timing)

    def metric(self, name):
        """The sum over its labels, unless it is named with them."""
        metrics = self.admin.metrics()
        if name in metrics:
            return metrics[name]
        values = [value for key, value in metrics.items() if key.startswith(name + "{")]
        assert values, f"{name} is not there"
        return sum(values)

    @property
    def is_linked(self):
        return self.look()["up"]

    def wait_until_linked(self, is_linked=True, **timing):
        wait_until(lambda: self.is_linked == is_linked, f"{self.name} is {'' if is_linked else 'not '}linked", **timing)

    def sessions(self):
        """Those of this node alone: {(user, device): epoch}."""
        return {(row["user"], row["device"]): int(row["epoch"]) for row in self.admin.users()}

    def where(self, user):
        """Where it takes a user to be: {(node, device, epoch)}; none where it cannot ask all that have him."""
        user = self.admin.user(user)
        return {(row["node"], row["device"], int(row["epoch"])) for row in user["sessions"]} if user else set()

    def users_in(self, room):
        """On all nodes, as far as it knows."""
        return self.admin.get(f"/v1/rooms/{room}").json.get("users", 0)


class Cluster:
    """Starts its nodes; the server of NATS and the key are there already."""

    def __init__(self, start, nats, key_file):
        self.start, self.nats, self.key_file = start, nats, key_file
        self.nodes = []

    def __call__(self, *options, count=3, **process):
        """So many nodes more, gw-1 and so on, each of which knows of all others."""
        added = [self.add(f"gw-{len(self.nodes) + 1}", *options, **process) for _ in range(count)]
        self.wait_until_whole()
        return added

    def add(self, name, *options, url=None, key_file=None, **process):
        """A node, which may not have found the others yet."""
        gateway = self.start("--admin", "127.0.0.1:0", "--admin-rate", 0, "--workers", 2, "--cluster", url or self.nats.url,
                             "--cluster-key", key_file or self.key_file, "--id", name, *options, **process)
        self.nodes.append(Node(gateway, name))
        return self.nodes[-1]

    def forget(self, node):
        """It has ended."""
        self.nodes.remove(node)

    def wait_until_whole(self, **timing):
        """All that run are up for each other."""
        for node in self.nodes:
            others = {other.name for other in self.nodes} - {node.name}
            wait_until(lambda: others == {name for name, state in node.states().items() if state == "up"},  # noqa: B023
                       f"{node.name} knows of {others}", **timing)

    def wait_until_known(self, *users, sessions=1, **timing):
        """Each node knows that each of these users has so many sessions. Until then what is said to them, or to all, may
        stay on the node where it is said: a login is known elsewhere a moment after its 101."""
        for node, user in itertools.product(self.nodes, users):
            wait_until(lambda: len(node.where(user)) == sessions,  # noqa: B023
                       f"{node.name} knows of {sessions} of {user}", **timing)

    def wait_until_room_is(self, room, users, **timing):
        """Each node counts so many users in a room: those elsewhere hear what is said there from then on."""
        for node in self.nodes:
            wait_until_equal(lambda: node.users_in(room), users, **timing)  # noqa: B023

    def wait_until_equal(self, **timing):
        """Each node knows of the sessions and rooms of all others what these have."""
        def digests(of):
            return {node.rows().get(of.name, {}).get("digest") for node in self.nodes}
        for node in self.nodes:
            wait_until(lambda: len(digests(node)) == 1, f"all know the same of {node.name}", **timing)  # noqa: B023

    def sessions(self):
        """{(user, device): [(node, epoch), ...]} of all nodes, by what each says of its own."""
        found = {}
        for node in self.nodes:
            for session, epoch in node.sessions().items():
                found.setdefault(session, []).append((node.name, epoch))
        return found

    def wait_until_single(self, **timing):
        """There is one session for each (user, device). Returns {(user, device): (node, epoch)}."""
        wait_until(lambda: all(len(places) == 1 for places in self.sessions().values()), "one session each", **timing)
        return {session: places[0] for session, places in self.sessions().items()}

    def wait_for_sessions(self, wanted, **timing):
        """{(user, device): name of the node}"""
        def read():
            return {session: [name for name, _ in places] for session, places in self.sessions().items()}
        wait_until_equal(read, {session: [name] for session, name in wanted.items()}, **timing)

    def close(self):
        for node in self.nodes:
            node.admin.connection.close()


class Presence:
    """What the nodes say on tidegate.events.>, as a backend follows it."""

    def __init__(self, client, prefix="tidegate"):
        self.client, self.prefix = client, prefix
        self.events = []
        self.highest = {}  # (user, device) -> epoch
        client.subscribe(f"{prefix}.events.>")

    def read(self):
        """Takes what has come; checks that each node's numbers have no gap."""
        for message in self.client.all_so_far():
            event = message.json()
            assert message.subject == f"{self.prefix}.events.{event['node']}"
            before = [its for its in self.events if its["incarnation"] == event["incarnation"]]
            assert not before or event["seq"] == before[-1]["seq"] + 1, (before[-1], event)
            self.events.append(event)
            if event["event"] in ("online", "moved"):
                session = event["user"], event["device"]
                self.highest[session] = max(int(event["epoch"]), self.highest.get(session, 0))
        return self.events

    def wait_for(self, **wanted):
        """Returns the first event, of all so far, with those fields."""
        def found():
            return next((event for event in self.read() if wanted.items() <= event.items()), None)
        return wait_until(found, f"an event with {wanted}")


def ending(client):
    """How a client's line has ended: the code of its Close, "cut" without one, None while it is open."""
    client.sock.settimeout(0.02)
    try:
        while (frame := client.frame()).opcode != CLOSE:
            pass
        return frame.close_code
    except Gone:
        return "cut"
    except AssertionError as error:
        if "nothing came" in str(error):
            return None
        raise

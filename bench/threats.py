"""Who does harm, to whom, and what the victims may suffer from it at most."""

from loads import AES_128


class Threat:
    """One row. `attackers` are groups, several at once; `goals` are the most milliseconds that the victims'
    figures may come to beside them. Nobody may be cut off, ever."""

    def __init__(self, name, title, victims, attackers, goals, suite=None):
        self.name = name
        self.title = title
        self.victims = victims
        self.attackers = attackers
        self.goals = goals
        self.gateway = ()  # its options and
        self.workers = 1   # its workers, as running.Servers asks for them
        self.has_admin = False
        self.tokens = None  # what those of all clients are signed with
        self.suite = suite  # of TLS, which all speak then


class Storm(Threat):
    """So many logins with tokens at once; victims are looked at while it lasts. Compared with none of it, or, where the
    goal is a `ratio` of the p99s, with the same storm without tokens."""

    def __init__(self, name, title, victims, logins, tokens, goals, workers=1):
        super().__init__(name, title, victims, [], goals)
        self.logins = logins
        self.tokens = tokens
        self.workers = workers


class Behind(Threat):
    """The attackers come when the victims are in, who else would have to get in among them."""


class Across(Threat):
    """The attackers are at another node of a cluster."""


class Victims:
    """Whose latencies are measured: `figure` is what a result calls them, `rate` how many are due a second."""

    def __init__(self, scenario, count, figure, rate, *more):
        self.scenario = scenario
        self.count = count
        self.figure = figure
        self.rate = rate
        self.more = more

    def words(self, scale):
        return [self.scenario, "-c", scaled(self.count, scale), "-r", str(self.rate), "--among-others", *self.more]


class Group:
    """Attackers of one kind."""

    def __init__(self, kind, count, *more):
        self.kind = kind
        self.count = count
        self.more = more

    def words(self, scale):
        return [self.kind, "-c", scaled(self.count, scale), *self.more]


class Beating:
    """Victims with lines that heartbeat, so many a second in all."""

    figure = "latency_ns"

    def __init__(self, count, rate):
        self.count = count
        self.rate = rate

    def words(self, scale):
        return ["heartbeat", "-c", scaled(self.count, scale), "--every", f"{self.count / self.rate:g}"]


def scaled(count, scale):
    return str(max(1, round(count * scale)))


def readers(count):
    """Of one who says 20 texts a second, as fast as they can: until the last one has a text."""
    return Victims("fanout", count, "last_receiver_ns", 20)


# Until their 101: so many may be under way that a late one keeps none behind it waiting.
NEWCOMERS = Victims("churn", 1000, "latency_ns", 50, "--openings", "1000")


THREATS = [
    Threat("texts", "1 floods texts", readers(50), [Group("texts", 1)], {"p99": 100}),
    Threat("texts-8", "8 flood texts", readers(50), [Group("texts", 8)], {"p99": 200}),
    Threat("texts-pings", "1 floods texts with pings", readers(50), [Group("texts-pings", 1)], {"p99": 100}),
    Threat("texts-back", "8 flood texts, new every 0.25 s", readers(50), [Group("texts", 8, "--back", "0.25")],
           {"p99": 200}),
    Threat("packets-64", "64 flood packets for nobody", readers(1000), [Group("packets", 64)], {"p99": 200}),
    Threat("packets-256", "256 flood packets for nobody", readers(1000), [Group("packets", 256)], {"p99": 800}),
    Across("cluster", "1 floods texts at another node", readers(50), [Group("texts", 1)], {"p99": 100}),
    # They are most of all receivers, and back before they are given up on.
    Threat("deaf", "14 never read and come back, 1 floods", readers(10),
           [Group("deaf", 14, "--back", "2.5"), Group("texts", 1)], {"p95": 100}),
    Threat("heads", "1,000 half heads", readers(1000), [Group("heads", 1000)], {"p99": 100}),
    Threat("messages", "1,000 unfinished messages", readers(1000), [Group("messages", 1000)], {"p99": 100}),
    Threat("dials", "2,000 dials a second, dropped", readers(1000), [Group("dials", 64)], {"p99": 100}),
    Threat("silent", "1,000 silent connects", readers(1000), [Group("silent", 1000)], {"p99": 100}),
    Threat("new-texts", "1 floods texts, newcomers", NEWCOMERS, [Group("texts", 1)], {"p99": 100}),
    Threat("new-packets", "64 flood packets, newcomers", NEWCOMERS, [Group("packets", 64)], {"p99": 200}),
    Threat("new-heads", "1,000 half heads, newcomers", NEWCOMERS, [Group("heads", 1000)], {"p99": 100}),
    Threat("new-dials", "2,000 dials a second, newcomers", NEWCOMERS, [Group("dials", 64)], {"p99": 100}),
    Threat("new-silent", "1,000 silent connects, newcomers", NEWCOMERS, [Group("silent", 1000)], {"p99": 100}),
    # TLS: handshakes that nobody ends.
    Behind("tls-hellos", "10,000 hellos at once", Beating(1000, 2000), [Group("tls-hellos", 10000, "--dials", "10000")],
           {"p99": 10}, AES_128),
    Behind("tls-groups", "64 say hellos of every group", Beating(1000, 2000), [Group("tls-groups", 64)], {"p99": 10}, AES_128),
    Behind("tls-half", "1,500 half handshakes that stay", readers(1000), [Group("tls-half", 1500, "--dials", "500")],
           {"p99": 100}, AES_128),
    Threat("new-tls-half", "1,500 half handshakes, newcomers", NEWCOMERS, [Group("tls-half", 1500, "--dials", "500")],
           {"p99": 200}, AES_128),
    Storm("logins-es256", "18,000 logins with ES256", Beating(1000, 2000), 18000, "es256", {"p99": 10}),
    Storm("logins-es256-2", "2 workers, the same; open logins", Beating(1000, 2000), 18000, "es256", {"ratio": 1.5}, workers=2),
]

"""Who does harm, to whom, and what the victims may suffer from it at most."""


class Threat:
    """One row. `attackers` are (kind, words for tidegate-attack), several at once; `goals` are the most
    milliseconds that the victims' figures may come to beside them. Nobody may be cut off, ever."""

    def __init__(self, name, title, victims, attackers, goals):
        self.name = name
        self.title = title
        self.victims = victims
        self.attackers = attackers
        self.goals = goals
        self.gateway = ()  # options, as running.Servers asks for them


class Victims:
    """What is measured: `figure` is where its result has the histogram, `rate` how many are due a second."""

    def __init__(self, words, figure, rate):
        self.words = [*words, "-r", str(rate)]
        self.figure = figure
        self.rate = rate


RATE = 20  # texts a second: a talk among people, no load


def readers(count):
    """One who speaks, and those who read as fast as they can: until the last one has a text."""
    return Victims(["fanout", "-c", str(count), "--among-others"], "last_receiver_ns", RATE)


# Until their 101: with more under way than a second brings, a late one keeps none behind it waiting.
NEWCOMERS = Victims(["churn", "-c", "1000", "--openings", "1000", "--among-others"], "latency_ns", 50)


def group(kind, count, *words):
    return kind, ["-c", str(count), *words]


THREATS = [
    Threat("texts", "1 floods texts", readers(50), [group("texts", 1)], {"p99": 100}),
    Threat("texts-8", "8 flood texts", readers(50), [group("texts", 8)], {"p99": 200}),
    Threat("texts-pings", "1 floods texts with pings", readers(50), [group("texts-pings", 1)], {"p99": 100}),
    Threat("texts-back", "8 flood texts, new every 0.25 s", readers(50), [group("texts", 8, "--back", "0.25")],
           {"p99": 200}),
    Threat("packets-64", "64 flood packets for nobody", readers(1000), [group("packets", 64)], {"p99": 200}),
    Threat("packets-256", "256 flood packets for nobody", readers(1000), [group("packets", 256)], {"p99": 800}),
    # They are most of all receivers, and back before they are given up on.
    Threat("deaf", "14 never read and come back, 1 floods", readers(10),
           [group("deaf", 14, "--back", "2.5"), group("texts", 1)], {"p95": 100}),
    Threat("heads", "1,000 half heads", readers(1000), [group("heads", 1000)], {"p99": 100}),
    Threat("messages", "1,000 unfinished messages", readers(1000), [group("messages", 1000)], {"p99": 100}),
    Threat("dials", "2,000 dials a second, dropped", readers(1000), [group("dials", 64)], {"p99": 100}),
    Threat("silent", "1,000 silent connects", readers(1000), [group("silent", 1000)], {"p99": 100}),
    Threat("new-texts", "1 floods texts, newcomers", NEWCOMERS, [group("texts", 1)], {"p99": 100}),
    Threat("new-packets", "64 flood packets, newcomers", NEWCOMERS, [group("packets", 64)], {"p99": 200}),
    Threat("new-heads", "1,000 half heads, newcomers", NEWCOMERS, [group("heads", 1000)], {"p99": 100}),
    Threat("new-dials", "2,000 dials a second, newcomers", NEWCOMERS, [group("dials", 64)], {"p99": 100}),
    Threat("new-silent", "1,000 silent connects, newcomers", NEWCOMERS, [group("silent", 1000)], {"p99": 100}),
]

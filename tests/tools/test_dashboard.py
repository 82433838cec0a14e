"""The Grafana dashboard and the alerts ask for what the gateway serves, and the panels lie as they should."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
COLUMNS = 24  # of Grafana's grid


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


DASHBOARD = json.loads(read("tools/deploy/grafana.json"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def expressions():
    """Of all panels, and what the alerts ask, as one text."""
    asked = [target["expr"] for panel in PANELS for target in panel["targets"]]
    asked += [annotation["expr"] for annotation in DASHBOARD["annotations"]["list"]]
    alerts = re.findall(r"^ {8}expr: (?:>-\n((?: {10}\S.*\n)+)|(.*))", read("tools/deploy/alerts.yml"), re.MULTILINE)
    assert len(alerts) == read("tools/deploy/alerts.yml").count("- alert: ")
    return "\n".join([*asked, *(words for pair in alerts for words in pair)])


def served():
    """Names of series, by the guide's tables, which tests hold against /metrics."""
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \|", read("server/admin/README.md"), re.MULTILINE)
    assert len(rows) > 30
    names = {name for name, kind in rows if kind != "histogram"}
    return names | {name + end for name, kind in rows if kind == "histogram" for end in ("_bucket", "_sum", "_count")}


def test_everything_asked_for_is_served():
    asked = set(re.findall(r"\b(?:tidegate|process)_\w+", expressions()))
    assert len(asked) > 30
    assert asked - served() == set()


def test_everything_drawn_by_reason_is_a_reason():
    reasons = set(re.findall(r'^CLOSE_REASON\(\w+, \w+, "(\w+)"', read("proto/close_reason.def"), re.MULTILINE))
    asked = {reason for words in re.findall(r'reason=~?"([^"]+)"', expressions()) for reason in words.split("|")}
    assert len(asked) >= 5
    assert asked <= reasons


def test_counters_are_drawn_as_rates():
    """And gauges are not: nobody reads a total."""
    kinds = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", read("server/admin/README.md"), re.MULTILINE))
    for panel in PANELS:
        for target in panel["targets"]:
            for name, brace in re.findall(r"\b((?:tidegate|process)_\w+)(\{[^}]*\}\[)?", target["expr"]):
                is_total = kinds.get(name, "counter") == "counter"  # the parts of histograms are totals
                assert is_total == bool(brace), f"{panel['title']}: {name}"


def test_panels_can_be_read():
    for panel in PANELS:
        title = panel["title"]
        assert panel["description"].endswith("."), title
        assert panel["fieldConfig"]["defaults"]["unit"], title
        assert panel["datasource"]["uid"] == "${datasource}", title
        for target in panel["targets"]:
            assert target["datasource"]["uid"] == "${datasource}", title
            assert 'job=~"$job",instance=~"$instance"' in target["expr"], title
            # Lines of several gateways are told apart, or it is one line.
            of_all = re.match(r"(sum|max|count)\b(?! by)", target["expr"])
            assert of_all or re.search(r"\{\{\w+\}\}", target["legendFormat"]), title
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), title
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_panels_lie_side_by_side():
    taken = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert 0 <= place["x"] and place["x"] + place["w"] <= COLUMNS, panel["title"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                assert other == panel["title"], f"{other} and {panel['title']}"
    rows = {}
    for x, y in taken:
        rows.setdefault(y, set()).add(x)
    assert sorted(rows) == list(range(len(rows))), "no gap from top to bottom"
    assert all(len(columns) == COLUMNS for columns in rows.values()), "and none from left to right"

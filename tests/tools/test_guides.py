"""What the guides list is what there is: options, operations of the admin port, packets, close codes, versions."""

import json
import pathlib
import re
import subprocess

import known_options

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZES = {"K": 10, "M": 20, "G": 30}


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def number(text):
    """64K as 65536."""
    return int(text[:-1]) << SIZES[text[-1]] if text[-1] in SIZES else int(text)


def test_a_build_may_set_each_number():
    """meson_options.txt has each, and meson.build passes each on."""
    options = set(re.findall(r"^option\('(\w+)', type: 'string'", read("meson_options.txt"), re.MULTILINE))
    kinds = re.findall(r"'names': \[([^]]*)\]", read("meson.build"))
    assert options - {"tx_memory_limit"} == set(known_options.numbers())
    assert set(re.findall(r"'(\w+)'", " ".join(kinds))) == set(known_options.numbers())


def test_the_guide_lists_each_number():
    guide = read("server/config/README.md")
    rows = re.findall(r"^\| `(\w+)` \| (\S+) \| (\S+) to (\S+) \| (yes)? ?\|", guide, re.MULTILINE)
    assert {
        name: (number(default), number(least), number(most), bool(reload))
        for name, default, least, most, reload in rows
    } == known_options.numbers()


def test_the_guide_lists_each_word():
    guide = read("server/config/README.md").split("## Words", 1)[1]
    assert re.findall(r"^\| `(\w+)`", guide, re.MULTILINE) == known_options.words()


def test_the_guide_lists_each_operation():
    described = {
        f"{method.upper()} {path}"
        for path, operations in json.loads(read("server/admin/openapi.json"))["paths"].items()
        for method in operations
        if method in ("get", "post", "put", "delete")
    }
    table = read("server/admin/README.md").split("## The API", 1)[1].split("```", 1)[0]
    assert set(re.findall(r"`((?:GET|POST|PUT|DELETE) [^`]+)`", table)) == described


def test_the_guide_lists_what_is_audited():
    deeds = re.findall(r'^DEED\(\w+, "([\w-]+)"\)', read("server/admin/deed.def"), re.MULTILINE)
    table = read("server/config/LOGGING.md").split("| `audit` | of |", 1)[1].split("\n\n", 1)[0]
    cells = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)
    assert deeds and [word for cell in cells for word in re.findall(r"`([\w-]+)`", cell)] == [*deeds, "look"]


def test_what_takes_a_new_process_is_not_what_a_reload_takes():
    said = re.search(r"for an option that cannot change while running \(([^)]*)\)", read("tools/deploy/README.md"))[1]
    named = set(re.findall(r"`(\w+)`", said))
    reloaded = {name for name, (*_, reload) in known_options.numbers().items() if reload} | known_options.reloaded_words()
    assert named and named <= {*known_options.numbers(), *known_options.words()} - reloaded


def test_the_capacity_table_is_what_the_script_makes():
    made = subprocess.run([ROOT / "bench/capacity"], capture_output=True, text=True, timeout=60, check=True).stdout
    listed = read("bench/SCALE.md").split("<!-- Made by bench/capacity. -->\n", 1)[1].split("<!-- To here. -->", 1)[0]
    assert listed == made


def test_more_users_ask_for_more():
    """In proportion, of the machine; and talk costs what it reaches."""
    def rows(*words):
        made = subprocess.run([ROOT / "bench/capacity", *words], capture_output=True, text=True, timeout=60, check=True)
        found = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", made.stdout, re.MULTILINE)
        return {what: plain for what, plain, _ in found}, {what: tls for what, _, tls in found}
    (few, over_tls), (many, _) = rows("--users", "200000", "--messages", "0"), rows("--users", "400000", "--messages", "2")
    assert few["memory of the kernel, all idle"] == "850 MB" and many["memory of the kernel, all idle"] == "1.7 GB"
    assert few["cores for talk"] == "0" and many["cores for talk"] == "4.7"
    assert few["cores for heartbeats"] == "0.062" and many["cores for heartbeats"] == "0.12"
    assert over_tls["memory of the kernel, all idle"] == "850 MB"
    assert few["memory of the gateway"] == "54 MB" and over_tls["memory of the gateway"] == "95 MB"
    refused = subprocess.run([ROOT / "bench/capacity", "--users", "none"], capture_output=True, text=True, timeout=60,
                             check=False)
    assert refused.returncode == 2 and "'none' is not a list of numbers" in refused.stderr


def test_what_the_deployment_guide_names_is_there():
    """Options, metrics and reasons: what is written like one is one."""
    known = {*known_options.numbers(), *known_options.words()}
    known |= set(re.findall(r"^\| `(\w+)` \|", read("server/admin/README.md"), re.MULTILINE))
    known |= set(re.findall(r'^CLOSE_REASON\(\w+, \w+, "(\w+)"', read("proto/close_reason.def"), re.MULTILINE))
    known |= set(re.findall(r"^\s*(\w+):? ", read("tools/deploy/nats/nats.conf"), re.MULTILINE))  # NATS's own
    guide = read("tools/deploy/README.md")
    named = {*re.findall(r"`([a-z]+(?:_[a-z]+)+)[`= ]", guide), *re.findall(r"`([a-z]\w*) = ", guide)}
    assert len(named) > 20
    assert named - known == set()
    # In a command, an option has its other name.
    said = re.findall(r"bin/tidegate (-.*)", guide)
    assert said
    typed = known | set(re.findall(r'^\t\{"([\w-]+)", ', read("server/config/cli_options.c"), re.MULTILINE))
    for name in re.findall(r"--([\w-]+)", " ".join(said)):
        assert name in typed, name
    # Each sample is in the table and in the package.
    deploy = ROOT / "tools/deploy"
    samples = {str(path.relative_to(deploy)) for path in deploy.rglob("*")
               if path.is_file() and "node_modules" not in path.parts} - {"README.md"}
    assert samples <= set(re.findall(r"\]\(([\w./-]+)\)", guide))
    packed = {f"tools/deploy/{name.partition('/')[0]}" for name in samples}  # a folder as a whole
    assert packed == set(read("tools/debian/tidegate.examples").split())


def section_of_protocol(number):
    return re.split(r"(?m)^## \d+\. ", read("proto/PROTOCOL.md"))[number]


def test_the_protocol_lists_each_packet():
    rows = re.findall(r"^PACKET\((\w+), (\d+), (CLASSIC|V1),", read("proto/packet.def"), re.MULTILINE)
    for speaks, section in (("CLASSIC", 2), ("V1", 6)):
        said = [(number, name.lower()) for name, number, its in rows if its == speaks]
        listed = re.findall(r"^\| (\d+) \| (\w+) \| (?:client|gateway|both) \|", section_of_protocol(section), re.MULTILINE)
        assert said and listed == said


def test_the_protocol_lists_each_close_code():
    table = read("proto/close_reason.def")
    codes = dict(re.findall(r"^CLOSE_CODE\((\w+), (\d+),", table, re.MULTILINE))
    sent = {codes.get(code, code) for code in re.findall(r"^CLOSE_REASON\(\w+, (\w+),", table, re.MULTILINE)}
    sent -= {"0", "SILENT"}
    assert sent
    listed = set(re.findall(r"^\| (\d+) \|", section_of_protocol(5), re.MULTILINE))
    assert sent | {"1008"} <= listed  # which backends give


def test_the_changelog_s_version_is_the_project_s():
    stated = re.search(r"version: '([\d.]+)'", read("meson.build"))[1]
    assert read("tools/debian/changelog").startswith(f"tidegate ({stated}) ")


def test_the_front_door_is_short():
    assert len(read("README.md").splitlines()) <= 200
    assert "tools/start" in "\n".join(read("README.md").splitlines()[:24])

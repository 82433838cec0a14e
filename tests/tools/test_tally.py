"""tools/tally: how many passed, and what was wrong with the others."""

import pathlib
import subprocess

TALLY = pathlib.Path(__file__).resolve().parents[2] / "tools/tally"
JUNIT = """<testsuites><testsuite>
<testcase classname="a" name="good"/>
<testcase classname="a" name="late"><failure message="Timeout: an event:&#10;  not within 60 s">at line 7</failure></testcase>
<testcase classname="a" name="long"><failure>{}</failure></testcase>
<testcase classname="a" name="torn"><error message="in a fixture"/></testcase>
<testcase classname="a" name="mute"><failure/></testcase>
<testcase classname="a" name="out"><skipped message="no browser"/></testcase>
</testsuite></testsuites>"""


def test_what_was_wrong_stands_on_one_line(tmp_path):
    junit = tmp_path / "junit.xml"
    junit.write_text(JUNIT.format("word " * 1000), encoding="utf-8")
    done = subprocess.run([TALLY, junit, junit], capture_output=True, text=True, check=True)
    assert done.stdout == "2 8 2\n"
    lines = done.stderr.splitlines()
    assert lines[:5] == lines[5:]
    late, long, torn, mute, out = lines[:5]
    assert late == "    failed: a: late: Timeout: an event: not within 60 s"
    assert long.startswith("    failed: a: long: word word ") and len(long) < 400
    assert torn == "    failed: a: torn: in a fixture"
    assert mute == "    failed: a: mute"
    assert out == "    skipped: a: out: no browser"

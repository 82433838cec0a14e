"""Scripts of the bench import modules of the tests, and tests those of the bench: no two may have one name."""

import collections
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("bench", "tests/e2e", "tests/package", "tests/tools")


def test_each_module_has_a_name_of_its_own():
    found = collections.defaultdict(list)
    for folder in FOLDERS:
        for path in (ROOT / folder).glob("*.py"):
            found[path.name].append(folder)
    del found["conftest.py"]  # pytest's
    assert {name: folders for name, folders in found.items() if len(folders) > 1} == {}

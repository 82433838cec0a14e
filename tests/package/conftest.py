"""Clients and waiting are those of the end-to-end tests; packages and roots are made once, roots unpacked where they are asked for."""

import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import clean_root  # noqa: E402
from building import build  # noqa: E402
from gateway import ROOT  # noqa: E402


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    return build(ROOT, tmp_path_factory.mktemp("packages"))


@pytest.fixture(scope="session")
def package(packages):
    return packages["tidegate"]


@pytest.fixture(scope="module")
def unpacked():
    """Unpacks roots: unpacked(name, make), where make(tar) writes its archive when there is none."""
    reason = clean_root.why_not()
    if reason:
        pytest.skip(reason)
    paths = []

    def unpack(name, make):
        tar = ROOT / f"build/clean-root/{name}.tar"
        if not tar.exists():
            make(tar)
        # Not below pytest's folders, which only their owner may enter: the gateway runs as another.
        paths.append(pathlib.Path(tempfile.mkdtemp(prefix="tidegate-root-")))
        paths[-1].chmod(0o755)
        return clean_root.Root(tar, paths[-1])

    yield unpack
    for path in paths:
        shutil.rmtree(path)

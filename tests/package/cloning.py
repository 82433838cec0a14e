"""A clone of this tree with what is tracked as it stands here, committed or not."""

import shutil
import subprocess

import pytest

from gateway import ROOT


def git(tree, *words):
    command = ["git", "-C", str(tree), *(str(word) for word in words)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def clone_as_it_stands(clone):
    if not (ROOT / ".git").exists():
        pytest.skip("no git repository: nothing to clone")
    git(ROOT, "clone", "-q", ROOT, clone)
    git(clone, "rm", "-q", "-r", ".")
    for name in filter(None, git(ROOT, "ls-files", "-z").split("\0")):
        if (ROOT / name).exists():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, clone / name)
    git(clone, "add", "-A")

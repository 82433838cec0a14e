"""Runs a command under the system call filter that systemd would make of a unit, where no systemd runs.

    sandbox.py UNIT COMMAND...

SystemCallFilter=, RestrictAddressFamilies=, MemoryDenyWriteExecute= and RestrictNamespaces= of the unit are
carried out. A call that is not allowed ends the process with SIGSYS, where systemd would let it fail: nothing
slips through as an error that nobody looks at. Families of sockets fail as under systemd, for the C library
tries some on the chance.
"""

import errno
import os
import socket
import subprocess
import sys

import seccomp

PROT_WRITE, PROT_EXEC = 2, 4
CLONE_NEW = 0x7E020000  # all CLONE_NEW* flags of clone(2)


def settings(unit, name):
    """The words of all lines `name=...` of a unit, one list for each line."""
    with open(unit, encoding="utf-8") as lines:
        return [line.partition("=")[2].split() for line in lines if line.startswith(name + "=")]


def members(names):
    """System calls, sets (@...) replaced by what is in them."""
    found, open_sets = set(), set(names)
    while open_sets:
        name = open_sets.pop()
        if not name.startswith("@"):
            found.add(name)
            continue
        # Without the socket of what is run here, to which systemd's own tools speak too.
        text = subprocess.run(
            ["env", "-u", "NOTIFY_SOCKET", "systemd-analyze", "syscall-filter", name],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        lines = [line.strip() for line in text.splitlines()[1:]]
        open_sets.update(line for line in lines if line and not line.startswith("#"))
    return found


def allowed_calls(unit):
    """As SystemCallFilter= says: the first line begins a list of what is allowed, ~ takes from it."""
    allowed = members(["@default"])
    for words in settings(unit, "SystemCallFilter"):
        if words[0].startswith("~"):
            allowed -= members([words[0][1:], *words[1:]]) - members(["@default"])
        else:
            allowed |= members(words)
    return allowed


def add_mappings(rules):
    """Memory is never writable and executable at once, nor made executable later."""
    both = PROT_WRITE | PROT_EXEC
    for part in (0, PROT_WRITE, PROT_EXEC):
        rules.add_rule(seccomp.ALLOW, "mmap", seccomp.Arg(2, seccomp.MASKED_EQ, both, part))
    for call in ("mprotect", "pkey_mprotect"):
        rules.add_rule(seccomp.ALLOW, call, seccomp.Arg(2, seccomp.MASKED_EQ, PROT_EXEC, 0))


def add_families(rules, families):
    known = [int(getattr(socket, family)) for family in families]
    for family in range(64):
        action = seccomp.ALLOW if family in known else seccomp.ERRNO(errno.EAFNOSUPPORT)
        rules.add_rule(action, "socket", seccomp.Arg(0, seccomp.EQ, family))


def add_namespaces(rules):
    rules.add_rule(seccomp.ALLOW, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_NEW, 0))
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")  # its flags are out of a filter's sight


def build(unit):
    calls = allowed_calls(unit)
    rules = seccomp.SyscallFilter(seccomp.KILL_PROCESS)
    if settings(unit, "MemoryDenyWriteExecute") == [["yes"]]:
        calls -= {"mmap", "mprotect", "pkey_mprotect"}
        add_mappings(rules)
    if settings(unit, "RestrictNamespaces") == [["yes"]]:
        calls -= {"clone", "clone3", "unshare", "setns"}
        add_namespaces(rules)
    families = settings(unit, "RestrictAddressFamilies")
    if families:
        calls -= {"socket"}
        add_families(rules, families[0])
    for call in calls:
        try:
            rules.add_rule(seccomp.ALLOW, call)
        except RuntimeError:
            pass  # of another architecture
    return rules


def main(unit, *command):
    build(unit).load()
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])

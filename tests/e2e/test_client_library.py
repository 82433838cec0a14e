"""libtidegate-client as others use it: installed, found by pkg-config, linked, put into a loop."""

import os
import re
import signal
import subprocess

import pytest

from gateway import BINARY, ROOT
from tls import Pair
from tls_front import TlsFront
from waiting import TIMEOUT

BUILD = BINARY.parents[1]
EXAMPLE = BUILD / "tools/client/example_uv"

PROGRAM = r"""
#include <stdio.h>
#include <string.h>
#include <tidegate-client.h>

static void on_state(struct tg_client *client, const struct tg_state_change *change, void *data)
{
	if (change->to == TG_STATE_CONNECTED) {
		tg_client_send_text(client, (const char *)data, strlen((const char *)data));
		tg_client_logout(client);
	}
}

/* Names of the library's own, which must not meet these. */
int core_create(void) { return 1; }
int frame_mask(void) { return 2; }

int main(int argc, char **argv)
{
	struct tg_client *client;
	if (argc != 4 || core_create() + frame_mask() != 3 || tg_client_create(&client) != TG_OK) {
		return 100;
	}
	tg_client_set_url(client, argv[1]);
	tg_client_set_user(client, argv[2]);
	tg_client_set_user_data(client, argv[3]);
	tg_client_on_state(client, on_state);
	enum tg_status status = tg_client_run(client);
	puts(tg_version());
	tg_client_destroy(client);
	return status;
}
"""


def call(*words, **more):
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=TIMEOUT, check=True, **more
    ).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The root of an installation, and what pkg-config needs to find the library in it."""
    root = tmp_path_factory.mktemp("installed")
    call("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", root)
    [description] = root.rglob("tidegate-client.pc")
    environment = {
        **os.environ,
        "PKG_CONFIG_PATH": str(description.parent),
        "PKG_CONFIG_SYSROOT_DIR": str(root),
    }
    return root, environment


def flags(environment, *options):
    words = call("pkg-config", *options, "tidegate-client", env=environment).split()
    # The libraries of the system are not below the root of the installation.
    return [word for word in words if not word.startswith("-L") or "/usr/local/" in word]


def symbols(*options):
    return {line.split()[-1] for line in call("nm", *options).splitlines() if len(line.split()) == 3}


@pytest.mark.release
def test_nothing_but_the_public_names_is_exported(installed):
    root, _ = installed
    header = (ROOT / "tools/client/tidegate-client.h").read_text(encoding="utf-8")
    public = set(re.findall(r"^TG_API\b[^;]*?\b(tg_\w+)\(", header, re.MULTILINE))
    assert len(public) > 30
    [library] = root.rglob("libtidegate-client.so")
    [archive] = root.rglob("libtidegate-client.a")
    assert symbols("-D", "--defined-only", library) == public
    assert symbols("-g", "--defined-only", archive) == public


@pytest.mark.release
def test_the_library_has_a_soname_and_a_version(installed):
    root, environment = installed
    [library] = root.rglob("libtidegate-client.so")
    version = call("pkg-config", "--modversion", "tidegate-client", env=environment).strip()
    soname = re.search(r"SONAME.*\[(.*)\]", call("readelf", "-d", library))[1]
    assert soname == f"libtidegate-client.so.{version.partition('.')[0]}"
    assert library.resolve().name == f"libtidegate-client.so.{version}"


@pytest.mark.release
@pytest.mark.parametrize("compiler", ["gcc", "clang++"])
@pytest.mark.parametrize("static", [False, True])
def test_a_program_of_others(installed, gateway, tmp_path, compiler, static):
    root, environment = installed
    plus = compiler.endswith("++")
    source = tmp_path / ("program.cpp" if plus else "program.c")
    source.write_text(PROGRAM, encoding="ascii")
    program = tmp_path / "program"
    libraries = flags(environment, "--libs", *(["--static"] if static else []))
    if static:
        # Ours alone: Debian has no static wslay.
        libraries = [{"-ltidegate-client": "-l:libtidegate-client.a"}.get(word, word) for word in libraries]
    call(
        compiler,
        *(["-nostdlib++"] if plus else []),
        "-Wall",
        "-Wextra",
        "-Wno-unused-parameter",
        "-Werror",
        *flags(environment, "--cflags"),
        source,
        "-o",
        program,
        *libraries,
    )
    [library] = root.rglob("libtidegate-client.so")
    linked = call("ldd", program, env={**os.environ, "LD_LIBRARY_PATH": str(library.parent)})
    assert ("libtidegate-client" in linked) is not static
    with gateway.login("alice") as alice:
        version = call(
            program,
            f"ws://{gateway.listen[0]}/",
            "bob",
            "from afar",
            env={**os.environ, "LD_LIBRARY_PATH": str(library.parent)},
        )
        alice.expect_text("from afar -- FROM bob")
    assert version.strip() == call("pkg-config", "--modversion", "tidegate-client", env=environment).strip()


@pytest.mark.release
def test_the_program_in_the_header(installed, gateway, tmp_path):
    root, environment = installed
    header = (ROOT / "tools/client/tidegate-client.h").read_text(encoding="utf-8")
    [lines] = re.findall(r"(^ \*\t#include.*?^ \*\t}\n)(?= \*\n \*\tcc )", header, re.MULTILINE | re.DOTALL)
    source = tmp_path / "program.c"
    text = re.sub(r"^ \*\t?", "", lines, flags=re.MULTILINE)
    assert "ws://127.0.0.1:8000" in text
    source.write_text(text.replace("ws://127.0.0.1:8000", f"ws://{gateway.listen[0]}"), encoding="ascii")
    program = tmp_path / "program"
    words = flags(environment, "--cflags", "--libs")
    call("gcc", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", source, "-o", program, *words)
    [library] = root.rglob("libtidegate-client.so")
    loader = {**os.environ, "LD_LIBRARY_PATH": str(library.parent)}
    with gateway.login("bob") as bob:
        with subprocess.Popen(
            ["stdbuf", "-oL", program], env=loader, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            bob.expect_close(4001)  # the program is in
            with gateway.login("alice") as alice:
                alice.text("hello")
                assert running.stdout.readline() == "hello -- FROM alice\n"
            with gateway.login("bob"):
                said, told = running.communicate(timeout=TIMEOUT)
    assert said == ""
    assert told == "kicked: the same user logged in elsewhere (Close 4001 kicked)\n"


@pytest.mark.release
def test_a_program_over_tls(installed, gateway, tmp_path):
    """It verifies by whom the system trusts, unless told otherwise."""
    root, environment = installed
    source = tmp_path / "program.c"
    source.write_text(PROGRAM, encoding="ascii")
    program = tmp_path / "program"
    call("gcc", *flags(environment, "--cflags"), source, "-o", program, *flags(environment, "--libs"))
    [library] = root.rglob("libtidegate-client.so")
    loader = {**os.environ, "LD_LIBRARY_PATH": str(library.parent)}
    authority = Pair(tmp_path, stem="authority")
    pair = Pair(tmp_path, "localhost", stem="gate", signer=authority)
    with TlsFront(gateway.port, pair) as front, gateway.login("alice") as alice:
        words = [program, f"wss://localhost:{front.port}/", "bob", "from afar"]
        call(*words, env={**loader, "SSL_CERT_FILE": str(authority.cert)})
        alice.expect_text("from afar -- FROM bob")
        with pytest.raises(subprocess.CalledProcessError) as refused:
            call(*words, env={**loader, "SSL_CERT_FILE": "/dev/null"})
        assert refused.value.returncode == 61  # TG_ERR_CERTIFICATE_ISSUER


def test_the_example_in_a_libuv_loop(gateway):
    lines = (ROOT / "tools/client/example_uv.c").read_text(encoding="ascii").splitlines()
    assert len(lines) < 80
    url = f"ws://{gateway.listen[0]}"
    with subprocess.Popen([EXAMPLE, url, "ear"], stdout=subprocess.PIPE, text=True) as ear:
        assert ear.stdout.readline() == "CONNECTING: ok\n"
        assert ear.stdout.readline() == "CONNECTED: ok\n"
        with subprocess.Popen([EXAMPLE, url, "mouth", "hello"], stdout=subprocess.PIPE, text=True) as mouth:
            assert ear.stdout.readline() == "mouth: hello\n"
            with gateway.login("mouth"):
                assert mouth.wait(TIMEOUT) == 1  # kicked
            assert "CLOSED: kicked" in mouth.stdout.read()
        ear.send_signal(signal.SIGINT)
        assert ear.wait(TIMEOUT) == 0
        assert ear.stdout.read() == "CLOSING: ok\nCLOSED: ok\n"

"""Fixtures: gateways that are looked at when they end, and clients of others."""

import pytest

pytest.register_assert_rewrite(
    "admin",
    "chatting",
    "cluster",
    "console_pages",
    "crowd",
    "dials",
    "following",
    "foreign",
    "gateway",
    "handover",
    "nats",
    "raw",
    "scripted",
    "tls",
    "waiting",
)

import chatting  # noqa: E402
import cluster as cluster_parts  # noqa: E402
import foreign  # noqa: E402
import nats as nats_parts  # noqa: E402
import scripted  # noqa: E402
from admin import TOKEN, Admin  # noqa: E402
from browser import Browser  # noqa: E402
from console_pages import Console  # noqa: E402
from gateway import BINARY, SANITIZED, Gateway  # noqa: E402


def pytest_configure(config):
    if not BINARY.exists():
        pytest.exit(
            f"{BINARY} is missing: build it with tools/start or name another in TIDEGATE", returncode=4
        )


def pytest_collection_modifyitems(config, items):
    if SANITIZED:
        kept = [item for item in items if not item.get_closest_marker("release")]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With -n alone."""
    from pieces import InPieces  # where there is pytest-xdist

    return InPieces(config, log) if config.getvalue("dist") == "load" else None


def make_gateways():
    gateways = []

    def start(*options, **more):
        gateways.append(Gateway(*options, **more))
        return gateways[-1]

    try:
        yield start
    finally:
        running = [gateway for gateway in gateways if gateway.is_running]
        try:
            for gateway in running:
                gateway.stop()
            for gateway in gateways:
                gateway.assert_no_report()
        finally:
            for gateway in running:
                if gateway.is_running:
                    gateway.kill()


@pytest.fixture
def start():
    """Starts gateways: start("--echo"). Each must end cleanly, by the test or after it."""
    yield from make_gateways()


@pytest.fixture(scope="module")
def start_for_module():
    yield from make_gateways()


@pytest.fixture
def gateway(start):
    """One with default options."""
    return start()


@pytest.fixture
def serve(start):
    """Starts a gateway with an admin port: serve("--demo") -> (gateway, admin)."""
    admins = []

    def run(*options, admin="127.0.0.1:0", token=None, **more):
        gateway = start("--admin", admin, "--workers", 2, "--admin-rate", 0, *options, **more)
        admins.append(Admin(gateway, token))
        return gateway, admins[-1]

    yield run
    for admin in admins:
        admin.connection.close()


@pytest.fixture
def config(tmp_path):
    """Writes the config file: config("workers = 2") -> its path."""
    path = tmp_path / "tidegate.conf"

    def write(*lines):
        path.write_text("".join(line + "\n" for line in ("drain = 0", "log_sessions = yes", *lines)), encoding="utf-8")
        return path

    return write


@pytest.fixture
def token_file(tmp_path):
    """A file for --admin-token, with admin.TOKEN."""
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n", encoding="ascii")
    path.chmod(0o600)
    return path


@pytest.fixture
def chat():
    """Starts native clients: chat("-v", address=gateway.ws). Each is ended after the test."""
    chats = []

    def start(*options, run=False, **more):
        chats.append((chatting.run if run else chatting.Chat)(*options, **more))
        return chats[-1]

    try:
        yield start
        for started in chats:
            started.stop()
    finally:
        for started in chats:
            if started.is_running:
                started.kill()


@pytest.fixture(scope="session")
def browser():
    opened = Browser()
    yield opened
    opened.close()


@pytest.fixture
def open_console(browser, start):
    """Starts a gateway with a console: open_console("--demo"). Its pages are looked at when they end."""
    consoles = []

    def make(*options):
        consoles.append(Console(browser, start, *options))
        return consoles[-1]

    yield make
    for console in consoles:
        console.close()


@pytest.fixture
def console(open_console):
    """One with clients to try."""
    return open_console("--demo")


@pytest.fixture
def mortal(console):
    """A console whose gateway may go: the browser itself complains of that."""
    console.expected = ["ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "Failed to load resource", "WebSocket connection to"]
    return console


@pytest.fixture
def server():
    """A server that the test plays itself."""
    with scripted.Server() as listening:
        yield listening


@pytest.fixture
def nats_server(tmp_path):
    """Starts NATS servers: nats_server(config="max_payload: 1KB"). Each is ended after the test."""
    with nats_parts.servers(tmp_path) as make:
        yield make


@pytest.fixture
def nats(nats_server):
    """One with default options."""
    return nats_server()


@pytest.fixture
def cluster_key(tmp_path):
    """A file for --cluster-key."""
    return nats_parts.key_file(tmp_path)


@pytest.fixture
def cluster(start, nats, cluster_key):
    """Starts nodes: cluster("--max-devices", 2) -> [gw-1, gw-2, gw-3]."""
    nodes = cluster_parts.Cluster(start, nats, cluster_key)
    yield nodes
    nodes.close()


@pytest.fixture(scope="session")
def foreign_libraries():
    """Starts each driver once, when it is first asked for."""
    libraries = {}

    def get(kind):
        if kind not in libraries:
            libraries[kind] = foreign.Library(kind)
        return libraries[kind]

    yield get
    for library in libraries.values():
        library.close()


@pytest.fixture(params=foreign.KINDS)
def library(request, foreign_libraries):
    """Each client library of others in turn."""
    opened = foreign_libraries(request.param)
    yield opened
    opened.forget()

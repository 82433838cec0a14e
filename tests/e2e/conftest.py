"""Fixtures: gateways that are looked at when they end, and clients of others."""

import pytest

pytest.register_assert_rewrite("admin", "chatting", "crowd", "dials", "foreign", "gateway", "raw", "scripted", "waiting")

import chatting  # noqa: E402
import foreign  # noqa: E402
import scripted  # noqa: E402
from admin import Admin  # noqa: E402
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


@pytest.fixture
def server():
    """A server that the test plays itself."""
    with scripted.Server() as listening:
        yield listening


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

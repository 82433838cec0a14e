"""The NATS configurations of tools/deploy/nats, on servers that read them: who may say and hear what.

Gateways are not needed here: tests/unit/test_link_nats.c tries the line, these try what stands at its other end.
"""

import contextlib
import os
import re
import shutil
import ssl
import subprocess

import pytest

from gateway import ROOT, free_port
from nats import NatsError, NatsServer
from waiting import Timeout, wait_until

SAMPLES = ROOT / "tools/deploy/nats"
NODE = {"user": "node", "password": "of-nodes"}
BACKEND = {"user": "backend", "password": "of-backends"}


@pytest.fixture(autouse=True)
def passwords(monkeypatch):
    monkeypatch.setenv("TIDEGATE_NODE_PASSWORD", NODE["password"])
    monkeypatch.setenv("TIDEGATE_BACKEND_PASSWORD", BACKEND["password"])


def without_listen(text):
    """What a NatsServer brings itself."""
    return re.sub(r'^listen: ".*"', "", text, count=1, flags=re.MULTILINE)


@pytest.fixture
def one(tmp_path, nats_server):
    """A server as one.conf has it."""
    shutil.copy(SAMPLES / "users.conf", tmp_path)
    return nats_server(without_listen((SAMPLES / "one.conf").read_text()))


def test_strangers_are_refused(one):
    for who in ({}, {"user": "node", "password": "of-backends"}, {"user": "nobody", "password": "of-nodes"}):
        with pytest.raises(NatsError, match="Authorization Violation|closed"):
            one.client(**who)


def test_what_a_node_takes_fits(one):
    with one.client(**NODE) as node:
        assert node.info["max_payload"] >= 65536 + 4096


# --- what is allowed --------------------------------------------------------------------------------


def test_nodes_hear_each_other(one):
    with one.client(**NODE) as first, one.client(**NODE) as second:
        for subject in ("tidegate.n1.all", "tidegate.n1.node.gw-2", "tidegate.inbox.gw-2.0a"):
            second.subscribe(subject)
            first.publish(subject, b"hello")
            first.flush()
            assert second.next_on(subject).data == b"hello"


def test_a_backend_asks_and_is_answered(one):
    with one.client(**NODE) as node, one.client(**BACKEND) as backend:
        node.subscribe("tidegate.api.v1.>", queue="tidegate")
        backend.subscribe("backend.inbox.1")
        backend.publish("tidegate.api.v1.where", b"{}", reply="backend.inbox.1")
        node.respond(node.next_on("tidegate.api.v1.where"), b"here")
        assert backend.next_on("backend.inbox.1").data == b"here"


def test_a_node_asks_a_backend(one):
    with one.client(**NODE) as node, one.client(**BACKEND) as backend:
        backend.subscribe("tidegate.up", queue="backends")
        node.subscribe("tidegate.inbox.gw-1.*")
        node.publish("tidegate.up", b"?", reply="tidegate.inbox.gw-1.01", headers={"Tidegate-User": "alice"})
        question = backend.next_on("tidegate.up")
        assert question.headers == {"Tidegate-User": "alice"}
        backend.respond(question, b"!")
        assert node.next_on("tidegate.inbox.gw-1.01").data == b"!"


def test_a_backend_follows_events(one):
    with one.client(**NODE) as node, one.client(**BACKEND) as backend:
        backend.subscribe("tidegate.events.>")
        node.publish("tidegate.events.gw-1", b"{}")
        assert backend.next_on("tidegate.events.gw-1").data == b"{}"


# --- what is forbidden ------------------------------------------------------------------------------


BACKEND_MUST_NOT_SAY = [
    "tidegate.n1.all",
    "tidegate.n1.node.gw-1",
    "tidegate.events.gw-1",
    "tidegate.up",
    "tidegate.inbox.gw-1.01",
    "backend.inbox.1",
    "other",
    "_INBOX.1",
]
BACKEND_MUST_NOT_HEAR = [
    "tidegate.n1.all",
    "tidegate.n1.node.gw-1",
    "tidegate.n1.>",
    "tidegate.inbox.gw-1.*",
    "tidegate.inbox.>",
    "tidegate.api.v1.push",
    "tidegate.api.>",
    "tidegate.>",
    "_INBOX.>",
    ">",
]
NODE_MUST_NOT_SAY = ["backend.inbox.1", "_INBOX.1", "other", "tidegatex.n1.all"]
NODE_MUST_NOT_HEAR = ["backend.inbox.>", "_INBOX.>", "other", ">", "*.n1.all"]


@pytest.mark.parametrize(
    ("who", "subjects"), [(BACKEND, BACKEND_MUST_NOT_SAY), (NODE, NODE_MUST_NOT_SAY)], ids=["backend", "node"]
)
def test_what_must_not_be_said(one, who, subjects):
    with one.client(**who) as client:
        for subject in subjects:
            client.publish(subject, b"forged")
            with pytest.raises(NatsError, match=f'Permissions Violation for Publish to "{re.escape(subject)}"'):
                client.flush()


@pytest.mark.parametrize(
    ("who", "subjects"),
    [(BACKEND, BACKEND_MUST_NOT_HEAR), (NODE, NODE_MUST_NOT_HEAR)],
    ids=["backend", "node"],
)
def test_what_must_not_be_heard(one, who, subjects):
    with one.client(**who) as client:
        for subject in subjects:
            with pytest.raises(
                NatsError, match=f'Permissions Violation for Subscription to "{re.escape(subject)}"'
            ):
                client.subscribe(subject)


def test_one_answer_to_a_request_and_no_second(one):
    with one.client(**NODE) as node, one.client(**BACKEND) as backend:
        node.subscribe("tidegate.api.v1.>", queue="tidegate")
        backend.publish("tidegate.api.v1.where", b"{}", reply="backend.inbox.1")
        question = node.next_on("tidegate.api.v1.where")
        node.respond(question, b"here")
        node.flush()
        node.respond(question, b"and here")
        with pytest.raises(NatsError, match="Permissions Violation"):
            node.flush()


# --- three servers ----------------------------------------------------------------------------------


def make_certificates(folder):
    """An authority, and one certificate of it for all three; RFC 5280 names for servers and clients."""
    folder.mkdir()

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *key, "-days", "2", "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem",
            "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("req", "-new", *key, "-subj", "/CN=nats", "-keyout", "server.key", "-out", "server.csr")
    (folder / "ext").write_text(
        "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n"
        "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n",
        encoding="ascii",
    )
    openssl(
        *"x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2".split(),
        *["-extfile", "ext", "-out", "server.pem"],
    )


def localized(text, name, folder, routes):
    """nats.conf for this machine: its paths, names and ports."""
    text = without_listen(text).replace("server_name: nats-1", f"server_name: {name}")
    text = text.replace("/etc/nats/tls/", f"{folder}/").replace("0.0.0.0:6222", f"127.0.0.1:{routes[name]}")
    for other, port in routes.items():
        text = text.replace(f"{other}.example.org:6222", f"localhost:{port}")
    return text


@pytest.fixture
def three(tmp_path, nats_server):
    shutil.copy(SAMPLES / "users.conf", tmp_path)
    make_certificates(tmp_path / "tls")
    routes = {name: free_port() for name in ("nats-1", "nats-2", "nats-3")}
    text = (SAMPLES / "nats.conf").read_text()
    return [
        nats_server(localized(text, name, tmp_path / "tls", routes), name=name) for name in sorted(routes)
    ]


def test_three_servers_are_one_and_one_may_go(three, tmp_path):
    tls = ssl.create_default_context(cafile=str(tmp_path / "tls/ca.pem"))
    with contextlib.ExitStack() as stack:
        nodes = [stack.enter_context(server.client(tls=tls, **NODE)) for server in three]
        for node in nodes:
            node.subscribe("tidegate.n1.all")

        def reaches(speaker, listeners):
            """Whether all of them have heard of it, soon: routes come by and by."""
            word = os.urandom(8)
            speaker.publish("tidegate.n1.all", word)
            speaker.flush()
            with contextlib.suppress(Timeout):
                return all(listener.next(0.2, lambda message: message.data == word) for listener in listeners)

        for speaker in nodes:
            others = [node for node in nodes if node is not speaker]
            wait_until(lambda speaker=speaker, others=others: reaches(speaker, others), "the routes are there")
        three[0].kill()
        wait_until(lambda: reaches(nodes[1], [nodes[2]]), "the others go on")


def test_nothing_in_clear_where_there_is_tls(three):
    with pytest.raises((NatsError, AssertionError)):
        three[0].client(**NODE)


def test_a_server_that_has_no_such_file(tmp_path):
    """What the tests above would not notice: that the server reads its file at all."""
    broken = NatsServer(tmp_path, "include nowhere.conf")
    with pytest.raises(Timeout):
        broken.start()
    broken.end()

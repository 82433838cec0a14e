"""The manifests of tools/deploy/kubernetes with what they run: the gateway takes its config, NATS its own, and both together
serve, are ready, and end as a pod must. What the files say of each other is tested in tests/tools/test_manifests.py."""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import time

import pytest

import nats as nats_parts
from gateway import BINARY, ROOT, free_port
from raw import request
from waiting import TIMEOUT, wait_until

yaml = pytest.importorskip("yaml")

pytestmark = pytest.mark.release

FOLDER = ROOT / "tools/deploy/kubernetes"
SECRETS = "/run/secrets/tidegate"


def documents(name):
    return list(yaml.safe_load_all((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))


def data_of(name, file):
    [text] = [it["data"][file] for it in documents(name) if it["kind"] == "ConfigMap"]
    return text


def container_of(name):
    [state] = [it for it in documents(name) if it["kind"] == "StatefulSet"]
    [container] = state["spec"]["template"]["spec"]["containers"]
    return container


def replaced(text, *pairs):
    """Each must be there: else the file is not what is tested."""
    for old, new in pairs:
        assert old in text, f"{old} is not in the file"
        text = text.replace(old, new)
    return text


@pytest.fixture
def secrets(tmp_path):
    """What the guide makes, as Kubernetes mounts it: for the owner and his group to read."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    key = folder / "key"
    subprocess.run([BINARY, "token", "--new=es256", f"--key={key}"], check=True, capture_output=True, timeout=TIMEOUT)
    made = {"cluster-key": os.urandom(32).hex(), "admin-token": os.urandom(24).hex(), "cluster-creds": "node:a-password",
            "auth-keys": (folder / "key.pub").read_text(encoding="ascii")}
    for name, text in made.items():
        path = folder / name
        path.write_text(text + "\n", encoding="ascii")
        path.chmod(0o440)
    return folder


@pytest.fixture
def nats_of_the_manifest(nats_server):
    """One of the three, with its users."""
    text = data_of("nats", "nats.conf")
    cluster = re.search(r"(?ms)^cluster \{.*?^\}\n", text)[0]
    return nats_server(replaced(
        text, (cluster, ""), ("port: 4222\nhttp_port: 8222\npid_file: /run/nats/nats.pid\n", ""), ("$POD_NAME", "nats-0"),
        ("$NODE_PASSWORD", '"a-password"'), ("$BACKEND_PASSWORD", '"another"')))


@pytest.fixture
def config(tmp_path, secrets, nats_of_the_manifest):
    """The gateway's file, with places of this machine."""
    cluster = re.search(r"(?m)^cluster = (.*)$", data_of("tidegate", "tidegate.conf"))[1]
    admin = free_port()
    path = tmp_path / "tidegate.conf"
    path.write_text(replaced(
        data_of("tidegate", "tidegate.conf"), (SECRETS, str(secrets)), (cluster, nats_of_the_manifest.url),
        ("listen = :8000\n", ""), ("*:8001", f"*:{admin}"), ("max_connections = 100000", "max_connections = 1000"),
        ("drain = 60", "drain = 2")), encoding="utf-8")  # fmt: skip
    return path, admin


def test_the_config_is_good(config):
    path, _ = config
    done = subprocess.run([BINARY, "--test", f"--config={path}", "--listen=127.0.0.1:8000", "--id=tidegate-0"], text=True,
                          capture_output=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    warnings = [line for line in done.stderr.splitlines() if "WARN" in line]
    assert not [line for line in warnings if "in clear" not in line], warnings


def test_a_pod_begins_serves_and_ends(start, config, nats_of_the_manifest, secrets):
    path, admin_port = config
    container = container_of("tidegate")
    arguments = [word.replace("$(POD_NAME)", "tidegate-0") for word in container["args"]]
    gateway = start(f"--config={path}", *arguments, drain=2)
    probe = container["readinessProbe"]["httpGet"]["path"]

    def ask(target, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", admin_port, timeout=TIMEOUT)
        with contextlib.closing(connection):
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def probed():
        """As the kubelet asks: by the pod's address, without the token."""
        return ask(probe, Host="10.1.2.3:8001")[0]

    def metrics():
        status, text = ask("/metrics", Authorization=f"Bearer {(secrets / 'admin-token').read_text(encoding='ascii').strip()}")
        assert status == 200
        return text

    assert probed() == 200
    wait_until(lambda: "tidegate_cluster_up 1\n" in metrics(), "it has found NATS")
    token = subprocess.run([BINARY, "token", f"--key={secrets}/key", "--user=alice", "--ttl=1m"], capture_output=True, text=True,
                           timeout=TIMEOUT, check=True).stdout.strip()
    alice = gateway.raw()
    alice.send(request("/", extra=[f"Authorization: Bearer {token}"]))
    alice.expect_upgrade()
    begin = time.monotonic()
    gateway.signal(signal.SIGTERM)
    wait_until(lambda: probed() != 200, "it is not ready any more")
    alice.frames_to_close()
    gateway.close_clients()
    gateway.assert_ends(0)
    assert time.monotonic() - begin < TIMEOUT


def test_a_backend_s_user_cannot_speak_as_a_node(nats_of_the_manifest):
    backend = nats_of_the_manifest.client(user="backend", password="another")
    backend.subscribe("tidegate.events.>")
    backend.subscribe("tidegate.up", queue="backend")
    backend.subscribe("backend.inbox.>")
    backend.publish("tidegate.api.v1.where", b"{}", reply="backend.inbox.1")
    backend.flush()
    for subject in ("tidegate.n1.all", "tidegate.n1.node.tidegate-0", "tidegate.events.tidegate-0", "tidegate.up"):
        backend.publish(subject, b"x")
        with pytest.raises(nats_parts.NatsError, match="Permissions Violation"):
            backend.flush()
    for subject in ("tidegate.n1.all", "tidegate.inbox.>", ">"):
        with pytest.raises(nats_parts.NatsError, match="Permissions Violation"):
            backend.subscribe(subject)
    with pytest.raises(nats_parts.NatsError):
        nats_of_the_manifest.client(user="backend", password="wrong")
    with pytest.raises(nats_parts.NatsError):
        nats_of_the_manifest.client()

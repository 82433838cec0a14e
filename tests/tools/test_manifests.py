"""The manifests and the Containerfile of tools/deploy: they are well-formed, they agree with each other, and their options,
ports and paths are the project's own."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import known_options
import pytest
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "tools/deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
NATS = shutil.which("nats-server", path=f"{os.environ['PATH']}:/usr/sbin")
LINT = """
extends: default
rules:
  line-length: {max: 130}
  braces: {max-spaces-inside: 0}
  comments: {min-spaces-from-content: 1}
  document-start: disable
"""
PAYLOAD_BESIDE = 4096  # of the server's max_payload, beside max_message


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def documents():
    return [it for path in MANIFESTS for it in yaml.safe_load_all(path.read_text(encoding="utf-8")) if it]


def one(kind, name):
    [found] = [it for it in documents() if it["kind"] == kind and it["metadata"]["name"] == name]
    return found


def pod_of(name):
    """Of a StatefulSet: the specification of its pods, and the one container."""
    pod = one("StatefulSet", name)["spec"]["template"]["spec"]
    [container] = pod["containers"]
    return pod, container


def ports_of(name):
    return {port["name"]: port["containerPort"] for port in pod_of(name)[1]["ports"]}


def options():
    """The lines of the gateway's config file."""
    text = one("ConfigMap", "tidegate")["data"]["tidegate.conf"]
    return dict(line.split(" = ", 1) for line in text.splitlines() if line and not line.startswith("#"))


def seconds_of_prestop(container):
    command = container["lifecycle"]["preStop"]["exec"]["command"]
    return int(command[1]) if command[0] == "sleep" else None


# --- their form -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_yamllint_has_nothing_to_say(path):
    done = subprocess.run(["yamllint", "--strict", "--config-data", LINT, path], capture_output=True, text=True, timeout=60,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_is_no_key_twice():
    """Which a parser would let pass."""
    class Loader(yaml.SafeLoader):
        def construct_mapping(self, node, deep=False):
            keys = [self.construct_object(key, deep) for key, _ in node.value]
            assert len(keys) == len(set(keys)), keys
            return super().construct_mapping(node, deep)

    for path in MANIFESTS:
        assert list(yaml.load_all(path.read_text(encoding="utf-8"), Loader))  # noqa: S506


# --- that they agree ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tidegate", "nats"])
def test_what_belongs_together_finds_each_other(name):
    labels = {"app": name}
    state = one("StatefulSet", name)
    assert state["spec"]["selector"]["matchLabels"] == state["spec"]["template"]["metadata"]["labels"] == labels
    assert one("PodDisruptionBudget", name)["spec"] == {"maxUnavailable": 1, "selector": {"matchLabels": labels}}
    assert one("NetworkPolicy", name)["spec"]["podSelector"]["matchLabels"] == labels
    for constraint in state["spec"]["template"]["spec"]["topologySpreadConstraints"]:
        assert constraint["labelSelector"]["matchLabels"] == labels
    # Of the names of its pods one Service is in charge.
    governing = one("Service", state["spec"]["serviceName"])
    assert governing["spec"]["clusterIP"] == "None" and governing["spec"]["selector"] == labels
    for service in (it for it in documents() if it["kind"] == "Service" and it["spec"]["selector"] == labels):
        for port in service["spec"]["ports"]:
            assert ports_of(name)[port["targetPort"]] == port["port"]
    for rule in one("NetworkPolicy", name)["spec"]["ingress"]:
        assert {port["port"] for port in rule["ports"]} <= set(ports_of(name))


@pytest.mark.parametrize("name", ["tidegate", "nats"])
def test_what_is_mounted_is_there(name):
    pod, container = pod_of(name)
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    for volume in volumes.values():
        if "configMap" in volume:
            assert one("ConfigMap", volume["configMap"]["name"])


@pytest.mark.parametrize("name", ["tidegate", "nats"])
def test_pods_may_do_little(name):
    pod, container = pod_of(name)
    assert pod["securityContext"]["runAsNonRoot"] and pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


# --- the gateway's --------------------------------------------------------------------------------


def test_its_options_are_known():
    words = known_options.words()
    assert len(options()) > 8 and set(options()) <= {*words, *known_options.numbers()}
    _, container = pod_of("tidegate")
    assert container["args"] == ["--id=$(POD_NAME)"] and container["env"][0]["name"] == "POD_NAME"
    assert "id" in words


def test_its_ports_are_those_of_the_probes():
    _, container = pod_of("tidegate")
    listen, admin = (options()[name].rpartition(":") for name in ("listen", "admin"))
    assert ports_of("tidegate") == {"chat": int(listen[2]), "admin": int(admin[2])}
    assert listen[0] == "" and admin[0] == "*", "others than this machine are to reach them"
    assert {"admin_token", "admin_plain"} <= set(options())
    paths = json.loads(read("server/admin/openapi.json"))["paths"]
    probes = {name: container[name]["httpGet"] for name in ("readinessProbe", "livenessProbe")}
    assert probes == {"readinessProbe": {"path": "/readyz", "port": "admin"}, "livenessProbe": {"path": "/healthz", "port": "admin"}}
    assert all("get" in paths[probe["path"]] for probe in probes.values())


def test_its_files_are_where_the_secret_is_mounted():
    _, container = pod_of("tidegate")
    mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounted["config"] == "/etc/tidegate", "where the image looks for tidegate.conf"
    named = {pathlib.PurePath(value) for value in options().values() if value.startswith("/")}
    assert len(named) == 4 and {str(path.parent) for path in named} == {mounted["secrets"]}
    # Each is made in the guide.
    made = re.search(r"kubectl create secret generic tidegate((?:.*\\\n)*.*)", read("tools/deploy/README.md"))[1]
    assert {path.name for path in named} == set(re.findall(r"--from-file=([\w-]+)", made))


def test_there_is_time_for_a_drain():
    pod, container = pod_of("tidegate")
    stop_s = int(re.search(r"STOP_MS = (\d+)000,", read("server/gateway.c"))[1])
    drain = int(options()["drain"])
    ending_s = seconds_of_prestop(container) + drain + known_options.numbers()["close_deadline"][0] + 1 + stop_s
    assert pod["terminationGracePeriodSeconds"] >= ending_s
    assert one("StatefulSet", "tidegate")["spec"]["minReadySeconds"] > drain
    # What looks for readiness looks more often than preStop takes.
    probe = container["readinessProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] < seconds_of_prestop(container)


# --- those of NATS --------------------------------------------------------------------------------


def nats_config():
    return one("ConfigMap", "nats")["data"]["nats.conf"]


def test_nats_takes_its_config(tmp_path):
    path = tmp_path / "nats.conf"
    path.write_text(nats_config(), encoding="utf-8")
    _, container = pod_of("nats")
    names = {variable["name"] for variable in container["env"]}
    assert names == set(re.findall(r"\$(\w+)", nats_config()))
    done = subprocess.run([NATS, "-t", "-c", path], capture_output=True, text=True, timeout=60, check=False,
                          env={**os.environ, **{name: f"a-{name.lower()}" for name in names}})  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_server_of_nats_is_named():
    state, ports = one("StatefulSet", "nats"), ports_of("nats")
    names = [f"nats-{number}.{state['spec']['serviceName']}" for number in range(state["spec"]["replicas"])]
    assert options()["cluster"] == ",".join(f"nats://{name}:{ports['clients']}" for name in names)
    assert re.findall(r'"nats://([^"]+)"', nats_config()) == [f"{name}:{ports['routes']}" for name in names]
    for name, port in (("port", "clients"), ("http_port", "monitor")):
        assert re.search(rf"^{name}: {ports[port]}$", nats_config(), re.MULTILINE)
    assert re.search(rf"cluster \{{\n.*\n +port: {ports['routes']}\n", nats_config())


def test_nats_takes_the_largest_message():
    payload = re.search(r"^max_payload: (\d+)MB$", nats_config(), re.MULTILINE)
    assert int(payload[1]) << 20 >= known_options.numbers()["max_message"][0] + PAYLOAD_BESIDE


def test_nats_has_time_to_send_its_clients_away():
    pod, container = pod_of("nats")
    duration = int(re.search(r"^lame_duck_duration: (\d+)s$", nats_config(), re.MULTILINE)[1])
    assert pod["terminationGracePeriodSeconds"] > duration + 10
    pid_file = re.search(r"^pid_file: (\S+)$", nats_config(), re.MULTILINE)[1]
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["nats-server", "--signal", f"ldm={pid_file}"]
    assert os.path.dirname(pid_file) in {mount["mountPath"] for mount in container["volumeMounts"]}


# --- the image ------------------------------------------------------------------------------------


def test_the_image_is_made_of_what_is_there():
    text = read("tools/deploy/Containerfile")
    copied = {name for words in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE) for name in words.split()}
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False).stdout.split()
    top = {name.partition("/")[0] for name in tracked or copied}
    assert copied == {name for name in top if not name.startswith(".")}
    assert "RUN /src/tools/package" in text and "/src/build/package/tidegate_*.deb" in text
    assert set(re.findall(r"^FROM \S*/debian:(\d+)-slim", text, re.MULTILINE)) == {"12"}


def test_the_image_runs_what_the_package_installs():
    text = read("tools/deploy/Containerfile")
    [program, config] = json.loads(re.search(r"^ENTRYPOINT (.*)$", text, re.MULTILINE)[1])
    installed = read("tools/debian/tidegate.install").split()
    assert program.removeprefix("/") in installed
    assert config.removeprefix("--config=/") in installed
    assert re.search(r"^USER (\w+)$", text, re.MULTILINE)[1] in read("tools/debian/tidegate.postinst").split()
    assert set(re.search(r"^EXPOSE (.*)$", text, re.MULTILINE)[1].split()) == {str(port) for port in ports_of("tidegate").values()}
    default = re.search(r'^#listen = :(\d+)$', read("server/tidegate.conf"), re.MULTILINE)[1]
    assert int(default) == ports_of("tidegate")["chat"]

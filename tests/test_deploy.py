"""What is shipped for containers: valid by the published schemas, true to the program, and it does what it says."""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import service
import yaml
from hosts import Host
from plugins import GOOD, META_PATH

from configvault import config

PROJECT = Path(__file__).parents[1]
DEPLOY = PROJECT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
# The oldest and the newest that the schemas' package and a cluster in use are likely to share.
VERSIONS = ("1.28", "1.34")


def documents() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object that the manifests describe, with a name for the test."""
    for path in MANIFESTS:
        for document in yaml.safe_load_all(path.read_text()):
            yield f"{path.stem}-{document['kind']}", document


OBJECTS = dict(documents())


def containers() -> Iterator[dict[str, Any]]:
    """Yield configvault's container of each workload."""
    for document in OBJECTS.values():
        for container in document.get("spec", {}).get("template", {}).get("spec", {}).get("containers", []):
            if "configvault" in container["image"]:
                yield container


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", OBJECTS)
def test_manifests_are_valid(name: str, version: str) -> None:
    """Each object is what the API server's own schema allows, without a field that it does not know."""
    kubernetes_validate.validate(OBJECTS[name], version, strict=True)


def test_the_schemas_refuse() -> None:
    """The validator is active: a misspelt field is refused."""
    broken = json.loads(json.dumps(OBJECTS["sidecar-Deployment"]).replace("livenessProbe", "liveProbe"))
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[1], strict=True)


def test_an_exported_configmap_is_valid(tmp_path: Path) -> None:
    """What `export --format configmap` prints is what the API server takes, as YAML and as JSON."""
    host = Host(tmp_path / "h")
    host.record("deep/a.yaml")
    words = ["export", "latest", "--format", "configmap", "--namespace", "coze"]
    for document in (yaml.safe_load(host.run(*words).out), host.run(*words, "--json").json):
        kubernetes_validate.validate(document, VERSIONS[1], strict=True)


# A kubectl or docker that keeps what it was given, each call on a line.
RECORDER = """\
import json, os, sys
given = sys.stdin.read() if "-" in sys.argv[1:] else ""
with open(os.environ["RECORD"], "a") as record:
    record.write(json.dumps([sys.argv[1:], given]) + "\\n")
sys.exit(os.environ.get("FAILS", "none") in sys.argv)
"""


def deployed(
    base: Path, files: Mapping[str, str], **environ: str
) -> tuple[int, list[tuple[list[str], str]], str]:
    """Run the script on a directory; return its exit code, what was run with which input, and its errors."""
    for name, text in files.items():
        (base / "plugin" / name).parent.mkdir(parents=True, exist_ok=True)
        (base / "plugin" / name).write_text(text)
    (base / "record.py").write_text(RECORDER)
    recorder = f"{sys.executable} {base}/record.py"
    done = subprocess.run(
        [DEPLOY / "kubernetes" / "deploy.sh", "plugin"],
        cwd=base,
        env={
            "PATH": os.environ["PATH"], "RECORD": str(base / "record"), "KUBECTL": recorder, "DOCKER": f"{recorder} docker",
            "CONFIGVAULT": f"{sys.executable} -m configvault", "CONFIGVAULT_CONFIG": str(base / "none.yaml"), **environ,
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    lines = (base / "record").read_text().splitlines() if (base / "record").exists() else []
    return done.returncode, [(argv, given) for argv, given in map(json.loads, lines)], done.stderr


@pytest.mark.parametrize("form", ["configmap", "secret"])
def test_the_script_deploys(tmp_path: Path, form: str) -> None:
    """It builds, makes the object without vault or configuration, applies server-side, waits and shows, in that order."""
    code, ran, errors = deployed(
        tmp_path, GOOD, CONTEXT=".", PUSH="1", IMAGE="r.example/c:2", NAMESPACE="prod", FORMAT=form
    )
    assert code == 0, errors
    assert [" ".join(argv) for argv, _ in ran] == [
        "docker build --tag r.example/c:2 .",
        "docker push r.example/c:2",
        "apply --server-side -f -",
        "apply --server-side --force-conflicts -f -",
        "apply --server-side -f -",
        "--namespace prod rollout status deployment/coze-studio --timeout=300s",
        "--namespace prod get pods,services,ingress",
    ]
    namespace, plugins, rest = ([one for one in yaml.safe_load_all(ran[n][1]) if one] for n in (2, 3, 4))
    for one in [*namespace, *plugins, *rest]:
        kubernetes_validate.validate(one, VERSIONS[1], strict=True)
    assert [(one["kind"], one["metadata"]["name"]) for one in namespace] == [("Namespace", "prod")]
    assert {one["metadata"].get("namespace", "prod") for one in rest} == {"prod"}
    [deployment] = [one for one in rest if one["kind"] == "Deployment"]
    spec = deployment["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == "r.example/c:2"
    [volume] = [one for one in spec["volumes"] if one["name"] == "coze-plugins"]
    mounted = volume["configMap" if form == "configmap" else "secret"]["items"]
    assert {one["path"] for one in mounted} == set(GOOD)
    held = plugins[0]["data"]
    for one in mounted:
        data = held[one["key"]]
        assert (data if form == "configmap" else base64.b64decode(data).decode()) == GOOD[one["path"]]
    assert ("looks like a secret" in errors) is (form == "configmap")
    assert "harbour-master" not in errors


def test_the_script_stops_at_the_first_failure(tmp_path: Path) -> None:
    """A directory that is refused is not deployed, and a rollout that fails is a failure."""
    code, ran, _ = deployed(tmp_path, {**GOOD, META_PATH: "["})
    assert (code, ran) == (3, [])
    code, ran, _ = deployed(tmp_path, GOOD, FAILS="rollout")
    assert (code, ran[-1][0][2]) == (1, "rollout")


def test_compose_is_valid() -> None:
    """The compose file is what the Compose Specification allows."""
    schema = json.loads(
        files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json").read_text()
    )
    jsonschema.validate(yaml.safe_load((DEPLOY / "compose.yaml").read_text()), schema)


def test_every_configuration_loads() -> None:
    """Each configvault configuration in deploy/ is one, and names a host that stays."""
    texts = [
        document["data"]["config.yaml"]
        for document in OBJECTS.values()
        if "config.yaml" in document.get("data", {})
    ]
    texts.append((DEPLOY / "configvault.yaml").read_text())
    assert len(texts) == 5
    for text in texts:
        settings = config.parse(text, "config.yaml", {"NODE_NAME": "node-1"})
        assert settings.host
        assert settings.vault == "/var/lib/configvault"


def test_containers_may_do_little() -> None:
    """Each drops all capabilities, cannot gain others, has a read-only system, and is asked for both pages."""
    found = list(containers())
    assert len(found) == 4
    for container in found:
        allowed = container["securityContext"]
        assert allowed["capabilities"]["drop"] == ["ALL"]
        assert (allowed["allowPrivilegeEscalation"], allowed["readOnlyRootFilesystem"]) == (False, True)
        for probe, page in (("startup", "/health"), ("liveness", "/health"), ("readiness", "/ready")):
            assert container[f"{probe}Probe"]["exec"]["command"] == [
                "python3",
                "-IS",
                "/opt/configvault/ask.py",
                page,
            ]


def test_the_image_is_made_of_what_is_here() -> None:
    """Every file that the Dockerfile copies exists, its user is not root, and it asks with the script it ships."""
    text = re.sub(r"\\\n", " ", (PROJECT / "Dockerfile").read_text())
    lines = [shlex.split(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    known = {"FROM", "RUN", "COPY", "ENV", "USER", "VOLUME", "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"}
    assert {line[0] for line in lines} == known
    copied = [
        name for line in lines if line[0] == "COPY" and not line[1].startswith("--") for name in line[1:-1]
    ]
    assert [name for name in copied if not (PROJECT / name).exists()] == []
    assert next(line[1] for line in lines if line[0] == "USER") == "10001:10001"
    assert "/opt/configvault/ask.py" in text.partition("HEALTHCHECK")[2]


@pytest.mark.parametrize(("status", "code"), [(200, 0), (204, 0), (503, 1), (404, 1)])
def test_the_probe_believes_the_status(status: int, code: int) -> None:
    """The probe passes on success and fails on anything else."""
    with service.serving(service.answer(status, "why\nnot")) as served:
        done = ask("/health", f"127.0.0.1:{served.port}")
    assert (done.returncode, served.asked[0].split(" ")[:2]) == (code, ["GET", "/health"])


def test_the_probe_fails_where_nobody_answers() -> None:
    """Without a listener the probe fails and says so on one line."""
    done = ask("/ready", "127.0.0.1:1")
    assert (done.returncode, done.stdout.count("\n")) == (1, 1)


def ask(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the probe as the containers do."""
    argv = [sys.executable, "-IS", str(DEPLOY / "ask.py"), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


class Mount:
    """A ConfigMap mounted by kubelet: a hidden folder a version, a link to the newest, a link a file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.number = 0

    def swap(self, contents: dict[str, str]) -> None:
        """Bring in another version as kubelet's atomic writer does."""
        self.number += 1
        new = self.root / f"..2024_01_01_00_00_0{self.number}.1234567890"
        for path, text in contents.items():
            (new / path).parent.mkdir(parents=True, exist_ok=True)
            (new / path).write_text(text)
        aside = self.root / "..data_tmp"
        aside.symlink_to(new.name)
        old = (self.root / "..data").resolve() if (self.root / "..data").exists() else None
        aside.rename(self.root / "..data")
        for name in {path.split("/")[0] for path in contents}:
            if not (self.root / name).is_symlink():
                (self.root / name).symlink_to(f"..data/{name}")
        if old is not None:
            subprocess.run(["rm", "-r", str(old)], check=True)


# Takes ConfigMaps as the API server would, restarts as asked, and writes down what it was told.
KUBECTL = """#!{python}
import os, sys
from pathlib import Path
place = Path({place!r})
with (place / "told").open("a") as file:
    file.write(" ".join(sys.argv[1:]) + "\\n")
if sys.argv[1] == "apply":
    (place / "applied").write_text(sys.stdin.read())
sys.exit(int((place / "code").read_text()) if sys.argv[2:3] == ["status"] else 0)
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for kubectl on the path; returns the folder with what it was told."""
    place = tmp_path / "cluster"
    place.mkdir()
    (place / "code").write_text("0")
    program = place / "kubectl"
    program.write_text(KUBECTL.format(python=sys.executable, place=str(place)))
    program.chmod(0o755)
    return place


def test_rolling_back_a_configmap(tmp_path: Path, kubectl: Path) -> None:
    """Each swapped-in version is a snapshot; an older one, exported and applied, is what the mount shows again."""
    host = Host(tmp_path / "h")
    mount = Mount(host.root)
    contents = {"plugin_meta.yaml": "v: 1\n", "pluginproduct/a.yaml": "x: 1\n"}
    mount.swap(contents)
    host.ok("init")
    first = host.ids()[0]
    mount.swap({"plugin_meta.yaml": "v: 2\n", "pluginproduct/a.yaml": "x: 2\n"})
    assert host.ok("snapshot")["outcome"] == "recorded"
    ran = host.run("export", first, "--format", "configmap", "--name", "coze-plugins")
    assert ran.code == 0, ran.err
    exported = ran.out
    subprocess.run([kubectl / "kubectl", "apply", "-f", "-"], input=exported, text=True, check=True)
    applied = yaml.safe_load((kubectl / "applied").read_text())
    volume = yaml.safe_load(host.run("export", first, "--format", "configmap", "--items").out)
    back = {item["path"]: applied["data"][item["key"]] for item in volume["configMap"]["items"]}
    assert back == contents
    mount.swap(back)
    assert (host.root / "pluginproduct" / "a.yaml").read_text() == "x: 1\n"
    host.ok("snapshot")


@pytest.mark.parametrize(
    "reload",
    [
        "rollout restart deployment/coze",
        "rollout undo deployment/coze",
        "rollout undo deployment/coze --to-revision=2",
    ],
)
def test_reloading_by_kubectl(
    tmp_path: Path, kubectl: Path, reload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restart or an undo is a reload command, and the rollout's status a health check that is believed."""
    host = Host(tmp_path / "h")
    monkeypatch.setenv("PATH", str(kubectl), prepend=os.pathsep)
    status = ["kubectl", "rollout", "status", "deployment/coze"]
    reloading = {"kind": "command", "command": ["kubectl", *reload.split()]}
    host.configure(
        reload=reloading, health=[{"name": "rollout", "command": status, "timeout": "60s", "within": "60s"}]
    )
    id_ = host.record()
    assert host.ok("reload")["ok"]
    assert (kubectl / "told").read_text().splitlines() == [reload, " ".join(status[1:])]
    assert host.ok("show", id_)["good"]
    (kubectl / "code").write_text("1")
    host.configure(reload=reloading, health=[{"name": "rollout", "command": status, "within": "10ms"}])
    assert host.run("reload").code == 7

"""The image: buildah makes it of the Dockerfile, and a container of it protects a volume, as the user it names."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harness import apart, image
from harness.image import Container, Image

PROJECT = Path(__file__).parents[2]
REASON = apart.why_not("debootstrap", "buildah", "tar")
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

USER = 10001
CONFIG = """\
root: /data/plugin
vault: /var/lib/configvault
host: in-a-container
validate: {profile: generic}
reload: {kind: none}
watch: {quiet: 200ms}
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The image, made once."""
    try:
        return image.build(PROJECT, tmp_path_factory.mktemp("image"))
    except image.NoDebianError as error:
        pytest.skip(str(error))


def test_it_protects_a_volume(built: Image, tmp_path: Path) -> None:
    """With no rights of root a daemon in it records a change, refuses a broken one, and a rollback restores the volume."""
    config = built.config()
    assert config["User"] == f"{USER}:{USER}"
    volumes = {"/data": tmp_path / "data", "/var/lib/configvault": tmp_path / "vault"}
    for folder in volumes.values():
        image.own(folder, USER)
    root = image.own(tmp_path / "data" / "plugin", USER)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "config.yaml").write_text(CONFIG)

    def inside() -> None:
        apart.own_network()
        box = Container.of(built, volumes | {"/etc/configvault": tmp_path / "etc"})
        assert one(box, "--version").startswith("configvault ")
        assert not healthy(box, config)
        write(root, "version: 1\n")
        with runs(box, config) as daemon:
            said(daemon, '"daemon.ready"')
            assert healthy(box, config)
            write(root, "version: 2\n")
            said(daemon, '"snapshot.recorded"')
            write(root, "version: [\n")
            said(daemon, '"change.rejected"')
            done = answered(box, "rollback", "latest")
            assert (done["outcome"], done["safety"][:9]) == ("rolled_back", "rejected_")
            assert (root / "a.yaml").read_text() == "version: 2\n"
            assert (root / "a.yaml").stat().st_uid == USER
            assert [path.name for path in root.iterdir()] == ["a.yaml"]
            # An engine sends this to the first process of the container, which buildah's isolation does not have.
            os.kill(
                answered(box, "status")["daemon"]["pid"], signal.Signals[config.get("StopSignal", "SIGTERM")]
            )
            said(daemon, '"daemon.stopped"')
            assert daemon.wait() == 0
        assert not healthy(box, config)

    apart.apart(inside)
    assert {path.lstat().st_uid for path in (tmp_path / "vault").rglob("*")} == {USER}


@contextmanager
def runs(box: Container, config: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """Start what the image starts by itself."""
    argv = box.argv([*config["Entrypoint"], *config["Cmd"]])
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()


def said(process: subprocess.Popen[str], text: str) -> None:
    """Read what a daemon logs until this comes; a test that never ends is ended by who started it."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if text in line:
            return
    raise AssertionError(f"never logged: {text}; but:\n{''.join(seen)}")


def write(root: Path, text: str) -> None:
    """Write the only file, as the container's user would."""
    (root / "b.tmp").write_text(text)
    os.chown(root / "b.tmp", USER, USER)
    (root / "b.tmp").rename(root / "a.yaml")


def one(box: Container, *words: str) -> str:
    """Run a command in the container, as `docker exec` does, and return what it prints."""
    argv = box.argv(["configvault", *words])
    done = subprocess.run(argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def answered(box: Container, *words: str) -> Any:
    """Run a command in the container and return its JSON."""
    return json.loads(one(box, *words, "--json"))


def healthy(box: Container, config: dict[str, Any]) -> bool:
    """Return what the image's own check answers."""
    assert config["Healthcheck"]["Test"][0] == "CMD"
    argv = box.argv(config["Healthcheck"]["Test"][1:])
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0

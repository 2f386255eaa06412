"""The image: the Dockerfile's own steps make it, and it works as the user it names."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from harness import apart, image
from harness.image import Image

PROJECT = Path(__file__).parents[2]
REASON = apart.why_not("debootstrap", "chroot")
pytestmark = pytest.mark.skipif(REASON is not None, reason=str(REASON))

CONFIG = """\
root: /data/plugin
vault: /var/lib/configvault
host: in-a-container
validate: {profile: generic}
reload: {kind: none}
watch: {quiet: 200ms}
"""


def test_the_steps_make_an_image_that_works(tmp_path: Path) -> None:
    """Built step by step it tells its version, records, runs as nobody else than its user, and knows its health."""

    def inside() -> None:
        with (
            tempfile.TemporaryDirectory(prefix="configvault-image-") as place,
            image.memory(Path(place)) as memory,
        ):
            base = image.debian(memory, "bookworm")
            libraries = image.wheels(PROJECT / "requirements" / "run.txt", tmp_path / "wheels")
            made = image.build(PROJECT / "Dockerfile", base, libraries)
            apart.own_network()
            works(made)

    try:
        apart.apart(inside)
    except image.NoDebianError as error:
        pytest.skip(str(error))


def works(made: Image) -> None:
    """Go through what an operator does with a container of this image."""
    assert made.user == "10001:10001"
    assert one(made, "--version").startswith("configvault ")
    root = made.root / "data" / "plugin"
    root.mkdir(parents=True)
    os.chown(root, 10001, 10001)
    (made.root / "etc" / "configvault").mkdir()
    (made.root / "etc" / "configvault" / "config.yaml").write_text(CONFIG)
    write(root, "version: 1\n")
    assert answered(made, "init")["outcome"] == "recorded"
    write(root, "version: 2\n")
    first = answered(made, "snapshot")["snapshot"]
    assert first["actor"].startswith("configvault (uid 10001")
    assert not healthy(made)
    runs(made, root)
    assert not healthy(made)
    assert answered(made, "rollback", first["id"])["outcome"] == "rolled_back"
    assert (root / "a.yaml").read_text() == "version: 2\n"
    assert (root / "a.yaml").stat().st_uid == 10001
    assert {path.stat().st_uid for path in (made.root / "var/lib/configvault").rglob("*")} == {10001}


def runs(made: Image, root: Path) -> None:
    """Start what the image starts by itself: it is healthy, records a change, and ends well when it is told to."""
    argv = made.argv(*made.entry, *made.command)
    with subprocess.Popen(argv, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        try:
            said(process, '"daemon.ready"')
            assert healthy(made)
            write(root, "version: 3\n")
            said(process, '"snapshot.recorded"')
            process.send_signal(signal.Signals[made.stop_signal])
            rest = process.stderr.read()
            assert process.wait() == 0, rest
        finally:
            process.kill()


def said(process: subprocess.Popen[str], text: str) -> None:
    """Read what a daemon says until it says this; a test that never ends is ended by who started it."""
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if text in line:
            return
    raise AssertionError(f"never said: {text}; said:\n{''.join(seen)}")


def write(root: Path, text: str) -> None:
    """Write the only file, as the container's user would."""
    (root / "a.yaml").write_text(text)
    os.chown(root / "a.yaml", 10001, 10001)


def one(made: Image, *words: str) -> str:
    """Run a command in a container and return what it prints."""
    done = subprocess.run(
        made.argv(*made.entry, *words), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, (words, done.stdout, done.stderr)
    return done.stdout


def answered(made: Image, *words: str) -> Any:
    """Run a command in a container and return its JSON."""
    return json.loads(one(made, *words, "--json"))


def healthy(made: Image) -> bool:
    """Return what the image's own check says."""
    return subprocess.run(made.argv(*made.health), capture_output=True, check=False).returncode == 0

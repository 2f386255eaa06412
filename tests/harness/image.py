"""The image, made by buildah from the Dockerfile as it is, and containers of it.

No registry is asked: `debian:bookworm-slim` is made by debootstrap under that name, and pip is given a folder of wheels. What
buildah's chroot isolation does not keep apart as an engine would are the kernel, the processes and the network.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.apart import sh

# The Python of Debian 12, for which the libraries are fetched.
_PYTHON = "3.11"
_BASE = "docker.io/library/debian:bookworm-slim"


class NoDebianError(Exception):
    """There is no base to build on: debootstrap says why."""


@dataclass(frozen=True)
class Image:
    """The image in a store of its own, a folder that holds everything buildah keeps."""

    store: Path

    def buildah(self, *words: str | Path) -> list[str]:
        """Return a command line of buildah on this store."""
        store = ["--root", str(self.store / "root"), "--runroot", str(self.store / "run")]
        return ["buildah", *store, "--storage-driver", "vfs", *map(str, words)]

    def config(self) -> dict[str, Any]:
        """Return what the image asks of who starts it: user, entry point, command, health check, stop signal."""
        seen = json.loads(sh(*self.buildah("inspect", "configvault")).stdout)
        config: dict[str, Any] = json.loads(seen["Config"])["config"]
        return config


@dataclass(frozen=True)
class Container:
    """A container of the image; `volumes` are folders of the host, by their place inside."""

    image: Image
    volumes: dict[str, Path]

    @classmethod
    def of(cls, image: Image, volumes: dict[str, Path]) -> Container:
        """Make one. What the image itself calls a volume is taken away first: buildah would mount a folder of its own there."""
        sh(*image.buildah("from", "--pull-never", "--name", "box", "configvault"))
        for place in image.config()["Volumes"]:
            sh(*image.buildah("config", "--volume", f"{place}-", "box"))
        return cls(image, volumes)

    def argv(self, words: Sequence[str]) -> list[str]:
        """Return the command line of a program in the container, as the image's user."""
        volumes = [f"--volume={folder}:{place}" for place, folder in self.volumes.items()]
        options = ["--isolation", "chroot", "--network", "host", *volumes]
        return self.image.buildah("run", *options, "box", "--", *words)


def build(project: Path, folder: Path) -> Image:
    """Build the image of a checkout; everything that is needed for it comes into `folder`.

    Raises:
        NoDebianError: the mirror cannot be reached.
        CalledProcessError: a step failed.
    """
    image = Image(folder / "store")
    base, wheels = folder / "base", folder / "wheels"
    done = sh("debootstrap", "--variant=minbase", "bookworm", base, check=False)
    if done.returncode:
        raise NoDebianError(f"debootstrap: {(done.stderr + done.stdout).strip()[-300:]}")
    # By this machine's own pip, which knows its index and its certificates.
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    pip += ["--only-binary=:all:", f"--python-version={_PYTHON}", "--dest", str(wheels)]
    subprocess.run([*pip, "-r", project / "requirements" / "run.txt"], check=True, stderr=subprocess.DEVNULL)
    sh("tar", "--create", "--directory", base, "--file", folder / "base.tar", ".")
    made = sh(*image.buildah("from", "scratch")).stdout.strip()
    sh(*image.buildah("add", made, folder / "base.tar", "/"))
    sh(*image.buildah("config", "--env", "PIP_NO_INDEX=1", "--env", "PIP_FIND_LINKS=/wheels", made))
    sh(*image.buildah("commit", "--rm", made, _BASE))
    # HEALTHCHECK is a thing of Docker's format.
    options = ["--isolation", "chroot", "--network", "host", "--format", "docker", "--pull-never"]
    volume = f"--volume={wheels}:/wheels:ro"
    done = sh(*image.buildah("bud", *options, volume, "--tag", "configvault", project), check=False)
    if done.returncode:
        raise AssertionError(
            f"buildah bud ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}"
        )
    return image


def own(folder: Path, user: int) -> Path:
    """Make a folder of that user."""
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, user, user)
    return folder

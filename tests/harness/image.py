"""A Dockerfile's steps without Docker: each stage a layer over a small Debian, each RUN in a chroot there.

What is not kept apart as a container engine would: the network while it is built, and the kernel. Everything lies in
memory and goes with the mount namespace of the thread that builds (`apart`).
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.apart import sh

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# The Python of Debian 12, for which the libraries are fetched.
PYTHON = "3.11"


class NoDebianError(Exception):
    """There is no base to build on: debootstrap says why."""


@dataclass
class Image:
    """What the last stage has become: its root folder, and what a container is started with."""

    root: Path
    env: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    user: str = "0:0"
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)
    stop_signal: str = "SIGTERM"

    def argv(self, *words: str) -> list[str]:
        """Return the command line of a program in a container, as the image's user with the image's environment."""
        env = [f"{name}={value}" for name, value in self.env.items()]
        return ["chroot", f"--userspec={self.user}", "--groups=", str(self.root), "env", "-i", *env, *words]


def instructions(dockerfile: Path) -> Iterator[tuple[str, str]]:
    """Yield each instruction with the rest of its line, continued lines put together."""
    lines = [line for line in dockerfile.read_text().splitlines() if not line.startswith("#")]
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            yield word, rest.strip()


@contextlib.contextmanager
def memory(place: Path) -> Iterator[Path]:
    """Mount room in memory at `place`, and take away at the end what was mounted below it, too."""
    sh("mount", "-t", "tmpfs", "-o", "mode=755", "image", place)
    try:
        yield place
    finally:
        sh("umount", "--recursive", place)


def debian(place: Path, suite: str) -> Path:
    """Make the base that the Dockerfile begins from in the folder `place`."""
    base = place / "base"
    done = sh("debootstrap", "--variant=minbase", suite, base, check=False)
    if done.returncode:
        raise NoDebianError(f"debootstrap {suite}: {(done.stderr + done.stdout).strip()[-300:]}")
    return base


def wheels(requirements: Path, place: Path) -> Path:
    """Fetch what the image installs by this machine's own pip, which knows its index and certificates."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    pip += ["--only-binary=:all:", f"--python-version={PYTHON}", "--dest", str(place), "-r", str(requirements)]
    subprocess.run(pip, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return place


def build(dockerfile: Path, base: Path, libraries: Path) -> Image:
    """Carry the steps out over `base`; pip finds its files in `libraries`.

    Raises:
        CalledProcessError: a step failed.
    """
    stages: dict[str, Image] = {}
    image = Image(base)
    for word, rest in instructions(dockerfile):
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "last"
            image = stages[name] = Image(_layer(base, base.with_name(name), libraries))
        else:
            _STEPS[word](image, rest, _Context(dockerfile.parent, stages))
    sh("umount", image.root / "wheels")
    return image


@dataclass(frozen=True)
class _Context:
    folder: Path
    stages: Mapping[str, Image]


def _layer(base: Path, place: Path, libraries: Path) -> Path:
    """Return a copy of `base`, of which only what changes takes room."""
    root = place / "root"
    for folder in ("upper", "work", "root"):
        (place / folder).mkdir(parents=True)
    options = f"lowerdir={base},upperdir={place}/upper,workdir={place}/work"
    sh("mount", "-t", "overlay", "-o", options, "image", root)
    sh("mount", "-t", "proc", "proc", root / "proc")
    (root / "wheels").mkdir()
    sh("mount", "--bind", libraries, root / "wheels")
    return root


def _run(image: Image, rest: str, _: _Context) -> None:
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
    env = {"HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", **pip, **image.env}
    argv = ["chroot", str(image.root), "env", "-i", *(f"{name}={value}" for name, value in env.items())]
    sh(*argv, "sh", "-c", rest)


def _copy(image: Image, rest: str, context: _Context) -> None:
    *sources, target = shlex.split(rest)
    folder = context.folder
    if sources[0].startswith("--from="):
        folder = context.stages[sources.pop(0).removeprefix("--from=")].root
    place = image.root / target.lstrip("/")
    for source in sources:
        found = folder / source.lstrip("/")
        into = place / found.name if target.endswith("/") and found.is_file() else place
        into.parent.mkdir(parents=True, exist_ok=True)
        if found.is_dir():
            unwanted = shutil.ignore_patterns("__pycache__") if folder is context.folder else None
            shutil.copytree(found, into, symlinks=True, dirs_exist_ok=True, ignore=unwanted)
        else:
            shutil.copy2(found, into)


def _env(image: Image, rest: str, _: _Context) -> None:
    image.env |= dict(pair.split("=", 1) for pair in shlex.split(rest))


def _user(image: Image, rest: str, _: _Context) -> None:
    image.user = rest


def _health(image: Image, rest: str, _: _Context) -> None:
    image.health = json.loads(rest.partition("CMD ")[2])


def _entry(image: Image, rest: str, _: _Context) -> None:
    image.entry = json.loads(rest)


def _command(image: Image, rest: str, _: _Context) -> None:
    image.command = json.loads(rest)


def _signal(image: Image, rest: str, _: _Context) -> None:
    image.stop_signal = rest


def _nothing(_image: Image, _rest: str, _context: _Context) -> None:
    """Do what an engine does only when it starts a container."""


_STEPS = {
    "RUN": _run, "COPY": _copy, "ENV": _env, "USER": _user, "HEALTHCHECK": _health, "ENTRYPOINT": _entry,
    "CMD": _command, "STOPSIGNAL": _signal, "VOLUME": _nothing,
}  # fmt: skip

"""Runs what a document says to run, in its order, in a machine of its own made of folders, and holds it to what is printed.

    PYTHONPATH=tests:. .venv/bin/python tests/walk.py docs/tutorial.md     (writes the true outputs into the document)

A block that begins with `$ ` is run. Everything is below one folder: a path like `/etc/nginx` in a command is that path
in there, and is shown without it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import tour

PROJECT = Path(__file__).parent.parent
# What the reader does not see.
ELSEWHERE = "<!-- on another host -->"
# What only looks, and so may be asked again until the daemon has done what is waited for.
_LOOKS = re.compile(r"configvault (list|status|rejected|show|verify)\b")
_PATIENCE_S = 60
_PLACES = re.compile(r"(?<![\w./~:])/(etc|var|srv|backup|home|mnt)(?=/|\b)")
# One job at a time in one shell would do, but for what goes on in the background.
_SHELL = """source "$STATE"
{said}
code=$?
{{ printf 'cd %q\\n' "$PWD"; export -p; }} > "$STATE"
exit $code
"""


@dataclass
class Said:
    """One command of a document, and the lines that are said to be its output."""

    command: str
    lines: list[str]


_BLOCK = re.compile(r"^```\n(\$ .*?)^```", re.DOTALL | re.MULTILINE)


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """Yield the blocks of a document that are to be run, each behind the text before it."""
    at = 0
    for found in _BLOCK.finditer(text):
        yield text[at : found.start()], found[1]
        at = found.end()


def commands(block: str) -> Iterator[Said]:
    """Yield what a block says."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *lines = part.splitlines()
        yield Said(command, [line for line in lines if line.strip()])


def is_part(lines: list[str], output: str) -> bool:
    """Return whether `lines` stand in `output` in that order, what is another each time aside."""
    rest = iter([tour.normal(line) for line in output.splitlines()])
    return all(tour.normal(line) in rest for line in lines)


@dataclass
class Machine:
    """A folder that stands for a machine, and what runs there."""

    base: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    started: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make what every machine has."""
        self.base = self.base.resolve()
        for name in ("home/ann", "etc", "var/lib", "srv", "backup", "mnt", "bin"):
            (self.base / name).mkdir(parents=True)
        programs = {
            "configvault": f'exec {shlex.quote(sys.executable)} -m configvault "$@"',
            # No service runs here that could be reloaded.
            "systemctl": "exit 0",
        }
        for name, line in programs.items():
            (self.base / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
            (self.base / "bin" / name).chmod(0o755)
        state = self.base / "state"
        environ = {
            "HOME": str(self.base / "home" / "ann"),
            "PATH": f"{self.base / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(PROJECT),
            "CONFIGVAULT_CONFIG": str(self.base / "etc" / "configvault" / "config.yaml"),
            "LANG": "C.UTF-8",
            "GIT_CONFIG_GLOBAL": str(self.base / "home" / "ann" / ".gitconfig"),
            "STATE": str(state),
        }
        (self.base / "home" / "ann" / ".gitconfig").write_text(
            "[user]\nname = Ann\nemail = ann@example.org\n[safe]\ndirectory = *\n[init]\ndefaultBranch = main\n"
        )
        self.environ = environ | dict(self.environ)
        lines = [f"export {name}={shlex.quote(value)}" for name, value in self.environ.items()]
        state.write_text("\n".join([f"cd {shlex.quote(environ['HOME'])}", *lines]) + "\n")

    def write(self, files: Mapping[str, str]) -> None:
        """Put files where the machine has them."""
        for name, text in files.items():
            place = self.base / name.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)

    def run(self, said: Said, *, check: bool = True) -> str:
        """Return what a command prints, once it prints what is said, as a reader would see it."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            output = self._once(self._placed(said.command))
            if not check or is_part(said.lines, output):
                return output
            if not _LOOKS.search(said.command) or time.monotonic() > deadline:
                raise AssertionError(
                    f"$ {said.command}\n{output}\n--- does not print:\n" + "\n".join(said.lines)
                )
            time.sleep(0.2)

    def _once(self, command: str) -> str:
        env = {"PATH": os.environ["PATH"], "STATE": str(self.base / "state")}
        step = self.base / "bin" / "step"
        step.write_text(_SHELL.format(said=command))
        with tempfile.TemporaryFile() as out:
            # Not a pipe: what goes on in the background would keep it open.
            child = subprocess.Popen(
                ["bash", str(step)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=env, start_new_session=True,
            )  # fmt: skip
            self.started.append(child.pid)
            child.wait(_PATIENCE_S)
            self._settle(command)
            out.seek(0)
            return self._shown(out.read().decode())

    def _settle(self, command: str) -> None:
        """Have a new configuration serve its page where nobody else does."""
        config = self._config()
        if (
            re.search(r"configvault (init|import)\b", command)
            and config.exists()
            and "\nhttp:" not in config.read_text()
        ):
            with socket.socket() as listening:
                listening.bind(("127.0.0.1", 0))
                port = listening.getsockname()[1]
            with config.open("a") as file:
                file.write(f"\nhttp: {{listen: '127.0.0.1:{port}'}}\n")

    def _config(self) -> Path:
        named = re.search(
            r'^declare -x CONFIGVAULT_CONFIG="(.*)"$', (self.base / "state").read_text(), re.MULTILINE
        )
        return Path(named[1]) if named else Path(self.environ["CONFIGVAULT_CONFIG"])

    def _placed(self, command: str) -> str:
        placed = _PLACES.sub(lambda found: f"{self.base}{found[0]}", command)
        placed = placed.replace("file:///", f"file://{self.base}/")
        if re.search(r"configvault (init|import|recover)\b", placed) and "--vault" not in placed:
            placed += f" --vault {self.base}/var/lib/configvault" if "recover" not in placed else ""
        return placed

    def _shown(self, output: str) -> str:
        shown = output.replace(str(self.base), "")
        return shown.replace("configvault -c /etc/configvault/config.yaml", "configvault")

    def turn(self, before: str, *, anew: bool) -> None:
        """Become what the next block is about: a new machine, or another host that has the configuration already."""
        gone = ["etc/configvault", "var/lib/configvault"] if anew else []
        if ELSEWHERE in before:
            gone = ["var/lib/configvault", "srv"]
        for name in gone:
            shutil.rmtree(self.base / name, ignore_errors=True)
        (self.base / "srv").mkdir(exist_ok=True)

    def close(self) -> None:
        """End what goes on in the background."""
        for group in self.started:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                continue


def walk(document: Path, machine: Machine, *, anew: bool = False) -> None:
    """Run every command of a document; each prints what the document says. `anew`: each block knows of no other."""
    try:
        for before, block in blocks(document.read_text()):
            machine.turn(before, anew=anew)
            for said in commands(block):
                machine.run(said)
    finally:
        machine.close()


def written(document: Path, machine: Machine, *, anew: bool = False) -> str:
    """Return the document with what its commands print now."""
    text, at = document.read_text(), 0

    def again(found: re.Match[str]) -> str:
        nonlocal at
        machine.turn(text[at : found.start()], anew=anew)
        at = found.end()
        parts = []
        for said in commands(found[1]):
            output = machine.run(said, check=_LOOKS.search(said.command) is not None)
            parts.append(f"$ {said.command}\n{output}")
        return "```\n" + "".join(parts) + "```"

    try:
        return _BLOCK.sub(again, text)
    finally:
        machine.close()


def main(names: list[str]) -> None:
    """Write the true outputs into each document."""
    from test_walks import MACHINES, made

    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(name)
            key = str(path.resolve().relative_to(PROJECT / "docs"))
            path.write_text(written(path, made(key, Path(folder) / "m"), anew=MACHINES[key].anew))


if __name__ == "__main__":
    main(sys.argv[1:])

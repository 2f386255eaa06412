"""Keep a test run away from the machine it runs on: a home of its own, no inherited git, no real vault.

In the test process itself an audit hook turns the touch into an error at once. What a child process does cannot be
stopped from here; the places are compared before and after each test instead. Listed in GUARDED_PLACES (separated
by colons) they can be moved, which is how the guard is tested.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REAL_HOME = os.path.expanduser("~")
PLACES = tuple(
    os.environ.get(
        "GUARDED_PLACES",
        f"/etc/configvault:/var/lib/configvault:{REAL_HOME}/.gitconfig:{REAL_HOME}/.config/git",
    ).split(":")
)
# Audit events (sys.addaudithook) whose first arguments are paths; stat has none, and looking does no harm.
_ONE_PATH = "open os.mkdir os.remove os.rmdir os.chmod os.chown os.truncate os.listdir os.scandir shutil.rmtree"
_EVENTS = dict.fromkeys(_ONE_PATH.split(), 1) | dict.fromkeys(["os.rename", "os.link", "os.symlink"], 2)
_armed = False


class RealStateError(Exception):
    """A test touched the machine's own state."""


def is_real(path: object) -> bool:
    """Return whether `path` is one of the places or lies in one."""
    if not isinstance(path, str | bytes | os.PathLike):
        return False
    name = os.path.abspath(os.fsdecode(path))
    return any(name == place or name.startswith(place + "/") for place in PLACES)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _armed and event in _EVENTS:
        for path in arguments[: _EVENTS[event]]:
            if is_real(path):
                raise RealStateError(f"a test touched {path!r} ({event})")


def stamps() -> dict[str, tuple[int, int]]:
    """Return inode and change time of everything in the places."""
    found = {}
    for place in PLACES:
        with _looking():
            inside = [Path(place), *Path(place).rglob("*")]
        for path in inside:
            with contextlib.suppress(OSError):
                seen = path.lstat()
                found[str(path)] = (seen.st_ino, seen.st_ctime_ns)
    return found


@contextlib.contextmanager
def _looking() -> Iterator[None]:
    global _armed  # noqa: PLW0603 - an audit hook cannot be taken away again, only told to be quiet
    armed, _armed = _armed, False
    yield
    _armed = armed


def clean_environment(home: Path) -> None:
    """Forget what the caller's shell said about git and configvault; give the run a home of its own."""
    for name in list(os.environ):
        if name.startswith(("GIT_", "CONFIGVAULT_", "XDG_", "SSH_", "NOTIFY_", "WATCHDOG_", "CREDENTIALS_")):
            del os.environ[name]
    os.environ |= {"HOME": str(home), "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb"}
    # The default would be the machine's own /etc/configvault/config.yaml.
    os.environ["CONFIGVAULT_CONFIG"] = str(home / "no-such-config.yaml")


@pytest.fixture(scope="session", autouse=True)
def _private_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    global _armed  # noqa: PLW0603 - as above
    clean_environment(tmp_path_factory.mktemp("home"))
    sys.addaudithook(_audit)
    _armed = True
    yield
    _armed = False


@pytest.fixture(autouse=True)
def _real_state_stays() -> Iterator[None]:
    before = stamps()
    yield
    touched = sorted(path for path, _ in set(before.items()) ^ set(stamps().items()))
    if touched:
        raise RealStateError(f"a test changed {', '.join(touched)}")

"""What holds for every test: the session guard, and which folders run only when asked for by name."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# The same examples every time: what fails here fails again at once, and nothing fails that nobody changed.
hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("repeatable")

pytest_plugins = ["harness.guard"]

ON_REQUEST = [Path(__file__).parent / name for name in ("crash", "model", "systemd", "packages")]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a temporary folder that every user may enter; pytest's own is for its user alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture(autouse=True)
def close_sites() -> Iterator[None]:
    """Close what the test opened by `Place.site`: the children that read a vault shall not outlive it."""
    yield
    while (sites := sys.modules.get("sites")) and sites.OPENED:
        sites.OPENED.pop().vault.close()
    # The process that is kept for the next look, and the thread that would end it: tests fork, and count both.
    if spec := sys.modules.get("configvault.coze.openapi.spec"):
        spec.KEPT.clear()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the long tests."""
    parser.addoption(
        "--model-seconds",
        type=float,
        default=55.0,
        help="tests/model: how long to play what was never played before",
    )
    parser.addoption(
        "--model-seed",
        type=int,
        help="tests/model: the number to begin with there, as an earlier run printed it",
    )
    parser.addoption(
        "--crash-sample", action="store_true", help="tests/crash: a fixed sample of the calls, not each of them"
    )


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the long tests out unless the command line names their folder (`make test-crash`, `make test-systemd`)."""
    asked = [(config.invocation_params.dir / argument.split("::")[0]).resolve() for argument in config.args]
    for folder in ON_REQUEST:
        if collection_path == folder and not any(path.is_relative_to(folder) for path in asked):
            return True
    return None

"""The session guard: it must see each touch of real state, in this process and in a child."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import guard


@pytest.mark.parametrize("place", ["/etc/configvault/config.yaml", "/var/lib/configvault/HEAD"])
def test_opening_real_state_is_an_error(place: str) -> None:
    """A test that opens the machine's own config or vault fails, whether or not it is there."""
    with pytest.raises(guard.RealStateError):
        open(place)  # noqa: SIM115 - never opened


def test_making_real_state_is_an_error() -> None:
    """A test that makes the machine's own vault fails before it is made."""
    with pytest.raises(guard.RealStateError):
        os.mkdir("/var/lib/configvault")
    assert not os.path.exists("/var/lib/configvault/HEAD")


def test_home_is_private() -> None:
    """The home of the tests is not the developer's, and the default config lies in it."""
    assert os.path.expanduser("~") != guard.REAL_HOME
    assert os.environ["CONFIGVAULT_CONFIG"].startswith(os.environ["HOME"])


def test_git_environment_is_clean(tmp_path: Path) -> None:
    """Git variables of the caller's shell do not reach the tests."""
    result = run_guarded(tmp_path, "def test_it():\n    import os\n    assert 'GIT_DIR' not in os.environ\n")
    assert result.returncode == 0, result.stdout


def test_change_by_a_child_is_an_error(tmp_path: Path) -> None:
    """A child process that writes into real state fails the test that started it."""
    place = tmp_path / "real"
    body = f"def test_it():\n    import subprocess\n    subprocess.run(['mkdir', {str(place)!r}], check=True)\n"
    result = run_guarded(tmp_path, body)
    assert result.returncode == 1
    assert f"a test changed {place}" in result.stdout


def run_guarded(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """Run a test file of its own under the guard, with `folder`/real as the only real state."""
    (folder / "test_inner.py").write_text(body)
    environment = os.environ | {
        "GUARDED_PLACES": str(folder / "real"),
        "GIT_DIR": "/nowhere",
        "PYTHONPATH": str(Path(__file__).parent),
    }
    command = [sys.executable, "-m", "pytest", "-p", "harness.guard", "-p", "no:cacheprovider", "test_inner.py"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

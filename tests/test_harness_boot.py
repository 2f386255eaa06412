"""The boot harness: a real systemd, its exit status, and nothing left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from harness import guest
from harness.guest import Guest


@pytest.fixture(autouse=True)
def _bootable() -> None:
    reason = guest.why_not()
    if reason is not None:
        pytest.skip(reason)


def test_status_and_output_come_back() -> None:
    """The command runs under a systemd that is up, and its exit status is handed out."""
    done = Guest().run("systemctl is-system-running; cat /proc/1/comm; exit 7")
    assert (done.returncode, done.stdout) == (7, "running\nsystemd\n"), done.stderr


def test_nothing_reaches_the_host(tmp_path: Path) -> None:
    """What the guest writes is gone with it, but for a folder it was given."""
    done = Guest([f"{tmp_path}:/srv/shared"]).run("touch /etc/only-in-the-guest /srv/shared/kept")
    assert done.returncode == 0, done.stderr
    assert not Path("/etc/only-in-the-guest").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_a_long_command_is_ended() -> None:
    """A command that takes longer than it may is killed and said to be."""
    assert Guest().run("sleep 600", timeout_s=1).returncode == 124


def test_a_failing_line_is_named() -> None:
    """A script stops at the first line that fails."""
    done = Guest().run("expect number 1 2; touch /not/reached")
    assert (done.returncode, "number is '1', not '2'" in done.stderr) == (1, True)

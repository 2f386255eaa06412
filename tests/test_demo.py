"""The demo is true: a daemon runs, everything that is shown happened, and it fits one screen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_the_demo_runs_the_daemon(tmp_path: Path) -> None:
    """Snapshots and a refusal appear by themselves, a rollback is loaded by the service, and nothing is left behind."""
    env = os.environ | {"TMPDIR": str(tmp_path), "NO_COLOR": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "configvault", "demo"], env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    lines = done.stdout.splitlines()
    assert len(lines) <= 40
    for said in (
        "$ configvault run &",
        "  daemon: recorded backup_",
        "  daemon: rejected, kept as rejected_",
        "  service: the service was asked to reload, and loaded v1.1.0",
        "Roll back to backup_",
        "  live    is the latest snapshot, valid",
    ):
        assert any(said in line for line in lines), said
    assert list(tmp_path.iterdir()) == []


def test_the_demo_says_why_it_cannot_be(tmp_path: Path) -> None:
    """Where the daemon cannot start its reason is what is said, and the remedy."""
    env = os.environ | {"TMPDIR": str(tmp_path), "PATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "configvault", "demo"], env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.splitlines()) == (
        1, ["error: git is not installed or not on PATH", "hint: apt-get install git"],
    )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_an_ended_demo_leaves_nothing(tmp_path: Path) -> None:
    """Neither a folder nor a daemon stays when it is ended on its way."""
    env = os.environ | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-u", "-m", "configvault", "demo"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert "configvault run" in demo.stdout.readline()
        demo.terminate()
        demo.communicate()
    assert demo.returncode == 130
    assert list(tmp_path.iterdir()) == []

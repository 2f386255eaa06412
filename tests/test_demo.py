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
        "  daemon: refused, kept as rejected_",
        "  service: the service was asked to reload, and loaded v1.1.0",
        "Roll back to backup_",
        "  live    is the latest snapshot, valid",
    ):
        assert any(said in line for line in lines), said
    assert list(tmp_path.iterdir()) == []

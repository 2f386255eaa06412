"""What is installed, built as `make dist` and `make deb` build it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DIST = [sys.executable, str(PROJECT / "packages" / "dist.py")]
DEB = [str(PROJECT / "packages" / "deb.sh"), sys.executable]


def build(script: list[str], out: Path, **environ: str) -> dict[str, str]:
    """Build into `out` and return the sum of each file."""
    env = os.environ | environ
    mask = int(environ.get("MASK", "022"), 8)
    subprocess.run([*script, str(out)], cwd="/", env=env, check=True, umask=mask, stdout=subprocess.DEVNULL)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(out.iterdir())}


def for_another_python() -> str | None:
    """Return why what is built here does not run on this machine's own Python, None if it does."""
    code = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    done = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return "this machine's own Python is missing or cannot make a virtual environment"
    if done.stdout.split() != [str(part) for part in sys.version_info[:2]]:
        return "the packages are for another Python than this machine's own"
    return None

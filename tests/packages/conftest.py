"""What is built once for all tests of the packages."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness.builds import DEB, DIST, PROJECT, build


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sdist and wheel."""
    out = tmp_path_factory.mktemp("dist")
    build(DIST, out)
    return out


@pytest.fixture(scope="session")
def deb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Debian package, for the Python that Debian's own is."""
    if shutil.which("dpkg-deb") is None:
        pytest.skip("dpkg is not installed")
    out = tmp_path_factory.mktemp("deb")
    build(DEB, out)
    [package] = out.iterdir()
    return package


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The libraries that are needed, for an installation without a package index."""
    out = tmp_path_factory.mktemp("wheels")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--no-input",
        "wheel",
        "--quiet",
        "--no-deps",
    ]
    subprocess.run([*pip, "--wheel-dir", out, "-r", PROJECT / "requirements" / "run.txt"], check=True)
    return out

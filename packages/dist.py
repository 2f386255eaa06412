"""Build sdist and wheel so that the same commit always gives the same bytes, wherever and whenever it is built.

    python packages/dist.py [DIRECTORY]     (default: dist/)

Times are those of the last commit (or SOURCE_DATE_EPOCH); owners, modes and the order of names are fixed.
Needs setuptools in the version that requirements/run.txt pins, and nothing from the network.
"""

from __future__ import annotations

import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def main(out: Path) -> None:
    """Build both into `out`."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", _last_commit())
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        source = Path(place, "source")
        _copy_tracked(source)
        sdist = _build("build_sdist", source, Path(place))
        normal = out / sdist.name
        _normalise(sdist, normal)
        # The wheel is built from what the sdist holds: what is missing there is missed here.
        _unpack(normal, Path(place))
        wheel = _build("build_wheel", Path(place, normal.name.removesuffix(".tar.gz")), Path(place))
        shutil.copyfile(wheel, out / wheel.name)
    print(normal, out / wheel.name, sep="\n")


def _unpack(sdist: Path, place: Path) -> None:
    """Unpack an archive of our own making; Debian 12's Python 3.11.2 has no extraction filters yet."""
    with tarfile.open(sdist) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(place, filter="data")
        else:
            archive.extractall(place)  # noqa: S202 - an archive that this program wrote itself


def _last_commit() -> str:
    argv = ["git", "-C", str(PROJECT), "log", "-1", "--format=%ct"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def _copy_tracked(target: Path) -> None:
    argv = ["git", "-C", str(PROJECT), "ls-files", "-z"]
    for name in filter(None, subprocess.run(argv, capture_output=True, check=True).stdout.decode().split("\0")):
        if (PROJECT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROJECT / name, target / name)
            (target / name).chmod(0o755 if os.access(PROJECT / name, os.X_OK) else 0o644)


def _build(what: str, source: Path, place: Path) -> Path:
    """Call one hook of the build back end in a process of its own, in `source`."""
    code = f"import sys, setuptools.build_meta as b; print(b.{what}(sys.argv[1]))"
    argv = [sys.executable, "-c", code, str(place)]
    done = subprocess.run(argv, cwd=source, capture_output=True, text=True, check=False, umask=0o022)
    if done.returncode:
        sys.exit(f"error: {what} failed:\n{done.stdout}\n{done.stderr}")
    return place / done.stdout.splitlines()[-1]


def _normalise(sdist: Path, target: Path) -> None:
    """Write the archive anew with fixed times, owners, modes and order."""
    epoch = int(os.environ["SOURCE_DATE_EPOCH"])
    plain = io.BytesIO()
    with tarfile.open(sdist) as old, tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as new:
        for member in sorted(old.getmembers(), key=lambda one: one.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = epoch, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            new.addfile(member, old.extractfile(member) if member.isfile() else None)
    with target.open("wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=epoch) as packed:
        packed.write(plain.getvalue())


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else PROJECT / "dist"))

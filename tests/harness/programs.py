"""Two ways to put a folder back, one that loses it and one that does not: what the harness is tested on.

programs.py careful|no-file-sync|no-folder-sync    in a folder that holds `live` and `kept`
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

CARELESS = ["sh", "-c", "rm -rf live; cp -r kept live"]


def put_back(*, sync_files: bool = True, sync_folders: bool = True) -> None:
    """Make `live` what `kept` is by one rename of a link, which a reader sees wholly or not at all."""
    target = Path("new")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    for source in sorted(Path("kept").iterdir()):
        with (target / source.name).open("wb") as file:
            file.write(source.read_bytes())
            file.flush()
            if sync_files:
                os.fsync(file.fileno())
    if sync_folders:
        _sync(target)
    Path("next").unlink(missing_ok=True)
    Path("next").symlink_to(target)
    _sync(Path())
    Path("next").rename("live")
    if sync_folders:
        _sync(Path())
    print("done", flush=True)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    os.fsync(descriptor)
    os.close(descriptor)


def careful(variant: str = "careful") -> list[str]:
    """Return the command line of one variant."""
    return [sys.executable, "-S", "-E", __file__, variant]


if __name__ == "__main__":
    put_back(sync_files=sys.argv[1] != "no-file-sync", sync_folders=sys.argv[1] != "no-folder-sync")

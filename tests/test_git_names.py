"""Names that mean something to git are the user's files here: they are recorded, verified, restored, and no damage."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from sites import Content, Place, look
from states import Link

LONG = "*.bin " + "a" * 2500 + "\n"
CASES: dict[str, Mapping[str, Content]] = {
    "modules link": {".gitmodules": Link("a.txt")},
    "modules folder": {".gitmodules/x": "1"},
    "modules name": {".gitmodules": '[submodule "../x"]\n\tpath = x\n\turl = https://example.org/x\n'},
    "modules url": {".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = -u./payload\n'},
    "modules path": {".gitmodules": '[submodule "x"]\n\tpath = -x\n\turl = https://example.org/x\n'},
    "modules update": {
        ".gitmodules": '[submodule "x"]\n\tpath = x\n\tupdate = !id\n\turl = https://example.org/x\n'
    },
    "modules torn": {".gitmodules": "[submodule"},
    "modules hfs": {".git\u200cmodules": Link("a.txt")},
    "modules ntfs": {"GITMOD~1": Link("a.txt")},
    "attributes line": {".gitattributes": LONG, "d/.gitattributes": LONG},
    "attributes link": {".gitattributes": Link("a.txt")},
    "attributes folder": {".gitattributes/x": "1"},
    "ignore link": {".gitignore": Link("a.txt")},
    "mailmap link": {".mailmap": Link("a.txt")},
}


@pytest.mark.parametrize("case", CASES)
def test_recorded_verified_restored(tmp_path: Path, case: str) -> None:
    """Each is recorded as it is, found whole, and comes back by a rollback and on another host."""
    place = Place(tmp_path / "place", f"replicas: [{{url: '{tmp_path}/replica.git'}}]\n")
    place.init({"a.txt": "1", **CASES[case]})
    place.git("init", "--bare", "--quiet", str(tmp_path / "replica.git"))
    before = look(place.root)
    place.ok("verify", "--restore-test")
    for path in sorted(place.root.rglob("*"), reverse=True):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else os.unlink(path)
    place.ok("rollback", "latest", "--force")
    assert look(place.root) == before
    place.ok("replicate")
    shutil.rmtree(place.vault)
    shutil.rmtree(place.root)
    place.ok("recover")
    assert look(place.root) == before
    place.ok("verify")


def test_damage_beside_them(tmp_path: Path) -> None:
    """A blob that is gone is damage, whatever else git dislikes."""
    place = Place(tmp_path / "place")
    place.init({"a.txt": "1", ".gitattributes": LONG})
    blob = place.git("rev-parse", "main:a.txt").strip()
    (place.vault / "objects" / blob[:2] / blob[2:]).unlink()
    done = place.run("verify")
    assert done.code == 9
    assert blob in done.out + done.err

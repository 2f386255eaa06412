"""What a restored file takes over from the one it replaces, and that nobody gets more access by it."""

from __future__ import annotations

import os
import shutil
import stat
import struct
import subprocess
from pathlib import Path

import pytest
from sites import Place

ACCESS, DEFAULT = "system.posix_acl_access", "system.posix_acl_default"


def _why_not() -> str | None:
    if shutil.which("setfacl") is None:
        return "setfacl is not installed"
    return None


pytestmark = pytest.mark.skipif(_why_not() is not None, reason=str(_why_not()))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return an empty place."""
    return Place(tmp_path / "place")


def _acl(path: Path) -> list[str]:
    done = subprocess.run(
        ["getfacl", "--omit-header", "--numeric", "--no-effective", path],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def _set(path: Path, *options: str) -> None:
    subprocess.run(["setfacl", *options, path], check=True)


def _mask_of(path: Path) -> int:
    body = os.getxattr(path, ACCESS)[4:]
    return next(rights for tag, rights, _ in struct.iter_unpack("<HHI", body) if tag == 0x10)


def test_access_list_is_taken_over(place: Place) -> None:
    """The access list of the replaced file is on the restored one, with the group's own rights as they were."""
    path = place.root / "s.yaml"
    place.write({"s.yaml": "s: 1"})
    path.chmod(0o640)
    _set(path, "-m", "u:1:rw")
    before = _acl(path)
    first = place.init()
    path.write_text("s: 2")
    place.snapshot()
    place.ok("rollback", first)
    assert path.read_text() == "s: 1"
    assert _acl(path) == before
    assert place.ok("status")["live"]["matches"]


def test_access_list_gets_no_wider(place: Place) -> None:
    """Where the snapshot's mode is wider than the mask was, whom the mask held back is held back still."""
    path = place.root / "s.yaml"
    place.write({"s.yaml": "s: 1"})
    path.chmod(0o664)
    first = place.init()
    path.write_text("s: 2")
    path.chmod(0o640)
    _set(path, "-m", "u:1:rwx,m::r")
    place.snapshot()
    place.ok("rollback", first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o664
    assert "user:1:r--" in _acl(path)
    assert "group::r--" in _acl(path)


def test_narrower_mode_narrows_the_access_list(place: Place) -> None:
    """Where the snapshot's mode is narrower, it is what counts."""
    path = place.root / "s.yaml"
    place.write({"s.yaml": "s: 1"})
    path.chmod(0o600)
    first = place.init()
    path.write_text("s: 2")
    _set(path, "-m", "u:1:rw")
    place.snapshot()
    place.ok("rollback", first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert _mask_of(path) == 0


def test_default_list_of_the_folder(place: Place) -> None:
    """What is restored where nothing is gets what the folder gives to everything new in it."""
    (place.root / "d").mkdir()
    _set(place.root / "d", "-d", "-m", "u:1:rwx")
    first = place.init({"d/a": "a: 1", "d/e/b": "b: 1", "x": "1"})
    wanted = [_acl(place.root / name) for name in ("d/a", "d/e", "d/e/b")]
    shutil.rmtree(place.root / "d/e")
    (place.root / "d/a").unlink()
    place.snapshot({"d/c": "c: 1"}, "--force")
    place.ok("rollback", first)
    assert [_acl(place.root / name) for name in ("d/a", "d/e", "d/e/b")] == wanted
    assert not [name for name in os.listdir(place.root) if name.startswith(".configvault")]


def test_user_attributes(place: Place) -> None:
    """Extended attributes stay, unless others could read them then who could not read them before."""
    path = place.root / "s.yaml"
    first = place.init({"s.yaml": "s: 1"})
    path.write_text("s: 2")
    try:
        os.setxattr(path, "user.origin", b"hand")
    except OSError:
        pytest.skip("this file system has no extended attributes")
    second = place.snapshot()
    place.ok("rollback", first)
    assert os.getxattr(path, "user.origin") == b"hand"
    path.chmod(0o600)
    place.snapshot()
    assert place.ok("rollback", second)["without_attributes"] == ["s.yaml"]
    assert os.listxattr(path) == []


def test_capabilities_are_not_taken_over(place: Place) -> None:
    """What a file was allowed by its capabilities was allowed to other bytes."""
    path = place.root / "tool"
    first = place.init({"tool": "1"})
    path.write_text("2")
    try:
        # Source: linux/capability.h, version 2: cap_net_bind_service, permitted.
        os.setxattr(path, "security.capability", struct.pack("<IIIII", 0x02000000, 1 << 10, 0, 0, 0))
    except OSError:
        pytest.skip("capabilities cannot be set here")
    place.snapshot()
    place.ok("rollback", first)
    assert "security.capability" not in os.listxattr(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_list_of_another_owner_is_not_taken_over(place: Place) -> None:
    """Who puts a file of their own in the place of another's lets themselves into nothing by its access list."""
    path = place.root / "s.yaml"
    place.write({"s.yaml": "s: secret"})
    path.chmod(0o640)
    first = place.init()
    path.write_text("s: mine")
    os.chown(path, 65534, 65534)
    _set(path, "-m", "u:65534:rw")
    place.snapshot()
    assert place.ok("rollback", first)["without_attributes"] == ["s.yaml"]
    assert (path.stat().st_uid, _acl(path)) == (0, ["user::rw-", "group::r--", "other::---"])


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_default_list_of_another_owner_is_not_inherited(place: Place) -> None:
    """Nor by what their folder gives to everything new in it."""
    first = place.init({"d/s": "s: secret", "d/e/s": "s: secret"})
    for name in ("d/s", "d/e/s", "d/e"):
        (place.root / name).chmod(0o640 if name.endswith("s") else 0o750)
    first = place.snapshot()
    (place.root / "d/s").unlink()
    shutil.rmtree(place.root / "d/e")
    os.chown(place.root / "d", 65534, 65534)
    _set(place.root / "d", "-d", "-m", "u:65534:rwx")
    place.snapshot({"x": "1"}, "--force")
    place.ok("rollback", first, "--path", "d/s", "--path", "d/e")
    for name in ("d/s", "d/e", "d/e/s"):
        assert (place.root / name).stat().st_uid == 0
        assert not [line for line in _acl(place.root / name) if "65534" in line]

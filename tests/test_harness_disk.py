"""The disk harnesses: each must find what is missing in a program that syncs too little, and nothing in one that does not."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest
from harness import apart, fsync_order, power, programs, tracer
from harness.power import EXT4, XFS, Cut, FileSystem
from test_harness_crash import scene, whole

pytestmark = pytest.mark.skipif(not tracer.supported, reason="the tracer knows x86_64 Linux only")


def broken_order(tmp_path: Path, command: list[str]) -> str:
    """Return what the rules say of a command, in one text."""
    stage = scene(tmp_path, linked=True)
    stage.set()
    ran, violations = fsync_order.check(command, under=stage.place, cwd=stage.place)
    assert ran.status == 0, ran.output
    return "\n".join(violations).replace(f"{stage.place}/", "")


def test_careful_order_is_clean(tmp_path: Path) -> None:
    """A program that syncs files, folder, rename and folder again breaks no rule."""
    assert broken_order(tmp_path, programs.careful()) == ""


def test_missing_file_sync_is_found(tmp_path: Path) -> None:
    """Data that was reported without fsync is named."""
    found = broken_order(tmp_path, programs.careful("no-file-sync"))
    assert "reported to standard output: the data of new/1 is not synced" in found


def test_missing_folder_sync_is_found(tmp_path: Path) -> None:
    """A name that was reported without fsync of its folder is named."""
    found = broken_order(tmp_path, programs.careful("no-folder-sync"))
    assert "new is not synced, 1 relies on it" in found
    assert "is not synced, live relies on it" in found


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("open('a', 'w').write('x'); os.rename('a', 'b')", "published by rename as b: a is not synced"),
        ("os.mkdir('d'); open('d/a', 'w'); os.rename('d', 'e')", "published by rename as e: d is not synced"),
        ("os.unlink('kept/1')", "kept is not synced, 1 relies on it"),
        ("os.chmod('kept/1', 0o600)", "the data of kept/1 is not synced"),
        ("os.symlink('x', 'kept/l')", "kept is not synced, l relies on it"),
        ("os.close(os.open('kept/1', os.O_WRONLY | os.O_TRUNC))", "the data of kept/1 is not synced"),
    ],
)
def test_every_rule_is_seen(tmp_path: Path, code: str, said: str) -> None:
    """Renames, removals, attributes and links that were not synced are each named."""
    assert said in broken_order(tmp_path, [sys.executable, "-c", f"import os; {code}"])


@pytest.mark.parametrize(
    "code",
    [
        "import tempfile; tempfile.TemporaryFile(dir='kept').write(b'x')",
        "open('/dev/null', 'w').write('x')",
        "open('a', 'w').write('x'); os.unlink('a'); os.fsync(os.open('.', os.O_RDONLY))",
        "open('a', 'w').write('x'); os.sync()",
    ],
)
def test_nothing_else_is_said(tmp_path: Path, code: str) -> None:
    """Files without a name, other places, and what was removed or synced as a whole break no rule."""
    assert broken_order(tmp_path, [sys.executable, "-c", f"import os; {code}"]) == ""


def disk_reason(system: FileSystem) -> pytest.MarkDecorator:
    """Skip where this file system cannot be made and mounted, and say why."""
    reason = power.why_not(system)
    return pytest.mark.skipif(reason is not None, reason=f"{system.name}: {reason}")


SYSTEMS = [pytest.param(system, id=system.name, marks=disk_reason(system)) for system in (EXT4, XFS)]


def lost_by_power(tmp_path: Path, system: FileSystem, variant: str) -> list[str]:
    """Cut the power at each call of one of the programs."""
    stage = scene(tmp_path, linked=True)
    place = tmp_path / "mnt"

    def check(cut: Cut) -> str | None:
        if cut.call is None and os.readlink(place / "live") != "new":
            return "reported and lost"
        return whole(place)

    return power.cuts(system, tmp_path, stage.folder, programs.careful(variant), check)


@pytest.mark.parametrize("system", SYSTEMS)
def test_power_cut_spares_the_careful(tmp_path: Path, system: FileSystem) -> None:
    """No image of the disk holds a mixed or lost state when everything is synced in order."""
    assert lost_by_power(tmp_path, system, "careful") == []


@pytest.mark.parametrize("system", SYSTEMS)
def test_power_cut_finds_missing_file_sync(tmp_path: Path, system: FileSystem) -> None:
    """Without fsync of the files, some image holds empty ones."""
    assert any("live is" in loss for loss in lost_by_power(tmp_path, system, "no-file-sync"))


@pytest.mark.parametrize("system", SYSTEMS)
def test_power_cut_finds_missing_folder_sync(tmp_path: Path, system: FileSystem) -> None:
    """Without fsync of the folder, the image after the end has lost what was reported."""
    # Somebody else's sync(2) at that very instant saves it, hardly three times.
    bases = [tmp_path / str(number) for number in range(3)]
    assert any(
        "cache at the end: reported and lost" in lost_by_power(base, system, "no-folder-sync") for base in bases
    )


@pytest.mark.skipif(apart.why_not() is not None, reason=str(apart.why_not()))
def test_small_disk_fills_up(tmp_path: Path) -> None:
    """A small file system is really full, only for those inside, and has room again once the ballast is gone."""

    def inside() -> tuple[int | None, str]:
        place = tmp_path / "small"
        apart.mount_small(place, "256k")
        ballast = apart.fill(place)
        error = None
        try:
            (place / "file").write_bytes(b"x" * 8192)
        except OSError as full:
            error = full.errno
        ballast.unlink()
        (place / "file").write_text("fits")
        return error, (place / "file").read_text()

    assert apart.apart(inside) == (errno.ENOSPC, "fits")
    assert list((tmp_path / "small").iterdir()) == []

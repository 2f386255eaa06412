"""A snapshot written to somewhere else: as a folder or as a tar file, whole or not at all."""

from __future__ import annotations

import os
import socket
import subprocess
import tarfile
from pathlib import Path

import pytest
from sites import Place, look
from states import Link

ROOT = os.geteuid() == 0
FILES = {
    "a": "1\n", "with space/b": b"\0\xff", "e/": None, "l": Link("a"), "dangling": Link("/no/where"), "-x": "dash",
    "new\nline": "n", "\udcff\udcfe": "not utf-8", "long/" * 30 + "name": "deep", "n" * 250: "long name",
    "longlink": Link("x/" * 120), "ü/日本": "utf-8", "exe": "#!/bin/sh\n", "l\udcff": Link("\udcfd"),
}  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a root with one snapshot of every kind of entry."""
    place = Place(tmp_path)
    place.write(FILES)
    (place.root / "exe").chmod(0o4750)
    (place.root / "e").chmod(0o2775)
    (place.root / "a").chmod(0o600)
    if ROOT:
        for number, name in enumerate(["a", "e", "l", "with space"]):
            os.lchown(place.root / name, 1000 + number, 2000 + number)
    place.root.chmod(0o750)
    place.init()
    return place


def test_folder(place: Place) -> None:
    """An exported folder is the root as it was, attributes and all; the root itself is left alone."""
    expected = look(place.root)
    place.write({"a": "changed\n"})
    done = place.run("export", "latest", "--output", str(place.base / "out"))
    assert (done.code, "exported backup_" in done.out) == (0, True)
    assert look(place.base / "out") == expected


def test_empty_folder_is_taken_and_anything_else_refused(place: Place) -> None:
    """An empty directory is filled; one with something in it, a file and a link are refused and kept."""
    out = place.base / "out"
    out.mkdir()
    assert place.run("export", "latest", "--output", str(out)).code == 0
    before = look(out)
    assert place.run("export", "latest", "--output", str(out)).code != 0
    assert look(out) == before
    (place.base / "file").write_text("mine")
    assert place.run("export", "latest", "--output", str(place.base / "file")).code != 0
    (place.base / "link").symlink_to(place.base / "nowhere")
    assert place.run("export", "latest", "--output", str(place.base / "link")).code != 0
    assert not (place.base / "nowhere").exists()


def test_tar_file(place: Place) -> None:
    """A tar file unpacks to the root as it was, owners included, with the system's own tar."""
    tar = place.base / "out.tar"
    place.ok("export", "latest", "--format", "tar", "--output", str(tar))
    assert tar.stat().st_mode & 0o777 == 0o600
    out = place.base / "out"
    out.mkdir()
    flags = ["--same-owner", "--numeric-owner"] if ROOT else []
    subprocess.run(["tar", "-xpf", tar, *flags, "-C", out], check=True, capture_output=True)
    assert look(out) == look(place.root)


def test_tar_to_standard_output(place: Place) -> None:
    """`--output -` is the archive and nothing else."""
    done = place.process("export", "latest", "--format", "tar", "--output", "-")
    assert done.code == 0
    (place.base / "out.tar").write_bytes(done.raw)
    with tarfile.open(place.base / "out.tar") as archive:
        names = archive.getnames()
    assert names[0] == "."
    assert len(names) == len(look(place.root))
    again = place.process("export", "latest", "--format", "tar", "--output", "-")
    assert again.raw == done.raw


def test_tar_file_is_not_replaced(place: Place) -> None:
    """A file that is there already is kept, and no half archive is left."""
    tar = place.base / "out.tar"
    tar.write_text("mine")
    before = set(place.base.iterdir())
    done = place.run("export", "latest", "--format", "tar", "--output", str(tar))
    assert (done.code, len(done.said("error")), len(done.said("hint"))) == (1, 1, 1)
    assert tar.read_text() == "mine"
    assert set(place.base.iterdir()) == before


def test_damage_leaves_nothing_behind(place: Place) -> None:
    """Where an object is damaged the export ends with 9, and nothing that looks like one is there."""
    id_ = place.git("rev-parse", "main:exe").strip()
    file = place.vault / "objects" / id_[:2] / id_[2:]
    file.chmod(0o644)
    file.write_bytes(b"x")
    before = set(place.base.iterdir())
    for argv in (("--format", "tar", "--output", str(place.base / "t")), ("--output", str(place.base / "d"))):
        assert place.run("export", "latest", *argv).code == 9
    assert set(place.base.iterdir()) == before


@pytest.mark.parametrize("where", ["root", "root/sub", "vault/x", "link/x"])
@pytest.mark.parametrize("form", ["dir", "tar"])
def test_never_into_root_or_vault(place: Place, where: str, form: str) -> None:
    """An export into the root or the vault is refused, through links too: both stay as they are."""
    (place.base / "link").symlink_to(place.vault)
    before = look(place.root), look(place.vault)
    done = place.run("export", "latest", "--format", form, "--output", str(place.base / where))
    assert (done.code, len(done.said("error")), len(done.said("hint"))) == (2, 1, 1), done
    assert (look(place.root), look(place.vault)) == before


def test_output_is_required(place: Place) -> None:
    """Without `--output` nothing is written anywhere."""
    for argv in ((), ("--output", "-"), ("--format", "zip", "--output", "x")):
        done = place.run("export", "latest", *argv)
        assert (done.code, len(done.said("error")), len(done.said("hint"))) == (2, 1, 1), done


def test_rejected_state_can_be_exported(place: Place) -> None:
    """A refused state is looked at outside the root."""
    place.write({"x.json": "{"})
    id_ = place.run("snapshot", "--json").json["rejected"]
    place.ok("export", id_, "--output", str(place.base / "out"))
    assert (place.base / "out" / "x.json").read_text() == "{"


def test_parent_missing(place: Place) -> None:
    """A place whose parent is missing is an error that names it."""
    done = place.run("export", "latest", "--output", str(place.base / "no" / "out"))
    assert (done.code, len(done.said("error")), len(done.said("hint"))) == (1, 1, 1), done
    assert str(place.base / "no") in done.err


def test_special_files_are_not_in_it(place: Place) -> None:
    """What cannot be kept is in no export."""
    with socket.socket(socket.AF_UNIX):
        os.mkfifo(place.root / "fifo")
        place.write({"a": "2"})
        place.snapshot()
    place.ok("export", "latest", "--output", str(place.base / "out"))
    assert not (place.base / "out" / "fifo").exists()

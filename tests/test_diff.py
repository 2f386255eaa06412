"""Differences: text that git and patch take, secrets hidden in it, and nothing lost where it cannot be text."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from sites import Place, look, recorded
from states import Link

SECRET = "8f14e45fceea167a5a36dedd4bea2543aa"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a root with one snapshot of a few files."""
    return recorded(tmp_path, {"a": "1\n2\n3\n", "d/b": "x\n", "gone": "bye\n", "with space": "s\n"})


# --- which states


def test_default_is_latest_against_live(place: Place) -> None:
    """Without references the latest snapshot is compared with live, and nothing is printed where they are equal."""
    assert place.run("diff").raw == b""
    place.write({"a": "1\ntwo\n3\n"})
    assert "-2\n+two\n" in place.run("diff").out
    assert place.ok("diff")["new"] == "live"


def test_one_reference_against_live_two_against_each_other(place: Place) -> None:
    """One reference is compared with live, two with each other in their order."""
    first = place.ok("status")["latest"]
    second = place.snapshot({"a": "1\ntwo\n3\n"})
    place.write({"a": "1\nlive\n3\n"})
    assert "-2\n+live\n" in place.run("diff", first).out
    assert "-2\n+two\n" in place.run("diff", first, second).out
    assert "-two\n+2\n" in place.run("diff", second, first).out
    assert place.run("diff", first, second, "latest").code == 2


def test_paths_behind_dashes(place: Place) -> None:
    """What stands behind `--` are paths, of files and folders, also where they look like flags."""
    place.write({"a": "x\n", "d/b": "y\n", "d2": "z\n", "--stat": "w\n"})
    names = place.run("diff", "--name-only").out.split("\n")
    assert set(names) == {"a", "d/b", "d2", "--stat", ""}
    assert place.run("diff", "--name-only", "--", "d").out == "d/b\n"
    assert place.run("diff", "latest", "--name-only", "--", "a", "d2/").out == "a\nd2\n"
    assert place.run("diff", "--name-only", "--", "--stat").out == "--stat\n"


def test_exit_code(place: Place) -> None:
    """`--exit-code` is 1 where there are differences, 0 where there are none; without it it is always 0."""
    assert place.run("diff", "--exit-code").code == 0
    place.write({"a": "x\n"})
    assert place.run("diff", "--exit-code").code == 1
    assert place.run("diff", "--exit-code", "--json").code == 1
    assert place.run("diff").code == 0


def test_stat(place: Place) -> None:
    """`--stat` counts lines, and says where it cannot."""
    place.write({"a": "1\nx\ny\n3\n", "bin": b"\0\1"})
    (place.root / "gone").unlink()
    assert place.run("diff", "--stat").out == "  ~ a  +2 -1\n  + bin  not text\n  - gone  +0 -1\n"


# --- as git's


def _both(place: Place, after: dict[str, str | bytes | Link | None]) -> tuple[Path, Path, Path]:
    """Snapshot, change, snapshot; return copies of the root before and after, and the file with the difference."""
    before_copy, after_copy = place.base / "before", place.base / "after"
    shutil.copytree(place.root, before_copy, symlinks=True)
    first = place.ok("status")["latest"]
    for name, content in after.items():
        if content == "":
            (place.root / name).unlink()
        else:
            place.write({name: content})
    second = place.snapshot()
    shutil.copytree(place.root, after_copy, symlinks=True)
    patch = place.base / "patch"
    patch.write_bytes(place.run("diff", first, second, "--no-redact").raw)
    return before_copy, after_copy, patch


def _contents(folder: Path) -> dict[bytes, tuple[object, ...]]:
    return {name: (row[0], row[-1]) for name, row in look(folder).items() if row[0] != "folder"}


CHANGES: dict[str, dict[str, str | bytes | Link | None]] = {
    "modified": {"a": "1\n2.5\n3\n"},
    "added": {"new": "n\n", "d/e/f": "deep\n"},
    "removed": {"gone": "", "d/b": ""},
    "no newline": {"a": "1\n2\n3", "new": "no end"},
    "newline again": {"a": "1\n2\n3\n\n"},
    "emptied": {"a": b"", "new": b""} | {"x": "y\n"},
    "space": {"with space": "t\n", "another name": "u\n"},
    "odd names": {"new\nline": "1\n", "tab\tname": "2\n", 'quo"te': "3\n", "back\\slash": "4\n", "ü": "5\n"},
    "not utf-8": {"\udcff": b"\xfe\n", "a": b"\xff\xfe\n2\n"},
    "crlf": {"a": "1\r\n2\r\n3\r\n"},
    "looks like a patch": {"a": "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-1\n+1\n"},
    "link": {"l": Link("d/b"), "m": Link("nowhere")},
    "file to link": {"a": Link("d/b")},
    "form feed": {"a": "1\x0c2\n\x1c3\n\u2028\n"},
}


@pytest.mark.parametrize("tool", ["git", "patch"])
@pytest.mark.parametrize("what", CHANGES)
def test_applies(place: Place, what: str, tool: str) -> None:
    """What `diff --no-redact` prints turns the one state into the other, by `git apply` and by `patch`."""
    if tool == "patch" and what == "odd names":
        pytest.skip("GNU patch refuses names with line ends")
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    changes = {name: content for name, content in CHANGES[what].items() if content != b"" or name == "a"}
    before, after, patch = _both(place, changes)
    command = ["git", "apply", "-p1", patch] if tool == "git" else ["patch", "-s", "-p1", "-i", patch]
    done = subprocess.run(command, cwd=before, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done, patch.read_bytes())
    assert _contents(before) == _contents(after)


@pytest.mark.parametrize("what", CHANGES)
def test_reads_like_git_s(place: Place, what: str) -> None:
    """Hunks and headers are those that git prints of the same two snapshots, but for its `index` lines."""
    changes = {name: content for name, content in CHANGES[what].items() if content != b"" or name == "a"}
    _, _, patch = _both(place, changes)
    quote = "true" if what == "not utf-8" else "false"
    theirs = place.git(
        "-c",
        f"core.quotePath={quote}",
        "diff",
        "--no-renames",
        "main~1",
        "main",
        "--",
        ":!.configvault-metadata.json",
    )
    expected = [line.split(" @@")[0] for line in theirs.split("\n") if not line.startswith("index ")]
    ours = [line.split(" @@")[0] for line in os.fsdecode(patch.read_bytes()).split("\n")]
    assert sorted(ours) == sorted(expected)


def test_modes_owners_and_folders_in_words(place: Place) -> None:
    """What a patch cannot say is said in lines that git passes over."""
    (place.root / "a").chmod(0o600)
    (place.root / "d").chmod(0o700)
    place.write({"e/": None, "gone": "changed\n"})
    out = place.run("diff").out
    assert "old mode 100644\nnew mode 100600\n" in out
    assert "folder d: mode 0755 -> 0700\n" in out
    assert "folder e: added, mode 0755" in out
    if os.geteuid() == 0:
        os.chown(place.root / "gone", 5, 6)
        assert "owner of gone: 0:0 -> 5:6\n" in place.run("diff").out
    before = place.base / "b"
    before.mkdir()
    (before / "gone").write_text("bye\n")
    (before / "a").write_text("1\n2\n3\n")
    (place.base / "p").write_text(place.run("diff").out)
    subprocess.run(["git", "apply", place.base / "p"], cwd=before, check=True, capture_output=True)
    assert (before / "gone").read_text() == "changed\n"


def test_folder_in_place_of_a_file(place: Place) -> None:
    """A file that became a folder, and back, is said in words and lines."""
    (place.root / "a").unlink()
    place.write({"a/inner": "i\n"})
    out = place.run("diff").out
    assert "folder a: added" in out
    assert "deleted file mode 100644" in out
    assert "+i\n" in out


def test_binary(place: Place) -> None:
    """Bytes that are no text are only said to differ, in both directions."""
    place.snapshot({"bin": b"\0\1\2"})
    place.write({"bin": b"\0\1\3"})
    assert place.run("diff").out == "diff --git a/bin b/bin\nBinary files a/bin and b/bin differ\n"


def test_huge_difference_ends(place: Place) -> None:
    """A file too long to compare line by line is said to differ, at once."""
    place.snapshot({"big": "".join(f"{n}\n" for n in range(30000))})
    place.write({"big": "".join(f"{n * 7}\n" for n in range(30000))})
    assert "differ (30000 and 30000 lines)" in place.run("diff").out


# --- secrets


def test_secrets_are_hidden(place: Place) -> None:
    """A secret is shown as a mark, an equal one by the same mark, and a changed one by another."""
    place.snapshot({"conf.yaml": f"service_token: {SECRET}\nother_token: {SECRET}\nname: x\n"})
    place.write(
        {
            "conf.yaml": "service_token: 0cc175b9c0f1b6a831c399e269772661bb\nother_token: "
            + SECRET
            + "\nname: y\n"
        }
    )
    place.snapshot()
    for argv in (
        ("diff", "previous", "latest"),
        ("diff", "previous", "latest", "--json"),
        ("show", "latest", "--stat"),
    ):
        assert SECRET not in place.run(*argv).out
        assert "0cc175b9" not in place.run(*argv).out
    out = place.run("diff", "previous", "latest").out
    assert out.count("service_token: <secret#") == 2
    assert "-name: x\n+name: y\n" in out
    marks = {line.split(": ")[1] for line in out.splitlines() if line.startswith(("-service", "+service"))}
    assert len(marks) == 2
    kept = next(line.split(": ")[1] for line in out.splitlines() if line.startswith("-service"))
    assert f" other_token: {kept}\n" in out


def test_no_redact(place: Place) -> None:
    """`--no-redact` shows what is there."""
    place.write({"conf.yaml": f"service_token: {SECRET}\n"})
    assert SECRET in place.run("diff", "--no-redact").out
    assert SECRET not in place.run("diff").out


def test_rejected_diff_is_redacted(place: Place) -> None:
    """The difference of a refused state hides secrets, too, and so do its findings."""
    place.write({"conf.json": f'{{"service_token": "{SECRET}", '})
    id_ = place.run("snapshot", "--json").json["rejected"]
    for argv in (
        ("rejected", "diff", id_),
        ("rejected", "show", id_),
        ("rejected", "list"),
        ("snapshot",),
        ("check",),
    ):
        assert SECRET not in place.run(*argv).out, argv
        assert SECRET not in place.run(*argv, "--json").out, argv
    assert SECRET in place.run("rejected", "diff", id_, "--no-redact").out


def test_history_stays_true(place: Place) -> None:
    """What is recorded and what is shown as a file's bytes is never redacted."""
    place.snapshot({"conf.yaml": f"service_token: {SECRET}\n"})
    assert place.run("show", "latest:conf.yaml").raw == f"service_token: {SECRET}\n".encode()


# --- show


def test_show(place: Place) -> None:
    """A snapshot's facts and what it changed against the one before."""
    place.write({"a": "x\n", "new": "n\n"})
    (place.root / "gone").unlink()
    (place.root / "d" / "b").chmod(0o600)
    place.snapshot(None, "-m", "why not")
    found = place.ok("show", "latest")
    assert {(one["path"], one["kind"]) for one in found["changes"]} == {
        ("a", "modified"), ("new", "added"), ("gone", "removed"), ("d/b", "metadata"),
    }  # fmt: skip
    out = place.run("show", "latest").out
    assert "why not" in out
    assert "  m d/b" in out
    assert stat.S_IMODE((place.root / "d" / "b").stat().st_mode) == 0o600

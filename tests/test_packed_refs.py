"""Refs are found in `packed-refs` by halving, and what is found is what git says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from configvault.vault import packedrefs
from configvault.vault.packedrefs import Packed
from configvault.vault.refs import Refs

ID = "{:040x}"
NAMES = st.text("abz019_/-^\u00e9", min_size=1, max_size=40).map(lambda text: f"refs/tags/{text}")
HEADER = "# pack-refs with: peeled fully-peeled sorted \n"


def written(path: Path, names: set[str], peeled: set[str], header: str = HEADER) -> dict[str, str]:
    """Write a `packed-refs` of `names`, some of them with what they lead to, and return it by name."""
    ids = {name: ID.format(number) for number, name in enumerate(names)}
    lines = [
        f"{ids[name]} {name}\n" + (f"^{ID.format(7)}\n" if name in peeled else "")
        for name in (sorted(names, key=os.fsencode) if header else names)
    ]
    path.write_text(header + "".join(lines))
    return ids


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(NAMES, max_size=60), st.sets(NAMES, max_size=10), st.booleans())
@example({"refs/tags/" + "n" * 3000, "refs/tags/a", "refs/tags/z"}, set(), True)
def test_every_ref_is_found_and_no_other(
    tmp_path: Path, names: set[str], others: set[str], sorts: bool
) -> None:
    """Whatever the names are and however long, each is found by itself and in a range, and no other is."""
    path = tmp_path / "packed-refs"
    ids = written(path, names, {name for name in names if len(name) % 2}, HEADER if sorts else "")
    with path.open("rb") as file, pytest.MonkeyPatch.context() as patch:
        # Else a file as short as these is read as a whole.
        patch.setattr(packedrefs, "_SMALL", 60)
        packed = Packed.opened(file.fileno())
        assert list(packed.backward("refs/tags/")) == list(packed.below("refs/tags/"))[::-1]
        assert {name: packed.find(name) for name in names | others} == {
            name: ids.get(name) for name in names | others
        }
        assert dict(packed.below("refs/tags/")) == ids
        assert dict(packed.below("refs/tags/a/")) == {
            n: i for n, i in ids.items() if n.startswith("refs/tags/a/")
        }
        for other in others:
            raw = os.fsencode(other)
            between = dict(packed.between(other, "refs/tags/z"))
            assert between == {n: i for n, i in ids.items() if raw <= os.fsencode(n) <= b"refs/tags/z"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository of one commit with 300 tags, the even ones packed, the others loose."""
    path = tmp_path / "git"

    def git(*argv: str, stdin: str = "") -> str:
        identity = {f"GIT_{who}_{what}": "x@y" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        ran = subprocess.run(
            ["git", "--git-dir", path, *argv], input=stdin, text=True, capture_output=True, check=True,
            env=os.environ | identity,
        )  # fmt: skip
        return ran.stdout.strip()

    git("init", "--bare", "--quiet")
    commit = git("commit-tree", git("mktree"), "-m", "x")
    git(
        "update-ref", "--stdin", stdin="".join(f"create refs/tags/n{n:03} {commit}\n" for n in range(0, 300, 2))
    )
    git("tag", "-a", "-m", "x", "m", commit)
    git("pack-refs", "--all")
    git(
        "update-ref", "--stdin", stdin="".join(f"create refs/tags/n{n:03} {commit}\n" for n in range(1, 300, 2))
    )
    return path


def test_packed_and_loose_refs_are_one(repository: Path) -> None:
    """Names, presence, count and the fingerprint do not depend on which refs are packed."""
    refs = Refs(str(repository))
    every = {f"n{n:03}" for n in range(300)}

    def seen() -> list[object]:
        asked = every | {"n300", "nothing", "n0"}
        return [
            refs.below("refs/"),
            refs.names("refs/tags/"),
            refs.present("refs/tags/", asked) == every,
            [refs.present("refs/tags/", {name, "no"}) == {name} for name in sorted(every)],
            refs.count("refs/tags/", "n[0-9]{3}"),
            refs.read("refs/tags/n299"),
            refs.fingerprint(),
        ]

    before = seen()
    assert refs.loose() == 150
    subprocess.run(["git", "--git-dir", repository, "pack-refs", "--all"], check=True)
    assert refs.loose() == 0
    assert seen() == before
    assert before[2:5] == [True, [True] * 300, 300]


def test_a_ref_that_changes_changes_the_fingerprint(repository: Path) -> None:
    """Moved, removed or new: whatever happens to one ref shows, also where a packed one is moved by a loose one."""
    refs = Refs(str(repository))
    found = {refs.fingerprint()}
    for number, name in enumerate(("n000", "n001", "new")):
        (repository / "refs/tags" / name).write_text(ID.format(number) + "\n")
        found.add(refs.fingerprint())
    subprocess.run(["git", "--git-dir", repository, "update-ref", "-d", "refs/tags/n100"], check=True)
    found.add(refs.fingerprint())
    assert len(found) == 5


def test_a_look_reads_little(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To find one of 20,000 refs takes a few small reads, never all of the file."""
    written(repository / "packed-refs", {f"refs/tags/backup_{n:015}" for n in range(20_000)}, set())
    read = 0
    pread = os.pread

    def counted(fd: int, size: int, offset: int) -> bytes:
        nonlocal read
        found = pread(fd, size, offset)
        read += len(found)
        return found

    monkeypatch.setattr(os, "pread", counted)
    assert Refs(str(repository)).present("refs/tags/", ["backup_000000000019999"])
    assert 0 < read < 16_384


def test_refs_are_walked_from_the_newest(repository: Path) -> None:
    """Backwards, onwards from one, and by their beginning: loose and packed refs come as one list."""
    refs = Refs(str(repository))
    every = [f"refs/tags/n{n:03}" for n in range(300)]
    assert [name for name, _ in refs.newest("refs/tags/")] == [*reversed(every), "refs/tags/m"]
    assert [name for name, _ in refs.newest("refs/tags/", "n002")] == [*every[1::-1], "refs/tags/m"]
    assert sorted(refs.starting("refs/tags/n29")) == every[290:]
    found, name = [], ""
    while (following := refs.following("refs/tags/", name)) is not None:
        found.append(following[0])
        name = following[0].removeprefix("refs/tags/")
    assert found == ["refs/tags/m", *every]


@pytest.mark.parametrize(
    "more", [[], ["backup_1"], ["v1.0"], ["backup_20230101_0000000"], ["backup_20230101_00000x"]]
)
def test_snapshots_are_counted_among_other_tags(repository: Path, more: list[str]) -> None:
    """Of tags that are alike or not, those with the form of an id are counted, and no other."""
    ids = {f"refs/tags/backup_202301{day:02}_{second:06}" for day in range(1, 32) for second in range(40)}
    written(repository / "packed-refs", ids | {f"refs/tags/{name}" for name in more}, set())
    assert Refs(str(repository)).count("refs/tags/", "backup_[0-9]{8}_[0-9]{6}") == len(ids)

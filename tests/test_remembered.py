"""What one process leaves to the next so that it need not read and validate everything again: only ever a cache."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import plugins
import pytest
from harness.daemon import Watched
from hypothesis import given
from hypothesis import strategies as st
from sites import Place
from states import Blobs, Content, Link, folder

from configvault import app
from configvault.app import validator
from configvault.core import metadata
from configvault.core.model import Entry, Finding, Folder, Severity, Stamp, State
from configvault.core.settings import ValidateSettings
from configvault.root import capture
from configvault.usecases import scan
from configvault.vault import statcache, statefiles, verdicts

FILES: dict[str, Content] = {
    "a.yaml": "a: 1\n",
    "link": Link("a.yaml"),
    "d/b.yaml": "b: 1\n",
    os.fsdecode(b"d/\xff"): "",
    "d/e/c.yaml": "c: 1\n",
    "empty/": "",
}


@pytest.fixture
def believing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe the stamps of files that were written a moment ago."""
    monkeypatch.setattr(capture, "RACY_NS", -(10**18))


def stamped(tree: Folder) -> Folder:
    """Return `tree` with a stamp for every second file, and a name that was left out."""
    entries = {name: stamped(one) if isinstance(one, Folder) else one for name, one in tree.entries.items()}
    names = [name for name, one in entries.items() if isinstance(one, Entry)]
    stamps = {
        name: Stamp(number, 2, 10**18, 10**18 + 1) for number, name in enumerate(names) if number % 2 == 0
    }
    return Folder(tree.mode, tree.uid, tree.gid, entries, stamps, {"x.swp": "ignored"})


def facts(tree: Folder) -> list[object]:
    """Return everything that is known of a folder and of all below it."""
    own = [tree.attributes, tree.id, tree.summary, dict(tree.stamps), dict(tree.left_out)]
    return [
        *own,
        *((name, facts(one) if isinstance(one, Folder) else one) for name, one in sorted(tree.entries.items())),
    ]


def test_stamps_come_back(tmp_path: Path) -> None:
    """What was kept is read back as it was: entries, stamps, names left out, ids and sums."""
    path, tree = str(tmp_path / "cache"), stamped(folder(FILES, Blobs()))
    statcache.save(path, tree)
    found = statcache.load(path)
    assert found is not None
    assert facts(found) == facts(tree)
    worked_out = Folder(found.mode, found.uid, found.gid, found.entries)
    assert (worked_out.id, worked_out.summary.census) == (tree.id, tree.summary.census)


def test_odd_stamps_are_kept_or_left(tmp_path: Path) -> None:
    """The largest inode and a time before 1970 come back; a time that no number of nanoseconds holds is no stamp at all."""
    tree = folder({"a": "1", "b": "2", "c": "3"}, Blobs())
    odd = {"a": Stamp((1 << 64) - 1, 1, -1, -(10**18)), "b": Stamp(1, 1, 10**19, 1), "c": Stamp(3, 1, 2, 2)}
    path = str(tmp_path / "cache")
    statcache.save(path, Folder(tree.mode, tree.uid, tree.gid, tree.entries, odd, {}))
    found = statcache.load(path)
    assert found is not None
    assert found.stamps == {name: stamp for name, stamp in odd.items() if name != "b"}


def test_damaged_stamps_are_none(tmp_path: Path) -> None:
    """A file that is not whole is no cache, wherever it was damaged, and neither is another program's."""
    path = tmp_path / "cache"
    statcache.save(str(path), stamped(folder(FILES, Blobs())))
    whole = path.read_bytes()
    for at in (0, 10, len(statcache.FORMAT) + 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert statcache.load(str(path)) is None
    for torn in (whole[:-1], b"", b"{}", b"\0" * len(whole)):
        path.write_bytes(torn)
        assert statcache.load(str(path)) is None
    assert statcache.load(str(tmp_path / "missing")) is None


def test_stamps_of_an_older_snapshot_do(tmp_path: Path, believing: None) -> None:
    """Where the cache is of a snapshot before, only what was changed since is read, and the answer is the same."""
    place = Place(tmp_path / "place")
    place.init({f"d{n}/{n}.yaml": f"n: {n}\n" for n in range(9)})
    cache = place.vault / "configvault" / statefiles.STAT_CACHE
    older = cache.read_bytes()
    place.snapshot({f"d{n}/{n}.yaml": f"changed: {n}\n" for n in range(3)})
    place.write({"d5/5.yaml": "unrecorded: 1\n"})
    cache.write_bytes(older)
    with place.parts() as site, site.vault.stage() as stage:
        seen = scan.live(site, stage)
        read = [entry.blob for _, entry in seen.state.files() if entry.blob in stage]
        fresh = site.root.capture(None, None)
        latest = site.vault.latest()
    assert len(read) == 4
    assert seen.before is not None
    assert latest is not None
    assert metadata.snapshot_tree(seen.before).id == latest.tree
    assert [change.path for change in seen.changes] == ["d5/5.yaml"]
    assert metadata.snapshot_tree(fresh).id == seen.tree


def test_the_daemon_leaves_its_stamps(tmp_path: Path) -> None:
    """What a daemon recorded before it ended is known to the next process."""
    place = Watched(tmp_path)
    with place.daemon() as daemon:
        (place.root / "a.yaml").write_text("a: 2\n")
        daemon.wait("snapshot.recorded", trigger="change")
        assert daemon.stop() == 0
    kept = statcache.load(str(place.vault / "configvault" / statefiles.STAT_CACHE))
    assert kept is not None
    assert metadata.snapshot_tree(kept).id == place.git("rev-parse", "main^{tree}").strip()


def test_verdicts_are_for_one_set_of_rules(tmp_path: Path) -> None:
    """What was found by other rules, or by a file that is damaged anywhere, is not believed."""
    path = tmp_path / "verdicts"
    finding = Finding("yaml-syntax", Severity.ERROR, "a.yaml", 1, None, "no", None, "yes")
    kept = verdicts.Kept({"a" * 40: (finding,), "b" * 40: ()}, {"clean": ["c" * 40]})
    verdicts.save(str(path), "these rules", kept)
    assert verdicts.load(str(path), "these rules") == kept
    assert verdicts.trees(str(path), "these rules") == kept.trees
    assert (
        verdicts.load(str(path), "other rules")
        == verdicts.load(str(tmp_path / "missing"), "")
        == verdicts.Kept()
    )
    assert verdicts.trees(str(path), "other rules") == {}
    whole = path.read_bytes()
    for length in range(len(whole) - 1):
        path.write_bytes(whole[:length])
        assert verdicts.load(str(path), "these rules") in (kept, verdicts.Kept())
        assert verdicts.trees(str(path), "these rules") in (kept.trees, {})


def test_only_the_newest_verdicts_are_kept(tmp_path: Path) -> None:
    """The file does not grow with the history: of whole states so many are kept, those that were asked for last."""
    trees = {f"{number:040x}": () for number in range(verdicts.MOST_TREES + 7)}
    verdicts.save(str(tmp_path / "verdicts"), "", verdicts.Kept(trees))
    assert list(verdicts.trees(str(tmp_path / "verdicts"), "")) == list(trees)[7:]


def test_what_is_known_to_be_clean_is_not_read() -> None:
    """A folder in which nothing was found is not entered again, by another validator neither; one with a finding is."""
    mine, blobs = validator(ValidateSettings(profile="generic"), {}), Blobs()
    files: dict[str, Content] = {"good/a.yaml": "a: 1", "good/deep/b.yaml": "b: 1", "bad/c.yaml": "c: ["}
    tree = folder(files, blobs)
    assert [one.path for one in mine.validate(State(tree, blobs.read)).errors] == ["bad/c.yaml"]
    blobs.reads.clear()
    another = validator(ValidateSettings(profile="generic"), {})
    another.clean |= mine.clean
    assert [one.path for one in another.validate(State(tree, blobs.read)).errors] == ["bad/c.yaml"]
    bad = tree.find("bad/c.yaml")
    assert isinstance(bad, Entry)
    assert set(blobs.reads) == {bad.blob}
    blobs.reads.clear()
    assert [one.path for one in another.validate(State(tree, blobs.read)).errors] == ["bad/c.yaml"]
    assert blobs.reads == []


def test_what_is_known_is_bounded_by_bytes() -> None:
    """Of large files that are gone nothing is kept, few as they are; of those that are there everything, however much."""
    mine, blobs = validator(ValidateSettings(profile="generic"), {}), Blobs()

    def read(files: dict[str, Content]) -> int:
        blobs.reads.clear()
        mine.validate(State(folder({"bad.yaml": "c: [", **files}, blobs), blobs.read))
        return len({blob for blob in blobs.reads if len(blobs[blob]) > 1000})

    def large(number: int) -> str:
        return f'{{"{number}": "{"x" * (1 << 20)}"}}'

    for number in range(40):
        assert read({"a.json": large(number)}) == 1
    assert read({"a.json": large(39)}) == 0
    assert read({"a.json": large(0)}) == 1
    there: dict[str, Content] = {f"{number}.json": large(number) for number in range(40)}
    read(there)
    assert read(there) == 0
    assert read({**there, "0.json": large(99)}) == 1


def test_a_name_from_elsewhere_is_looked_at_each_time() -> None:
    """What a file is known by may come from a link to it: its folder being clean under its own name says nothing."""
    mine, blobs = validator(ValidateSettings(profile="generic"), {}), Blobs()
    hidden: dict[str, Content] = {"..v1/data": "a: ["}
    assert mine.validate(State(folder(hidden, blobs), blobs.read)).accepted
    assert not mine.validate(State(folder({**hidden, "a.yaml": Link("..v1/data")}, blobs), blobs.read)).accepted


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_a_validator_that_remembers_says_the_same(changes: list[int]) -> None:
    """Whatever was validated before, the verdict is that of a new validator."""
    files: dict[str, Content] = {f"d{n}/f.yaml": "a: 1" for n in range(4)}
    mine, blobs = validator(ValidateSettings(profile="generic"), {}), Blobs()
    for number, which in enumerate(changes):
        path = f"d{which}/f.yaml"
        files[path] = "a: [" if files[path] != "a: [" else f"a: {number}"
        state = State(folder(files, blobs), blobs.read)
        assert mine.validate(state) == validator(ValidateSettings(profile="generic"), {}).validate(state)


def test_the_log_goes_on_behind_the_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All snapshots are told once and in order, however many are read at first."""
    from configvault.vault import repository

    place = Place(tmp_path / "place")
    place.init({"a": "0\n"})
    for number in range(6):
        place.snapshot({"a": f"{number + 1}\n"})
    with place.parts() as site:
        every = [one.id for one in site.vault.log()]
        assert len(every) == 7
        for first, largest in ((1, 1), (40, 300), (1 << 14, 1 << 20)):
            monkeypatch.setattr(repository, "_FIRST_PIECE", first)
            monkeypatch.setattr(repository, "_LARGEST_PIECE", largest)
            assert [one.id for one in site.vault.log()] == every
            assert [one.id for one in site.vault.log(limit=3)] == every[:3]
        place.git("tag", "-d", every[1], every[2])
        assert [one.id for one in site.vault.log(limit=3)] == [every[0], *every[3:5]]
        assert [one.id for one in site.vault.log(limit=9)] == [every[0], *every[3:]]


COZE: dict[str, Content] = {**plugins.GOOD, "pluginproduct/unused.yaml": "a: 1\n"}
# Without the official schema, which takes a process of its own each time.
PLAIN = ValidateSettings(rules={"openapi-spec": "off"})


def test_another_process_knows_the_findings(tmp_path: Path) -> None:
    """A directory with standing warnings is validated once: the next process reads no file of it, and says the same."""
    path, blobs = str(tmp_path / "verdicts"), Blobs()
    tree = folder(COZE, blobs)
    state = State(tree, blobs.read, tree)
    first = app.LazyValidator(PLAIN, {}, path)
    found = first.validate(state)
    assert (found.accepted, bool(found.findings)) == (True, True)
    first.remember()
    blobs.reads.clear()
    second = app.LazyValidator(PLAIN, {}, path)
    assert second.validate(state) == found
    assert blobs.reads == []
    assert app.LazyValidator(PLAIN, {}, str(tmp_path / "none")).validate(state) == found


def test_a_whole_state_is_not_validated_again(tmp_path: Path) -> None:
    """To go back to a state that was validated by these rules loads no validator; by other rules it is validated."""
    path, blobs = str(tmp_path / "verdicts"), Blobs()
    state = State(folder({**COZE, "pluginproduct/bad.yaml": "a: ["}, blobs), blobs.read)
    first = app.LazyValidator(PLAIN, {}, path)
    found = first.validate(state)
    assert not found.accepted
    first.remember()
    second = app.LazyValidator(PLAIN, {}, path)
    assert (second.validate(state), second._real) == (found, None)
    strict = ValidateSettings(rules={"openapi-spec": "off", "unreferenced-file": "error"})
    assert len(app.LazyValidator(strict, {}, path).validate(state).errors) > len(found.errors)


@given(
    st.lists(st.sampled_from(sorted(COZE)), min_size=1, max_size=4),
    st.sampled_from(("", "a: [", "{}", "a: 1\n")),
)
def test_a_process_that_remembers_says_the_same(names: list[str], text: str) -> None:
    """Whatever was validated and written down before, the verdict is that of a new validator."""
    with tempfile.TemporaryDirectory() as place:
        path, blobs, files = f"{place}/verdicts", Blobs(), dict(COZE)
        for name in names:
            files[name] = text if files[name] != text else COZE[name]
            state = State(folder(files, blobs), blobs.read)
            lazy = app.LazyValidator(PLAIN, {}, path)
            assert lazy.validate(state) == validator(PLAIN, {}).validate(state)
            lazy.remember()

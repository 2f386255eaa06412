"""What editors and programs leave behind is ignored: files of exactly their shape, counted, and nothing that only looks like it."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugins import GOOD, META, META_PATH, TIDES, TIDES_PATH, swap
from sites import Place

from configvault.core.settings import IGNORED_BY_DEFAULT
from configvault.root.names import Names

NAMES = Names(IGNORED_BY_DEFAULT)
LITTER = (
    ".a.yaml.swp", ".a.yaml.swo", ".a.yaml.swx", "a.yaml~", "4913", "#a.yaml#", ".#a.yaml", "a.yaml___jb_tmp___", "a.yaml___jb_old___",
    ".goutputstream-X3P9A1", ".nfs00000000012345670000001b", ".DS_Store", "sedAb3dEf", "sedk2Lm9Q", ".a.yaml.Xk29sQ", ".plugin_meta.yaml.aB3xY9",
    ".~lock.a.xlsx#", "~$plan.docx", "~$a.xlsx",
)  # fmt: skip
FILES = (
    "sedan.yml", "sedation", "sedative", "sedatives", "seduction", "sed123456", "sedplugin", ".env.sample", ".env.stage1", ".env.Sample", ".env.PROD01",
    ".app.config", ".my.backup", ".nfsrc.yaml", ".nfs", ".nfs4.conf", ".nfs0000", ".goutputstream-config", "4913.yaml", "a#", "#a", "~$x.yaml", "~a.yaml",
    "a.swp.yaml", ".lock.a#", "Thumbs.yaml", ".env", ".env.production", "tilde~.yaml",
)  # fmt: skip


@pytest.mark.parametrize("name", LITTER)
def test_litter_is_left_out(name: str) -> None:
    """A file of the shape that its program gives it is ignored, a folder of that name is not."""
    assert NAMES.reason_to_leave_out(name, "") == "ignored"
    assert NAMES.reason_to_leave_out(name, "", is_folder=True) is None


@pytest.mark.parametrize("name", FILES)
def test_what_only_looks_like_litter_is_kept(name: str) -> None:
    """A name that somebody gave is captured."""
    assert NAMES.reason_to_leave_out(name, "") is None


def test_patterns_of_the_operators_own_are_as_they_were() -> None:
    """What else is in `watch.ignore` is a shell pattern, for folders as well."""
    names = Names(("*.db", "cache", "logs/*.txt"))
    assert names.reason_to_leave_out("a.db", "", is_folder=True) == "ignored"
    assert names.reason_to_leave_out("cache", "x/", is_folder=True) == "ignored"
    assert names.reason_to_leave_out("a.txt", "logs/") == "ignored"
    assert names.reason_to_leave_out("a.txt", "") is None


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    """`status`, `check` and `doctor` say how much patterns leave out; folders with such names are recorded and restored."""
    place = Place(tmp_path / "place")
    first = place.init(
        {
            "a.yaml": "x: 1\n",
            "data~/b.yaml": "y: 1\n",
            "sedplugin/c.yaml": "z: 1\n",
            "a.yaml~": "old\n",
            ".#a.yaml": "lock\n",
        }
    )
    assert place.ok("status")["ignored"] == {"count": 2, "paths": [".#a.yaml", "a.yaml~"]}
    assert "ignored 2 by watch.ignore: .#a.yaml, a.yaml~" in place.run("status").out
    assert place.ok("check")["ignored"] == 2
    assert "2 left out by watch.ignore" in place.run("check").err + place.run("check").out
    assert "2 left out by watch.ignore" in place.run("doctor").out
    place.write({"data~/b.yaml": "y: 2\n", "sedplugin/c.yaml": "z: 2\n"})
    place.snapshot()
    assert place.run("rollback", first).code == 0
    assert (place.root / "data~/b.yaml").read_text() == "y: 1\n"
    assert (place.root / "sedplugin/c.yaml").read_text() == "z: 1\n"
    assert (place.root / "a.yaml~").read_text() == "old\n"


def test_a_document_that_is_ignored(tmp_path: Path) -> None:
    """A document whose name a pattern matches is said to be ignored, not to be missing."""
    place = Place(tmp_path / "place", more="watch: {ignore: ['tides*']}\n", profile="coze")
    place.write(GOOD)
    found = place.run("check", str(place.root), "--json").json["findings"]
    reported = [one for one in found if one["rule"] == "document-missing"]
    assert len(reported) == 1
    assert "watch.ignore excludes it" in reported[0]["message"]
    assert "does not exist" not in reported[0]["message"]
    assert "watch.ignore" in reported[0]["hint"]


@pytest.mark.parametrize("name", ["sedan.yml", ".env.sample", ".app.config", ".nfsrc.yaml"])
def test_a_document_with_such_a_name(tmp_path: Path, name: str) -> None:
    """A document may be called so: it is found, recorded and restored."""
    place = Place(tmp_path / "place", profile="coze")
    folder = TIDES_PATH.rpartition("/")[0]
    files = {path: text for path, text in GOOD.items() if path != TIDES_PATH}
    first = place.init({**files, f"{folder}/{name}": TIDES, META_PATH: swap(META, "tides.yaml", name)})
    place.snapshot({f"{folder}/{name}": TIDES + "# more\n"})
    assert place.run("rollback", first).code == 0
    assert (place.root / folder / name).read_text() == TIDES

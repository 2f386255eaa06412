"""`pull`: what is new at the source is deployed once; what was refused, rolled back from, rewritten or edited by hand holds it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from sites import Place, look
from test_deploying import commit, run_git


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """Return a developer's repository, whose folder `conf` holds the files."""
    made = tmp_path / "work"
    (made / "conf").mkdir(parents=True)
    (made / "conf" / "a.yaml").write_text("a: 1\n")
    run_git(made, "init", "-q", "-b", "main", ".")
    commit(made)
    return made


@pytest.fixture
def place(tmp_path: Path, work: Path) -> Place:
    """Return a place whose source is that repository."""
    made = Place(tmp_path / "place", source(work))
    made.init({"a.yaml": "a: 0\n"})
    return made


def source(work: Path, **more: str) -> str:
    """Return the section `source`."""
    keys = {"url": f"'file://{work}'", "path": "conf", **more}
    return "source: {" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}\n"


def push(work: Path, text: str) -> str:
    """Commit a new version and return its commit."""
    (work / "conf" / "a.yaml").write_text(text)
    return commit(work)


def live(place: Place) -> str:
    """Return what the file holds."""
    return (place.root / "a.yaml").read_text()


def test_new_is_deployed_once(place: Place, work: Path) -> None:
    """A new commit is deployed with its trigger and source; without a newer one nothing happens and nothing is left."""
    done = place.ok("pull")
    assert (done["outcome"], live(place)) == ("deployed", "a: 1\n")
    latest = place.ok("show", "latest")
    assert latest["trigger"] == "pull"
    assert run_git(work, "rev-parse", "HEAD") in latest["source"]
    refs, files = (
        place.git("for-each-ref"),
        sorted(path.name for path in (place.vault / "configvault").iterdir()),
    )
    for _ in range(3):
        assert place.ok("pull")["outcome"] == "unchanged"
    assert place.git("for-each-ref") == refs
    assert sorted(path.name for path in (place.vault / "configvault").iterdir()) == files
    push(work, "a: 2\n")
    assert place.ok("pull", "-n")["outcome"] == "planned"
    assert live(place) == "a: 1\n"
    assert (place.ok("pull")["outcome"], live(place)) == ("deployed", "a: 2\n")
    assert place.ok("status")["source"]["deployed"] == run_git(work, "rev-parse", "HEAD")


def test_rejected_commit_is_not_tried_again(place: Place, work: Path) -> None:
    """A commit that the rules refuse is kept and reported, never tried again by itself, and a newer one is deployed."""
    place.ok("pull")
    before = look(place.root)
    push(work, "a: [\n")
    ran = place.run("pull", "--json")
    assert (ran.code, ran.json["outcome"], look(place.root)) == (3, "rejected", before)
    refs = place.git("for-each-ref")
    again = place.run("pull", "--json")
    assert (again.code, again.json["held"], place.git("for-each-ref")) == (6, "refused", refs)
    assert any("refused" in one for one in place.ok("status")["degraded"])
    push(work, "a: 3\n")
    assert (place.ok("pull")["outcome"], live(place)) == ("deployed", "a: 3\n")


def test_rolled_back_commit_is_held(place: Place, work: Path) -> None:
    """A commit that somebody rolled back from is held until a newer one comes, or it is forced."""
    place.ok("pull")
    push(work, "a: 2\n")
    place.ok("pull")
    place.ok("rollback", "previous")
    held = place.run("pull", "--json")
    assert (held.code, held.json["held"], live(place)) == (6, "rolled_back", "a: 1\n")
    assert (place.ok("pull", "--force")["outcome"], live(place)) == ("deployed", "a: 2\n")
    place.ok("rollback", "previous")
    push(work, "a: 3\n")
    assert (place.ok("pull")["outcome"], live(place)) == ("deployed", "a: 3\n")


@pytest.mark.parametrize("recorded", [False, True])
def test_drift_both_ways(place: Place, work: Path, recorded: bool) -> None:
    """A local change holds the deployment, or is kept in the vault and replaced, as the configuration says."""
    place.ok("pull")
    (place.root / "a.yaml").write_text("a: mine\n")
    if recorded:
        place.ok("snapshot")
    push(work, "a: 2\n")
    held = place.run("pull", "--json")
    assert (held.code, held.json["held"], live(place)) == (6, "drifted", "a: mine\n")
    place.configure(source(work, on_drift="overwrite"))
    done = place.ok("pull")
    assert (done["outcome"], live(place)) == ("deployed", "a: 2\n")
    assert place.run("show", f"{done['safety']}:a.yaml").out == "a: mine\n"


def test_rewritten_branch_is_refused(place: Place, work: Path) -> None:
    """A branch that does not follow what was deployed is refused, unless it is forced."""
    place.ok("pull")
    run_git(work, "commit", "-q", "--amend", "-m", "other")
    (work / "conf" / "a.yaml").write_text("a: 9\n")
    run_git(work, "commit", "-q", "-a", "--amend", "-m", "rewritten")
    held = place.run("pull", "--json")
    assert (held.code, held.json["held"], live(place)) == (6, "rewritten", "a: 1\n")
    assert "configvault pull --force" in held.json["message"]
    assert (place.ok("pull", "--force")["outcome"], live(place)) == ("deployed", "a: 9\n")


def test_emptied_source_meets_the_rules(place: Place, work: Path) -> None:
    """A folder that lost nearly everything is refused, as any change of that kind."""
    for number in range(20):
        (work / "conf" / f"p{number}.yaml").write_text("x: 1\n")
    commit(work)
    place.ok("pull")
    for number in range(20):
        (work / "conf" / f"p{number}.yaml").unlink()
    commit(work)
    ran = place.run("pull", "--json")
    assert (ran.code, {one["rule"] for one in ran.json["findings"]}) == (3, {"mass-removal"})
    assert len(list(place.root.iterdir())) == 21


def test_no_source(tmp_path: Path, work: Path) -> None:
    """Without a source, or where it cannot be reached, that is an error with a remedy."""
    place = Place(tmp_path / "none")
    place.init({"a.yaml": "a: 0\n"})
    ran = place.run("pull")
    assert (ran.code, len(ran.said("hint"))) == (2, 1)
    place.configure("source: {url: 'file:///nowhere.git'}\n")
    ran = place.run("pull")
    assert (ran.code, len(ran.said("hint"))) == (1, 1)
    subprocess.run(["git", "-C", work, "branch", "-m", "main", "trunk"], check=True)
    place.configure(source(work))
    ran = place.run("pull")
    assert (ran.code, "main" in ran.err) == (1, True)

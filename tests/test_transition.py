"""What the ways to change the root have in common: they aim at the same thing, and leave the same behind.

Each was written out by itself once, and two bugs came of the copies: names ignored since, and what `pending` keeps.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from harness import tracer
from harness.tracer import Call, Kill
from hosts import Host, bare
from sites import Place
from test_pending import let_time_pass, wait_for_confirmation

from configvault.usecases.autorestore import restore_latest
from configvault.usecases.writing import writing
from configvault.vault.statefiles import JOURNAL

IGNORES_B = "watch: {ignore: ['b.yaml']}\n"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return a place whose two files are on record, and of which one is ignored since."""
    made = Place(tmp_path / "place")
    made.init({"a.yaml": "a: 1\n", "b.yaml": "b: 1\n"})
    made.configure(IGNORES_B)
    return made


def test_automatic_restore_without_what_is_ignored_now(place: Place) -> None:
    """An automatic restore to a snapshot with a file that is ignored since works, and records what live is."""
    place.write({"a.yaml": "a: [\n", "b.yaml": "b: 2\n"})
    rejected = place.run("snapshot", "--json").json["rejected"]
    tree = place.git("rev-parse", f"refs/configvault/rejected/{rejected}^{{tree}}").strip()
    with place.parts() as site:
        outcome = restore_latest(site, tree, None)
    assert outcome is not None
    assert (place.root / "a.yaml").read_text() == "a: 1\n"
    assert (place.root / "b.yaml").read_text() == "b: 2\n"
    status = place.ok("status")
    assert (status["live"]["matches"], status["live"]["changes"]) == (status["latest"], [])
    assert place.git("ls-tree", "--name-only", status["latest"]).split() == ["a.yaml"]


def test_host_recovered_without_what_is_ignored_now(tmp_path: Path) -> None:
    """A recovered host whose configuration ignores a recorded file comes back, and its latest snapshot is what live is."""
    replicas = [{"url": str(bare(tmp_path / "r.git"))}]
    host = Host(tmp_path / "lost", replicas=replicas)
    host.record("a.yaml", "a: 1\n")
    host.record("b.yaml", "b: 1\n")
    host.ok("replicate")
    fresh = Host(tmp_path / "fresh", replicas=replicas, watch={"ignore": ["b.yaml"]})
    done = fresh.ok("recover")
    assert done["snapshot"]["id"] == host.ids()[0]
    assert os.listdir(fresh.root) == ["a.yaml"]
    status = fresh.ok("status")
    assert (status["live"]["matches"], status["live"]["changes"]) == (fresh.ids()[0], [])
    ids = fresh.ids()
    assert ids[1:] == host.ids()
    fresh.ok("recover")
    assert fresh.ids() == ids


@pytest.mark.skipif(not tracer.supported, reason="the tracer knows x86_64 Linux only")
def test_ignored_while_it_was_interrupted(tmp_path: Path) -> None:
    """A rollback that is finished under other ignored names records what the root became."""
    place = Place(tmp_path / "place")
    place.init({"a.yaml": "a: 1\n", "b.yaml": "b: 1\n"})
    place.snapshot({"a.yaml": "a: 2\n", "b.yaml": "b: 2\n"})

    def at_first_switch(call: Call) -> Kill | None:
        return Kill() if call.name == "renameat2" else None

    ran = tracer.run(rollback_of(place), under=[place.base], cwd=place.base, decide=at_first_switch)
    assert ran.status == -9, ran.output
    place.configure(IGNORES_B)
    with place.parts() as site, writing(site):
        assert not JOURNAL.exists(site.vault.state)
    status = place.ok("status")
    assert (status["live"]["matches"], status["live"]["changes"]) == (status["latest"], [])
    assert place.git("ls-tree", "--name-only", status["latest"]).split() == ["a.yaml"]
    assert place.ok("show", "latest")["subject"].startswith("Roll back to")
    place.fsck()


def rollback_of(place: Place) -> list[str]:
    """Return the command line of a rollback to the snapshot before."""
    return [sys.executable, "-P", "-m", "configvault", "--config", str(place.config), "rollback", "previous"]


def kept(place: Place) -> dict[str, Any]:
    """Return the snapshots that a hard pruning would keep, with the reasons."""
    return {one["id"]: one["reasons"] for one in place.ok("prune", "-n", "--keep-last", "1")["kept"]}


@pytest.mark.parametrize("end", ["confirm", "cancel", "overdue"])
def test_pending_keeps_nothing_when_it_has_ended(tmp_path: Path, end: str) -> None:
    """A rollback that was confirmed, cancelled or undone in time keeps no snapshot from being pruned any more."""
    place = Place(tmp_path / "place")
    place.init({"a.yaml": "a: 1\n"})
    place.snapshot({"a.yaml": "a: 2\n"})
    wait_for_confirmation(place)
    assert sum("pending" in reasons for reasons in kept(place).values()) == 3
    if end == "overdue":
        let_time_pass(place)
        with place.parts() as site, writing(site):
            pass
    else:
        assert place.run(end).code in {0, 8}
    reasons = kept(place)
    assert not [id_ for id_, why in reasons.items() if "pending" in why]
    assert len(reasons) == 1

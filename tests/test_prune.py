"""Thin a real vault: what stays restores, what goes is gone from every list, and git finds nothing wrong."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from harness import git_servers
from hosts import Host, bare, git, refs
from sites import look

from configvault.core.outcome import Outcome, UpkeepOutcome
from configvault.usecases import record, rollback, upkeep
from configvault.usecases.site import Site


def at(site: Site, days_ago: float) -> Site:
    """Return the site as it was so many days ago by the clock."""
    now = site.now
    return dataclasses.replace(site, now=lambda: now() - timedelta(days=days_ago))


def aged(place: Path, count: int = 10, **settings: Any) -> Host:
    """Return a host with one snapshot a day, the newest of today, each with bytes of its own."""
    host = Host(place, **settings)
    site = host.site(create=True)
    for day in range(count, 0, -1):
        host.write({"a.yaml": f"day: {day}\n"})
        record.record(at(site, day - 1), "manual")
    return host


def exports(host: Host, place: Path) -> dict[str, Any]:
    """Return what each snapshot of a host restores to."""
    found = {}
    place.mkdir()
    for id_ in host.ids():
        host.ok("export", id_, "--output", str(place / id_))
        found[id_] = look(place / id_)
    return found


def test_kept_snapshots_restore(tmp_path: Path) -> None:
    """Thinning takes others away and leaves every kept one as it was; git fsck and verify agree."""
    host = aged(tmp_path / "host")
    before = exports(host, tmp_path / "before")
    done = host.ok("prune", "--keep-last", "3")
    assert len(done["removed"]) == 7
    assert host.ids() == [one["id"] for one in done["kept"]]
    after = exports(host, tmp_path / "after")
    assert after == {id_: before[id_] for id_ in after}
    host.ok("verify")
    host.git("fsck", "--strict")
    assert host.ok("prune", "--keep-last", "3")["outcome"] == "unchanged"


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    """-n says the same as the real run and touches no ref."""
    host = aged(tmp_path / "host", 5)
    before = refs(host.vault)
    planned = host.ok("prune", "-n", "--keep-last", "2")
    assert (planned["outcome"], refs(host.vault)) == ("planned", before)
    assert host.ok("prune", "--keep-last", "2")["removed"] == planned["removed"]


def test_what_is_needed_stays(tmp_path: Path) -> None:
    """Pinned, good, live and pending snapshots stay whatever the rules say, each with its reason."""
    host = aged(tmp_path / "host", 8)
    ids = host.ids()
    host.ok("pin", ids[7], "first")
    site = host.site()
    site.vault.mark(lambda said: said.with_good(ids[5]).with_loaded(ids[3]), site.note("manual", "mark"))
    with host.as_if_watched():
        back = host.ok("rollback", ids[2], "--confirm", "1h")["recorded"]["id"]
    done = host.ok("prune", "-n", "--keep-last", "1")
    reasons = {one["id"]: one["reasons"] for one in done["kept"]}
    assert reasons == {
        back: ["latest", "live", "pending", "last"], ids[0]: ["pending"], ids[2]: ["pending"], ids[3]: ["loaded"], ids[5]: ["good"],
        ids[7]: ["pin:first"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "words", [[], ["--keep-good", "3"], ["--keep-last", "0"], ["--keep-last", "x"], ["--keep-within", "x"]]
)
def test_an_empty_policy_is_refused(tmp_path: Path, words: list[str]) -> None:
    """Without a rule, or with one that is no number, nothing is removed."""
    host = aged(tmp_path / "host", 3)
    assert host.run("prune", *words).code == 2
    assert len(host.ids()) == 3


def test_a_pruned_snapshot_is_no_reference(tmp_path: Path) -> None:
    """Its id says that it was pruned; its commit, as long as it is there, still restores; lists skip it."""
    host = aged(tmp_path / "host", 4, retention={"snapshots": {"keep_last": 2}})
    gone = host.ids()[3]
    commit = host.git("rev-parse", gone)
    host.ok("prune")
    ran = host.run("show", gone)
    assert (ran.code, "was pruned" in ran.err, commit[:12] in ran.err) == (4, True, True)
    assert host.ok("show", commit[:12])["id"] == gone
    assert [len(host.ok("list", "--limit", limit)["snapshots"]) for limit in "123"] == [1, 2, 2]
    assert host.ok("rollback", "previous", "-n")["target"]["id"] == host.ids()[1]
    host.ok("rollback", commit[:12], "--force")
    assert (host.root / "a.yaml").read_text() == "day: 4\n"


def test_replicas_keep_what_is_pruned(tmp_path: Path) -> None:
    """Thinning is no deletion elsewhere: a replica has every tag, and what comes back has them again."""
    repository = bare(tmp_path / "r.git")
    host = aged(tmp_path / "host", 4, replicas=[{"url": str(repository)}])
    everything = host.ids()
    host.ok("replicate")
    host.ok("prune", "--keep-last", "1")
    host.record(text="new: 1\n")
    host.ok("replicate")
    fresh = Host(tmp_path / "fresh", replicas=[{"url": str(repository)}])
    fresh.ok("recover")
    assert fresh.ids()[1:] == everything


def cuttable(place: Path, **settings: Any) -> Host:
    """Return a host whose history below three days may be cut off, with old bytes that are worth it."""
    return aged(place, 6, retention={"snapshots": {"keep_last": 2}, "history": "3d"}, **settings)


def test_history_is_cut_and_the_disk_given_back(tmp_path: Path) -> None:
    """Old commits and their bytes go, newer ones keep their ids, kept snapshots restore, git fsck passes."""
    host = cuttable(tmp_path / "host")
    before = exports(host, tmp_path / "before")
    tip, old = host.git("rev-parse", "main"), host.git("rev-parse", host.ids()[5])
    done = host.ok("prune")
    assert done["history"]["commits"] > 0
    assert host.git("rev-parse", "main") == tip
    assert git(host.vault, "cat-file", "--batch-check", "--batch-all-objects").find(old) < 0
    after = exports(host, tmp_path / "after")
    assert after == {id_: before[id_] for id_ in after}
    assert len(after) == 2
    host.git("fsck", "--strict")
    host.ok("verify")
    oldest = host.ok("show", host.ids()[-1])
    assert oldest["changes"] != []
    host.record(text="more: 1\n")
    assert host.ok("prune")["history"] is None
    host.git("fsck", "--strict")


def test_a_pin_holds_history(tmp_path: Path) -> None:
    """Nothing is cut off above the oldest kept snapshot."""
    host = cuttable(tmp_path / "host")
    host.ok("pin", host.ids()[-1], "first")
    assert host.ok("prune")["history"] is None
    assert len(host.git("rev-list", "main").split()) == 6


def test_rejected_states_survive_a_cut(tmp_path: Path) -> None:
    """A rejected state that lies on what is cut off can still be shown, and git fsck passes."""
    host = Host(tmp_path / "host", retention={"snapshots": {"keep_last": 1}, "history": "3d"})
    old = at(host.site(create=True), 9)
    for text in ("x: 1\n", "x: 2\n", "x: [\n", "x: 3\n"):
        host.write({"a.yaml": text})
        record.record(old, "manual")
    host.record(text="x: 4\n")
    assert host.ok("prune")["history"]["commits"] > 0
    host.git("fsck", "--strict")
    [one] = host.ok("rejected", "list")["rejected"]
    assert host.ok("rejected", "show", one["id"])["findings"]
    assert host.run("rejected", "diff", one["id"]).code == 0


def test_replicas_come_before_the_cut(tmp_path: Path) -> None:
    """As long as one replica lacks the old commits, or cannot be asked, nothing is cut off, and that is said."""
    repository = bare(tmp_path / "r.git")
    host = cuttable(tmp_path / "host", replicas=[{"url": str(repository)}])
    ran = host.run("prune", "--json")
    assert (ran.code, "does not have it yet" in ran.json["history"]["refused"]) == (6, True)
    host.ok("replicate")
    repository.rename(tmp_path / "away.git")
    assert host.run("prune").code == 6
    assert len(host.git("rev-list", "main").split()) == 6
    (tmp_path / "away.git").rename(repository)
    host.ok("prune")
    assert len(host.git("rev-list", "main").split()) < 6
    tip = host.record(text="after: 1\n")
    host.ok("replicate")
    fresh = Host(tmp_path / "fresh", replicas=[{"url": str(repository)}])
    fresh.ok("recover")
    assert (fresh.ids()[0], len(fresh.git("rev-list", "main").split())) == (tip, 7)
    git(repository, "fsck", "--strict")


def upkeep_outcomes(host: Host) -> list[UpkeepOutcome]:
    """Let housekeeping do what it does after a scheduled backup, and return what it told."""
    heard: list[Outcome] = []
    site = host.site()
    site.observers.append(heard.append)
    upkeep.keep_up(site)
    return [one for one in heard if isinstance(one, UpkeepOutcome)]


def test_the_schedule_prunes_by_the_configuration(tmp_path: Path) -> None:
    """Housekeeping thins and cuts as `prune` without rules does, tells of it, and has nothing to tell the next time."""
    host = cuttable(tmp_path / "host")
    ids = host.ids()
    [done] = upkeep_outcomes(host)
    assert (done.pruned, done.cut > 0, done.refused) == (tuple(ids[2:]), True, None)
    assert host.ids() == ids[:2]
    assert upkeep_outcomes(host) == []
    host.git("fsck", "--strict")


def test_the_schedule_asks_no_replica_in_trouble(tmp_path: Path) -> None:
    """Where a replica is known to fail, housekeeping thins and cuts nothing off, until it is well again."""
    host = cuttable(tmp_path / "host", replicas=[{"url": str(tmp_path / "r.git")}])
    assert host.run("replicate").code == 6
    [done] = upkeep_outcomes(host)
    assert (len(done.pruned), done.cut, done.refused) == (4, 0, None)
    bare(tmp_path / "r.git")
    host.ok("replicate")
    [done] = upkeep_outcomes(host)
    assert done.cut > 0


def test_looking_once_prunes(tmp_path: Path) -> None:
    """`run --once`, from a timer, does what the daemon's schedule does."""
    host = cuttable(tmp_path / "host")
    assert host.run("run", "--once").code == 0
    assert len(host.ids()) == 2


def test_a_new_replica_after_a_cut(tmp_path: Path) -> None:
    """A folder that never had the old commits begins where the vault does; one that has them keeps them."""
    whole = bare(tmp_path / "whole.git")
    host = cuttable(tmp_path / "host", replicas=[{"url": str(whole)}])
    host.ok("replicate")
    host.ok("prune")
    host.record(text="after: 1\n")
    new = bare(tmp_path / "new.git")
    host.configure(replicas=[{"url": str(whole)}, {"url": str(new)}])
    host.ok("replicate")
    bound = len(host.git("rev-list", "main").split())
    assert [len(git(one, "rev-list", "main").split()) for one in (whole, new)] == [7, bound]
    assert bound < 7
    fresh = Host(tmp_path / "fresh", replicas=[{"url": str(new)}])
    fresh.ok("recover")
    assert fresh.ids() == host.ids()
    assert look(fresh.root) == look(host.root)
    for repository in (whole, new, fresh.vault):
        git(repository, "fsck", "--strict")


@pytest.mark.skipif(git_servers.why_not("daemon") is not None, reason=str(git_servers.why_not("daemon")))
def test_a_server_that_takes_no_cut_history(tmp_path: Path) -> None:
    """A server says no until its repository may be shallow, and status names what to set there."""
    host = cuttable(tmp_path / "host")
    host.ok("prune")
    host.record(text="after: 1\n")
    repository = bare(tmp_path / "new.git")
    with git_servers.git_daemon(tmp_path) as url:
        host.configure(replicas=[{"url": f"{url}/new.git"}])
        ran = host.run("replicate", "--json")
        assert (ran.code, ran.json["replicas"][0]["reason"]) == (6, "shallow")
        said = host.run("status").out
        assert "does not accept a history without them" in said
        assert "hint: git config receive.shallowUpdate true, in that repository" in said
        git(repository, "config", "receive.shallowUpdate", "true")
        host.ok("replicate")
        fresh = Host(tmp_path / "fresh", replicas=[{"url": f"{url}/new.git"}])
        fresh.ok("recover")
    assert fresh.ids() == host.ids()
    assert look(fresh.root) == look(host.root)


@pytest.mark.skipif(git_servers.why_not("daemon") is not None, reason=str(git_servers.why_not("daemon")))
def test_a_copy_of_a_replica_takes_cut_history(tmp_path: Path) -> None:
    """A server that may not be shallow takes the rest where it was given what an older replica has."""
    old = bare(tmp_path / "old.git")
    host = cuttable(tmp_path / "host", replicas=[{"url": str(old)}])
    host.ok("replicate")
    host.ok("prune")
    host.record(text="after: 1\n")
    new = bare(tmp_path / "new.git")
    git(old, "push", "--quiet", "--mirror", str(new))
    with git_servers.git_daemon(tmp_path) as url:
        host.configure(replicas=[{"url": f"{url}/new.git"}])
        host.ok("replicate")
    assert len(git(new, "rev-list", "main").split()) == 7


def pruned(place: Path) -> tuple[Host, list[str]]:
    """Return a host and the commits of its four snapshots, oldest first; the two in the middle are pruned."""
    host = aged(place, count=4)
    host.ok("pin", host.ids()[-1], "first")
    commits = [one["commit"] for one in reversed(host.ok("list")["snapshots"])]
    host.ok("prune", "--keep-last", "1")
    return host, commits


def test_rollback_to_a_pruned_one_leaves_the_newer_ones(tmp_path: Path) -> None:
    """Going back to a pruned snapshot by its commit leaves what is newer, and nothing older than it."""
    host, commits = pruned(tmp_path / "host")
    assert host.ok("rollback", commits[1], "-n")["left"] == [host.ids()[0]]
    host.ok("rollback", commits[1])
    listed = host.ok("list")["snapshots"]
    assert [one["rolled_back"] for one in listed] == [False, True, False]


@pytest.mark.parametrize(
    ("answer", "day"),
    [(("confirm",), 3), (("cancel",), 1), (("snapshot",), 1)],
    ids=["confirm", "cancel", "expire"],
)
def test_rollback_to_a_pruned_one_waits_for_its_confirmation(
    tmp_path: Path, answer: tuple[str, ...], day: int
) -> None:
    """A rollback to a pruned snapshot that waits is confirmed, cancelled and undone in time like any other."""
    host, commits = pruned(tmp_path / "host")
    site = host.site()
    rollback.rollback(
        at(site, 1) if answer == ("snapshot",) else site, rollback.Request(commits[1], confirm_s=300.0)
    )
    host.ok(*answer)
    assert (host.root / "a.yaml").read_text() == f"day: {day}\n"
    assert host.ok("status")["pending"] is None


@pytest.mark.parametrize("words", [("pin", "name"), ("annotate", "-m", "words")])
def test_nothing_is_said_of_a_pruned_one(tmp_path: Path, words: tuple[str, ...]) -> None:
    """A pruned snapshot gets no pin and no annotation, which nothing would show; the error says what helps."""
    host, commits = pruned(tmp_path / "host")
    done = host.run(words[0], commits[1], *words[1:])
    assert (done.code, "was pruned" in done.err, commits[1][:12] in done.err) == (4, True, True)

"""Pruning and recovery from a replica, struck at every call: nothing that is kept is lost, and the same command goes on."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import scenes
from harness import commands, crash, tracer
from harness.crash import Fault, Scene, Strike
from hosts import Host, bare
from scenes import State, World

from configvault import app
from configvault.usecases import labels, record
from configvault.usecases.site import Site
from configvault.vault import maintenance

pytestmark = pytest.mark.skipif(not tracer.supported, reason="the tracer knows x86_64 Linux only")

FAULTS = [Fault("kill"), Fault("ENOSPC", sticky=True), Fault("EIO")]
SAMPLE = 3
POLICY = "retention: {snapshots: {keep_last: 1}, history: 3d}"
OLD_DAYS = (9, 8, 7, 6)
PINNED_DAYS = 5


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Scene, World]]:
    """Make the world once, in memory where that is possible; each test begins from a copy of it."""
    with tempfile.TemporaryDirectory(prefix="configvault-beyond-", dir=crash.memory()) as base:
        world = replicated(Path(base, "place"))
        yield kept(world, "made"), world


@pytest.fixture
def world(made: tuple[Scene, World]) -> World:
    """Return the world with everything in its place."""
    scene, world = made
    scene.set()
    return World(world.place, dict(world.states), dict(world.reported))


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> int | None:
    """Return how many calls of a series to strike, None for all."""
    return SAMPLE if request.config.getoption("--crash-sample") else None


def replicated(place: Path) -> World:
    """Make a world of ten days, in packs and beside them, of which a replica beside the place has everything.

    The newest snapshot has the state `new`; one in the middle, `pinned`, is where history may be cut; a refused state
    lies on what is older.
    """
    place.mkdir()
    world = World(place)
    replica = place.with_name("replica.git")
    scenes.configure(world, more=f"replicas: [{{url: {replica}}}]\n{POLICY}\nhost: web-1")
    subprocess.run(["git", "init", "-q", "--bare", "--initial-branch=main", replica], check=True)
    scenes.old_state(world.root)
    site = _site(world)
    for day in OLD_DAYS:
        _recorded(site, world, day)
    (world.root / "odd.yaml").write_text("no: [\n")
    record.record(_at(site, OLD_DAYS[-1]), "manual")
    maintenance.pack(site.vault)
    (world.root / "odd.yaml").unlink()
    pinned = _recorded(site, world, PINNED_DAYS)
    labels.pin(_at(site, PINNED_DAYS), pinned, "stable")
    world.states["pinned"] = scenes.state_of(world.root)
    _recorded(site, world, PINNED_DAYS - 1)
    scenes.to_new(world)
    newest = record.record(site, "manual").snapshot
    site.vault.close()
    assert newest is not None
    world.note_reported()
    status, document = world.call("replicate")
    assert status == 0, document
    world.reported = {id_: world.reported[id_] for id_ in (pinned, newest.id)}
    return world


def _site(world: World) -> Site:
    environ = dict(os.environ)
    settings = app.load_settings(str(world.place / "config.yaml"), environ)
    return app.open_site(settings, environ, create=True)


def _at(site: Site, days: int) -> Site:
    now = site.now
    return dataclasses.replace(site, now=lambda: now() - timedelta(days=days))


def _recorded(site: Site, world: World, day: int) -> str:
    (world.root / "day.yaml").write_text(f"days: {day}\n" + f"# {day}\n" * 1000)
    snapshot = record.record(_at(site, day), "manual").snapshot
    assert snapshot is not None
    return snapshot.id


def kept(world: World, name: str = "scene") -> Scene:
    """Make the place as it is now a scene."""
    scene = Scene(world.place.with_name(name), world.place)
    shutil.rmtree(scene.folder, ignore_errors=True)
    subprocess.run(["cp", "-a", "--", world.place, scene.folder], check=True)
    return scene


def unclean(world: World) -> str | None:
    """Return what git finds wrong with the vault as it was left, before any command has mended it."""
    if not (world.vault / "configvault" / "format").exists():
        return None
    if "creating" in (world.vault / "configvault" / "format").read_text():
        return None
    fsck = world.git("fsck", "--strict", "--full", "--no-dangling", "--no-progress")
    found = f"{fsck.stdout}{fsck.stderr}".strip()
    return f"git fsck exits {fsck.returncode} at once: {found}" if fsck.returncode else None


def lost(world: World, states: dict[str, State]) -> str | None:
    """Return which snapshot that was kept does not restore to what it was."""
    for id_, state in states.items():
        out = world.place / "exported"
        status, document = world.call("export", id_, "--output", str(out))
        if status:
            return f"export {id_} exits {status}: {document}"
        found = scenes.state_of(out)
        shutil.rmtree(out)
        if found != state:
            return f"{id_} does not restore: {scenes.difference(found, state)}"
    return None


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_prune(world: World, fault: Fault, sample: int | None) -> None:
    """A prune that cuts history, struck anywhere, loses nothing it keeps; the next one ends what it began."""
    scene = kept(world)
    pinned, newest = sorted(world.reported)
    states = {pinned: world.states.pop("pinned"), newest: world.states["new"]}
    world.states.pop("old", None)
    old = world.git("rev-list", f"{pinned}^").stdout.split()
    assert len(old) == len(OLD_DAYS)

    def check(strike: Strike) -> str | None:
        if (found := sound(strike) or unclean(world) or lost(world, states)) is not None:
            return found
        status, document = world.call("prune")
        if status:
            return f"the next prune exits {status}: {document}"
        return uncut(world, old) or scenes.wrong(world, must_be="new")

    losses = crash.series(scene, world.fork("prune"), fault, check, sample=sample)
    assert "\n".join(map(str, losses)) == ""
    assert not _fsck(world.place.with_name("replica.git"))


def uncut(world: World, old: list[str]) -> str | None:
    """Return what is left of what a prune should have cut off: commits, bytes, litter."""
    asked = subprocess.run(
        ["git", "-C", world.vault, "cat-file", "--batch-check"],
        input="".join(f"{commit}\n" for commit in old),
        capture_output=True,
        text=True,
        check=True,
    )
    there = [line for line in asked.stdout.splitlines() if not line.endswith("missing")]
    if there:
        return f"still there after the next prune: {there}"
    litter = [name for name in os.listdir(world.vault / "objects" / "pack") if not name.startswith("pack-")]
    ids = world.call("list")[1]["snapshots"]
    if sorted(one["id"] for one in ids) != sorted(world.reported):
        return f"the next prune leaves {[one['id'] for one in ids]}"
    return f"litter is left: {litter}" if litter else None


def sound(strike: Strike) -> str | None:
    """Return what is wrong with what the struck command said."""
    return f"a traceback: {strike.output[-800:]}" if "Traceback" in strike.output else None


def _fsck(repository: Path) -> str:
    done = subprocess.run(
        ["git", "-C", repository, "fsck", "--strict"], capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["into an empty folder", "over a full one"])
def test_recover(world: World, fault: Fault, force: tuple[str, ...], sample: int | None) -> None:
    """A recovery that is struck anywhere goes on when it is called again; what it replaces is in the vault."""
    states = dict(zip(sorted(world.reported), (world.states.pop("pinned"), world.states["new"]), strict=True))
    world.states.pop("old", None)
    shutil.rmtree(world.vault)
    shutil.rmtree(world.root)
    if force:
        scenes.old_state(world.root)
        world.unrecorded = _tree_of(world)
    scene = kept(world)

    def check(strike: Strike) -> str | None:
        found = sound(strike) or unclean(world)
        if found is not None:
            return found
        status, document = world.call("recover", *force)
        if status:
            return f"the same command exits {status}: {document}"
        return gone_on(world, document) or lost(world, states) or scenes.wrong(world, must_be="new")

    losses = crash.series(scene, world.fork("recover", *force), fault, check, sample=sample)
    assert "\n".join(map(str, losses)) == ""


def test_a_killed_fetch_keeps_no_pack(tmp_path: Path) -> None:
    """A pack that arrived when the recovery was killed can be packed again after the next one, as any other."""
    host = Host(tmp_path, replicas=[{"url": str(bare(tmp_path / "replica.git"))}])
    for number in range(150):
        host.write({f"{number}.yaml": f"number: {number}\n"})
    host.record()
    host.ok("replicate")
    shutil.rmtree(host.vault)
    shutil.rmtree(host.root)
    command = commands.forked(["--config", str(host.config), "recover"])

    def decide(call: tracer.Call) -> tracer.Action | None:
        arrives = call.name == "link" and call.paths[-1].endswith(".idx")
        return tracer.Kill() if arrives else None

    ran = tracer.run(command, under=[tmp_path], cwd=tmp_path, decide=decide)
    packs = host.vault / "objects" / "pack"
    assert (ran.status, len(list(packs.glob("*.keep")))) == (-9, 1), ran.output
    host.ok("recover")
    assert list(packs.glob("*.keep")) == []


def gone_on(world: World, document: dict[str, Any]) -> str | None:
    """Return what is wrong with a recovery that says it is done."""
    if document["snapshot"]["id"] != max(world.reported):
        return f"recovered {document['snapshot']['id']}"
    found = scenes.state_of(world.root)
    return None if found == world.states["new"] else scenes.difference(found, world.states["new"])


def _tree_of(world: World) -> str:
    """Return the tree under which what is in the root would be recorded; the vault for that is thrown away."""
    status, document = world.call("init")
    assert status == 0, document
    shutil.rmtree(world.vault)
    return str(document["snapshot"]["tree"])

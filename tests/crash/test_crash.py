"""Killed, out of disk or on a broken disk at every state-changing call: wholly old or wholly new, nothing lost."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import scenes
from harness import apart, crash, tracer
from harness.crash import Fault, Scene, Strike
from scenes import World

pytestmark = pytest.mark.skipif(not tracer.supported, reason="the tracer knows x86_64 Linux only")

FAULTS = [
    *(Fault(kind) for kind in ("kill", "kill-one", "torn")),
    *(Fault(kind, sticky) for kind in ("ENOSPC", "EIO") for sticky in (False, True)),
]
SAMPLE = 12


@pytest.fixture
def place() -> Iterator[Path]:
    """Return a path for a world, in memory where that is possible: the series make it anew hundreds of times."""
    with tempfile.TemporaryDirectory(prefix="configvault-crash-", dir=crash.memory()) as base:
        yield Path(base, "place")


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> int | None:
    """Return how many calls of a series to strike, None for all."""
    return SAMPLE if request.config.getoption("--crash-sample") else None


def struck(
    scene: Scene, world: World, command: tracer.Command, fault: Fault, sample: int | None, new: str
) -> list[str]:
    """Strike `command` in a scene at its calls; `new` is the state the root has where it reports success."""

    def check(strike: Strike) -> str | None:
        if strike.status == 0 and _outcome(strike.output) is None:
            return f"exit status 0 without an outcome: {strike.output[-300:]}"
        if "Traceback" in strike.output:
            return f"a traceback: {strike.output[-800:]}"
        if strike.status == 0 and (lost := scenes.unkept(world, strike.output)) is not None:
            return lost
        return scenes.wrong(world, must_be=new if strike.status == 0 else None)

    return [str(loss) for loss in crash.series(scene, command, fault, check, sample=sample)]


def _outcome(output: str) -> object:
    try:
        return json.loads(output)["outcome"]
    except (ValueError, KeyError, TypeError):
        return None


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_snapshot(place: Path, fault: Fault, sample: int | None) -> None:
    """A snapshot that is struck anywhere has been taken or has not, and never touches the root."""
    scene, world = scenes.make(place, scenes.to_new)
    world.states = {"new": world.states["new"]}
    assert struck(scene, world, world.fork("snapshot"), fault, sample, "new") == []


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("way", scenes.WAYS)
def test_rollback(place: Path, way: str, fault: Fault, sample: int | None) -> None:
    """A rollback or deployment that is struck anywhere leaves the root wholly as it was or wholly as it shall be."""
    scene, world = scenes.make(place, scenes.recorded_new)
    command = world.fork(*scenes.way_back(world, way))
    assert struck(scene, world, command, fault, scenes.of(way, sample), "old") == []


@pytest.mark.parametrize("fault", FAULTS, ids=str)
@pytest.mark.parametrize("way", scenes.WAYS)
def test_rollback_of_unrecorded_work(place: Path, way: str, fault: Fault, sample: int | None) -> None:
    """What was live and unrecorded before a struck rollback or deployment is in the vault, or still in the root."""
    scene, world = scenes.make(place, scenes.to_new)
    back = scenes.way_back(world, way)
    status, document = world.call(*back)
    assert status == 0, document
    world.unrecorded = world.git("rev-parse", f"{document['safety']}^{{tree}}").stdout.strip()
    assert struck(scene, world, world.fork(*back), fault, scenes.of(way, sample), "old") == []


@pytest.mark.parametrize("fault", [Fault("kill"), Fault("kill-one"), Fault("ENOSPC", sticky=True)], ids=str)
def test_pull(place: Path, fault: Fault, sample: int | None) -> None:
    """A pull that is struck anywhere, git's own calls among them, leaves the old or the new state, and the next one goes on."""
    scene, world = scenes.make(place, scenes.recorded_new)
    offered = place.with_name("offered")
    offered.mkdir()
    (offered / "pulled.yaml").write_text("pulled: 1\n")
    for words in (("init", "-qb", "main"), ("add", "-A"), ("commit", "-qm", "one")):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
        subprocess.run(["git", "-C", offered, *who, *words], check=True)
    scenes.configure(world, more=f"source: {{url: 'file://{offered}'}}")
    config = place / "config.yaml"
    rules = "{profile: generic, rules: {mass-removal: off}}"
    config.write_text(config.read_text().replace("{profile: generic}", rules))
    _keep(scene)
    status, document = world.call("pull")
    assert (status, document["outcome"]) == (0, "deployed"), document
    pulled = scenes.state_of(world.root)

    def check(strike: Strike) -> str | None:
        world.states["pulled"] = pulled
        said = scenes.wrong(world, must_be="pulled" if strike.status == 0 else None)
        status, document = world.call("pull")
        left = [path.name for path in (world.vault / "configvault").glob("candidate-*")]
        if status not in {0, 6} or left:
            return f"{said}; the next pull exits {status}: {document}; left: {left}"
        return said

    losses = crash.series(scene, world.fork("pull"), fault, check, sample=scenes.of("deploy", sample))
    assert [str(loss) for loss in losses] == []


@pytest.mark.parametrize("fault", [Fault("kill"), Fault("ENOSPC", sticky=True)], ids=str)
def test_rejected_deploy(place: Path, fault: Fault, sample: int | None) -> None:
    """A candidate that is refused never touches the root, wherever that is struck."""
    scene, world = scenes.make(place, lambda _: None)
    offered = place.with_name("offered")
    offered.mkdir()
    (offered / "broken.yaml").write_text("a: [")

    def check(strike: Strike) -> str | None:
        if scenes.state_of(world.root) != world.states["old"]:
            return "the root was touched"
        return scenes.wrong(world, must_be="old")

    losses = crash.series(scene, world.fork("deploy", str(offered)), fault, check, sample=sample)
    assert [str(loss) for loss in losses] == []


INTERRUPTED = {
    "prepared": 0.5,
    "switched in part": 0.7,
    "switched": 0.9,
}


def half_done(scene: Scene, world: World, share: float, way: str) -> Scene:
    """Kill a rollback or deployment after that share of its calls and return what it left as a scene."""
    command = world.fork(*scenes.way_back(world, way))
    strike = round(len(crash.count(scene, command).calls) * share)
    scene.set()
    tracer.run(command, under=[scene.place], cwd=scene.place, decide=Fault("kill").at(strike))
    left = Scene(scene.folder.with_name("half-done"), scene.place)
    os.rename(scene.place, left.folder)
    return left


@pytest.mark.parametrize("share", INTERRUPTED.values(), ids=INTERRUPTED.keys())
@pytest.mark.parametrize("fault", [Fault("kill"), Fault("ENOSPC", sticky=True), Fault("EIO")], ids=str)
@pytest.mark.parametrize("recovery", [("snapshot",), ("run", "--once")], ids="-".join)
@pytest.mark.parametrize("way", scenes.WAYS)
def test_recovery(
    place: Path, way: str, fault: Fault, share: float, recovery: tuple[str, ...], sample: int | None
) -> None:
    """The recovery from a killed rollback or deployment may itself be struck anywhere, by a command or by the daemon's start."""
    scene, world = scenes.make(place, scenes.recorded_new)
    left = half_done(scene, world, share, way)

    def check(strike: Strike) -> str | None:
        return scenes.wrong(world)

    losses = crash.series(
        left, world.fork(*recovery), fault, check, sample=scenes.of(way, sample and sample // 2)
    )
    assert [str(loss) for loss in losses] == []


@pytest.mark.parametrize("fault", [Fault("kill"), Fault("ENOSPC", sticky=True), Fault("EIO")], ids=str)
def test_daemon_start(place: Path, fault: Fault, sample: int | None) -> None:
    """The daemon's first look, struck anywhere, has recorded what changed while it was away, or the next one does."""
    scene, world = scenes.make(place, scenes.to_new)

    def check(strike: Strike) -> str | None:
        if strike.status == 0 and world.git("log", "-1", "--format=%T", "main").stdout.strip() != tree:
            return "exit status 0, and what is live is not recorded"
        return scenes.wrong(world, must_be="new")

    status, document = world.call("snapshot")
    assert status == 0, document
    tree = document["snapshot"]["tree"]
    losses = crash.series(scene, world.fork("run", "--once"), fault, check, sample=sample)
    assert [str(loss) for loss in losses] == []


@pytest.mark.parametrize(
    "fault", [Fault("kill"), Fault("torn"), Fault("ENOSPC", sticky=True), Fault("EIO")], ids=str
)
def test_first_vault(place: Path, fault: Fault, sample: int | None) -> None:
    """A vault that was struck while it was made is made whole by the next `init`, never taken for somebody else's."""
    place.mkdir()
    world = World(place)
    scenes.configure(world)
    scenes.old_state(world.root)
    world.states["old"] = scenes.state_of(world.root)
    scene = Scene(place.with_name("scene"), place)
    os.rename(place, scene.folder)

    def check(strike: Strike) -> str | None:
        status, document = world.call("init")
        return scenes.wrong(world) if status == 0 else f"init exits {status}: {document}"

    losses = crash.series(scene, world.fork("init"), fault, check, sample=sample)
    assert [str(loss) for loss in losses] == []


@pytest.mark.parametrize("fault", [Fault("kill"), Fault("ENOSPC", sticky=True), Fault("EIO")], ids=str)
@pytest.mark.parametrize("way", scenes.WAYS)
def test_undo(place: Path, way: str, fault: Fault, sample: int | None) -> None:
    """A rollback or deployment that the service does not take, struck before, while or after it is undone, ends wholly old or new."""
    scene, world = scenes.make(place, scenes.recorded_new)
    taken = "reload: {kind: command, command: [test, '!', -e, PLACE/refusing], attempts: 1}"
    scenes.configure(world, taken.replace("PLACE", str(place)), "rollback: {on_reload_failure: undo}")
    (place / "refusing").touch()
    _keep(scene)

    def check(strike: Strike) -> str | None:
        if strike.status == 8 and (found := scenes.state_of(world.root)) != world.states["new"]:
            return f"undone, but not what was there: {scenes.difference(found, world.states['new'])}"
        world.call("snapshot")
        (place / "refusing").unlink()
        return scenes.wrong(world)

    losses = crash.series(
        scene, world.fork(*scenes.way_back(world, way)), fault, check, sample=scenes.of(way, sample)
    )
    assert [str(loss) for loss in losses] == []


@pytest.mark.parametrize("fault", [Fault("kill"), Fault("ENOSPC", sticky=True), Fault("EIO")], ids=str)
@pytest.mark.parametrize("way", scenes.WAYS)
def test_unconfirmed(place: Path, way: str, fault: Fault, sample: int | None) -> None:
    """A rollback or deployment that waits for its confirmation, struck anywhere, is undone or can still be cancelled."""
    scene, world = scenes.make(place, scenes.to_new)

    def check(strike: Strike) -> str | None:
        status, document = world.call("cancel")
        if status not in {0, 1}:
            return f"cancel exits {status}: {document}"
        # Undone is what was there; where it never began, or failed for want of room, nothing was acknowledged.
        return scenes.wrong(world, must_be="new" if status == 0 or strike.status == 8 else None)

    command = world.fork(*scenes.way_back(world, way), "--confirm=1s")
    losses = crash.series(scene, command, fault, check, sample=scenes.of(way, sample))
    assert [str(loss) for loss in losses] == []


class NoSwap(Fault):
    """On a file system that cannot swap two names, killed at a call."""

    def at(self, strike: int) -> tracer.Decide:
        """Return the judge that refuses renameat2 and strikes at call number `strike`."""
        kill = super().at(strike)

        def decide(call: tracer.Call) -> tracer.Action | None:
            refused = tracer.Fail(errno.EINVAL) if call.name == "renameat2" else None
            return kill(call) or refused

        return decide


@pytest.mark.parametrize("kind", ["kill", "EIO"])
@pytest.mark.parametrize("way", scenes.WAYS)
def test_without_swap(place: Path, way: str, kind: str, sample: int | None) -> None:
    """Where two names cannot be swapped at once a struck rollback or deployment ends wholly old or new as well."""
    scene, world = scenes.make(place, scenes.recorded_new)
    command = world.fork(*scenes.way_back(world, way))
    assert struck(scene, world, command, NoSwap(kind), scenes.of(way, sample), "old") == []


@dataclass(frozen=True)
class Mounted(Scene):
    """A scene in which one file of the root is a mount of its own."""

    def set(self) -> None:
        """Mount it anew over each copy."""
        file = self.place / "root" / "text.yaml"
        apart.sh("umount", file, check=False)
        super().set()
        apart.sh("cp", "-a", file, self.place / "elsewhere")
        apart.sh("mount", "--bind", self.place / "elsewhere", file)


@pytest.mark.skipif(apart.why_not() is not None, reason=str(apart.why_not()))
@pytest.mark.parametrize("fault", [Fault("kill"), Fault("torn"), Fault("EIO")], ids=str)
@pytest.mark.parametrize("way", scenes.WAYS)
def test_file_that_is_a_mount(place: Path, way: str, fault: Fault, sample: int | None) -> None:
    """A file that has to be written in place may be torn by a crash, and is whole after the next command."""

    def inside() -> None:
        scene, world = scenes.make(place, scenes.recorded_new)
        mounted = Mounted(scene.folder, scene.place)
        command = world.fork(*scenes.way_back(world, way))
        assert struck(mounted, world, command, fault, scenes.of(way, sample), "old") == []

    apart.apart(inside)


def _keep(scene: Scene) -> None:
    """Make the place as it is now the scene."""
    subprocess.run(["rm", "-rf", "--", scene.folder], check=True)
    subprocess.run(["cp", "-a", "--", scene.place, scene.folder], check=True)


def test_a_loss_would_be_seen(place: Path) -> None:
    """The check itself refuses a root in neither state, a damaged vault, a lost snapshot."""
    scene, world = scenes.make(place, scenes.recorded_new)
    assert scenes.wrong(world) is None
    damages: dict[str, Callable[[], object]] = {
        "the root is not": (world.root / "same.yaml").unlink,
        "is lost": lambda: world.git("update-ref", "-d", f"refs/tags/{min(world.reported)}"),
        "locks are left": (world.vault / "objects" / "x.lock").touch,
    }
    for said, damage in damages.items():
        scene.set()
        damage()
        assert said in str(scenes.wrong(world))

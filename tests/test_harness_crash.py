"""The crash harness: it must find the loss in a careless program and none in a careful one."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest
from harness import crash, programs, tracer
from harness.crash import Fault, Scene, Strike

pytestmark = pytest.mark.skipif(not tracer.supported, reason="the tracer knows x86_64 Linux only")

OLD = {"1": "old 1", "2": "old 2", "3": "old 3"}
KEPT = {"1": "kept 1", "2": "kept 2", "3": "kept 3"}


def scene(tmp_path: Path, *, linked: bool) -> Scene:
    """Lay out `kept` beside `live`, which is a folder or a link to one."""
    folder = tmp_path / "scene"
    for name, files in {"kept": KEPT, "old" if linked else "live": OLD}.items():
        (folder / name).mkdir(parents=True)
        for file, text in files.items():
            (folder / name / file).write_text(text)
    if linked:
        (folder / "live").symlink_to("old")
    return Scene(folder, tmp_path / "place")


def whole(place: Path) -> str | None:
    """Return None if `live` is wholly what it was or wholly what was kept."""
    found = {path.name: path.read_text() for path in (place / "live").glob("*") if path.is_file()}
    return None if found in (OLD, KEPT) else f"live is {found}"


@pytest.mark.parametrize("fault", [Fault("kill"), Fault("ENOSPC", sticky=True), Fault("EIO")], ids=str)
def test_loss_is_found(tmp_path: Path, fault: Fault) -> None:
    """Removing the folder and copying another in its place loses it at most calls, however it is struck."""
    stage = scene(tmp_path, linked=False)
    losses = crash.series(stage, programs.CARELESS, fault, lambda strike: whole(stage.place))
    assert len(losses) >= 5


FAULTS = [
    *(Fault(kind) for kind in ("kill", "kill-one", "torn")),
    *(Fault(kind, sticky) for kind in ("ENOSPC", "EIO") for sticky in (False, True)),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_careful_program_loses_nothing(tmp_path: Path, fault: Fault) -> None:
    """Building aside and renaming is whole at every call, and every call is struck."""
    stage = scene(tmp_path, linked=True)
    struck: list[Strike] = []

    def check(strike: Strike) -> str | None:
        struck.append(strike)
        return whole(stage.place)

    assert [str(loss) for loss in crash.series(stage, programs.careful(), fault, check)] == []
    calls = crash.count(stage, programs.careful()).calls
    assert [str(strike.call) for strike in struck] == [str(call) for call in calls]
    assert {"openat", "write", "fsync", "rename", "mkdir", "symlink"} <= {call.name for call in calls}


def test_strike_comes_before_the_call(tmp_path: Path) -> None:
    """A program killed at its write has made the file and written nothing."""
    stage = scene(tmp_path, linked=True)
    left: dict[str, int] = {}

    def check(strike: Strike) -> str | None:
        if strike.call and strike.call.name == "write":
            left[str(strike.call)] = Path(strike.call.paths[0]).stat().st_size
            assert strike.status == -9
        return None

    crash.series(stage, programs.careful(), Fault("kill"), check)
    assert list(left.values()) == [0, 0, 0]


def test_torn_write_leaves_half(tmp_path: Path) -> None:
    """A torn write puts half of the bytes into the file, and the program is dead."""
    stage = scene(tmp_path, linked=True)
    left = []

    def check(strike: Strike) -> str | None:
        if strike.call and strike.call.name == "write":
            left.append(Path(strike.call.paths[0]).read_text())
        return None

    crash.series(stage, programs.careful(), Fault("torn"), check)
    assert left == ["kep", "kep", "kep"]


def test_whole_tree_is_counted_and_killed(tmp_path: Path) -> None:
    """Calls of child processes count in one row, and a kill leaves no child to go on."""
    stage = scene(tmp_path, linked=True)
    command = ["sh", "-c", "touch a; (sh -c 'touch b'; touch c) & wait; touch d"]
    made: list[str] = []

    def check(strike: Strike) -> str | None:
        made.append("".join(name for name in "abcd" if (stage.place / name).exists()))
        return None

    crash.series(stage, command, Fault("kill"), check)
    assert sorted(set(made)) == ["", "a", "ab", "abc", "abcd"]


def test_errno_reaches_the_program(tmp_path: Path) -> None:
    """The struck call returns the errno of the fault; calls after it succeed again unless it is sticky."""
    code = "import os\nfor n in 'abc':\n try: os.mkdir(n)\n except OSError as e: print(n, e.errno)"
    stage = scene(tmp_path, linked=True)
    outputs: dict[str, list[str]] = {"ENOSPC": [], "ENOSPC sticky": []}

    def check(strike: Strike) -> str | None:
        outputs[str(strike.fault)].append(strike.output.replace("\n", ";"))
        return None

    for fault in (Fault("ENOSPC"), Fault("ENOSPC", sticky=True)):
        crash.series(stage, [sys.executable, "-c", code], fault, check)
    full = errno.ENOSPC
    assert outputs["ENOSPC"] == [f"a {full};", f"b {full};", f"c {full};"]
    assert outputs["ENOSPC sticky"] == [f"a {full};b {full};c {full};", f"b {full};c {full};", f"c {full};"]


def test_calls_elsewhere_do_not_count(tmp_path: Path) -> None:
    """What a program changes outside the place is left alone."""
    stage = scene(tmp_path, linked=True)
    command = ["sh", "-c", f"touch {tmp_path}/elsewhere; echo said; touch here"]
    paths = {Path(path).name for call in crash.count(stage, command).calls for path in call.paths}
    assert paths == {"here"}


def test_hanging_program_is_reported(tmp_path: Path) -> None:
    """A program that does not come to its end is a loss, and is gone afterwards."""
    stage = scene(tmp_path, linked=True)
    command = ["sh", "-c", "mkdir a || exec sleep 600"]
    losses = crash.series(stage, command, Fault("EIO"), lambda strike: None, timeout_s=1)
    assert ["still running" in loss.reason for loss in losses] == [True]


def test_sample_holds_first_and_last() -> None:
    """A sample is spread over the whole series and always the same."""
    assert list(crash.picks(5, None)) == [1, 2, 3, 4, 5]
    assert list(crash.picks(100, 4)) == [1, 34, 67, 100]
    assert list(crash.picks(3, 10)) == [1, 2, 3]


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same from a shell: losses line by line and exit status 1."""
    stage = scene(tmp_path, linked=False)
    arguments = ["--scene", str(stage.folder), "--check", "test -e live/3", "--", *programs.CARELESS]
    assert crash.main(arguments) == 1
    assert "kill at #" in capsys.readouterr().out

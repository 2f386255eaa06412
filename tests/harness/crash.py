"""Run a command once for each of its state-changing calls, strike at that call, and check what is left.

    crash.py --scene DIR --check COMMAND [--fault kill|kill-one|torn|ENOSPC|EIO|...] [--sticky] [--sample N] -- COMMAND...

For each strike the folder PLACE is made anew as a copy of the scene, always at the same path, and COMMAND runs in it.
"""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))

from harness import tracer
from harness.tracer import Action, Call, Fail, Kill, KillOne

# What a full disk still lets one do, so that a program can clean up.
_NEED_NO_SPACE = {"unlink", "unlinkat", "rmdir", "fsync", "fdatasync", "syncfs", "sync", "ftruncate"}
_NEED_NO_SPACE |= {
    "chmod",
    "fchmod",
    "fchmodat",
    "fchmodat2",
    "chown",
    "fchown",
    "fchownat",
    "lchown",
    "utimensat",
}


@dataclass(frozen=True)
class Fault:
    """What happens at the struck call: `kind` kill, kill-one, torn, or the name of an errno.

    `sticky` faults stay: every later call fails too, as on a disk that is full or broken.
    """

    kind: str
    sticky: bool = False

    def __str__(self) -> str:
        """Say it in one word or two."""
        return f"{self.kind} sticky" if self.sticky else self.kind

    def at(self, strike: int) -> tracer.Decide:
        """Return the judge that strikes at call number `strike`."""

        def decide(call: Call) -> Action | None:
            if call.number == strike or (self.sticky and call.number > strike and not self._spares(call)):
                return self._action()
            return None

        return decide

    def _spares(self, call: Call) -> bool:
        return self.kind in {"ENOSPC", "EDQUOT"} and call.name in _NEED_NO_SPACE

    def _action(self) -> Action:
        if self.kind == "kill-one":
            return KillOne()
        if self.kind in {"kill", "torn"}:
            return Kill(torn=self.kind == "torn")
        return Fail(getattr(errno, self.kind))


@dataclass(frozen=True)
class Strike:
    """One run of the series; `call` is None where the run ended before the strike."""

    number: int
    call: Call | None
    status: int | None
    output: str
    fault: Fault


Check = Callable[[Strike], "str | None"]
"""Looks at what is left and says what is wrong with it, None if nothing is."""


@dataclass(frozen=True)
class Loss:
    """A strike that left something the check refused."""

    strike: Strike
    reason: str

    def __str__(self) -> str:
        """Say where and what in one line."""
        where = self.strike.call or "after the end"
        return f"{self.strike.fault} at {where}: {self.reason}"


@dataclass(frozen=True)
class Scene:
    """A folder to start from, and the place where each run gets its own copy of it."""

    folder: Path
    place: Path

    def set(self) -> None:
        """Make the place a true copy of the folder, owners and times and all."""
        shutil.rmtree(self.place, ignore_errors=True)
        subprocess.run(["cp", "-a", "--", self.folder, self.place], check=True)


def count(scene: Scene, command: tracer.Command, env: Mapping[str, str] | None = None) -> tracer.Ran:
    """Run `command` undisturbed."""
    scene.set()
    return tracer.run(command, under=[scene.place], cwd=scene.place, env=env)


def series(
    scene: Scene,
    command: tracer.Command,
    fault: Fault,
    check: Check,
    *,
    env: Mapping[str, str] | None = None,
    sample: int | None = None,
    timeout_s: float = 60,
) -> list[Loss]:
    """Strike `command` at each of its calls (or at `sample` of them) and return what the check refused.

    Raises:
        RuntimeError: the undisturbed run made no change at all, so there is nothing to strike.
    """
    calls = count(scene, command, env).calls
    if not calls:
        raise RuntimeError(f"{command} changed nothing under {scene.place}")
    losses = []
    for number in picks(len(calls), sample):
        scene.set()
        ran = tracer.run(
            command, under=[scene.place], cwd=scene.place, env=env, decide=fault.at(number), timeout_s=timeout_s
        )
        struck = ran.calls[number - 1] if len(ran.calls) >= number else None
        strike = Strike(number, struck, ran.status, ran.output, fault)
        reason = f"still running after {timeout_s} s" if ran.timed_out else check(strike)
        if reason is not None:
            losses.append(Loss(strike, reason))
    return losses


def picks(total: int, sample: int | None) -> Iterator[int]:
    """Yield 1..total, or `sample` of them spread evenly, the first and the last among them."""
    if sample is None or sample >= total:
        yield from range(1, total + 1)
    else:
        yield from sorted({1 + round(i * (total - 1) / max(sample - 1, 1)) for i in range(sample)})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a series from the command line; 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene", type=Path, required=True)
    parser.add_argument("--check", required=True, help="shell command, run in the place; not 0: refused")
    parser.add_argument("--fault", default="kill")
    parser.add_argument("--sticky", action="store_true")
    parser.add_argument("--sample", type=int)
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=memory()) as base:
        scene = Scene(chosen.scene, Path(base, "place"))
        fault = Fault(chosen.fault, chosen.sticky)
        losses = series(scene, chosen.command, fault, _shell(chosen.check, scene.place), sample=chosen.sample)
    print("\n".join(map(str, losses)) or "nothing lost")
    return 1 if losses else 0


def memory() -> str | None:
    """Return a folder in memory, where a sync costs nothing, or None where the system has none."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def _shell(command: str, place: Path) -> Check:
    def check(strike: Strike) -> str | None:
        done = subprocess.run(["sh", "-c", command], cwd=place, capture_output=True, text=True, check=False)
        return (
            None
            if done.returncode == 0
            else f"check exited {done.returncode}: {done.stdout}{done.stderr}".strip()
        )

    return check


if __name__ == "__main__":
    sys.exit(main())

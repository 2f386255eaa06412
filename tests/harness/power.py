"""Cut the power before each state-changing call of a command, and check what the disk then holds.

The command works on a file system of its own in an image file. Before each call the image is copied: `cache` as it
is (nothing that was not synced has reached the disk), `journal` after the file system was made to commit (names have
reached the disk, data that was not synced has not). Each copy is then mounted at the same place, which replays the
journal, and checked. The last copies are taken after the command's end: what it reported must be there.

Not simulated: writes reordered inside the device's own cache.
Needs root and loop devices; `why_not` says what is missing.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import apart, tracer
from harness.crash import picks
from harness.tracer import Call

VARIANTS = ("cache", "journal")


@dataclass(frozen=True)
class FileSystem:
    """How to make and mount one; its own delays are long and its mercies off, so that a missing sync shows."""

    name: str
    make: tuple[str, ...]
    options: str
    size: str


EXT4 = FileSystem(
    "ext4",
    ("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=1"),
    "noauto_da_alloc,commit=600",
    "24M",
)
XFS = FileSystem("xfs", ("mkfs.xfs", "-q", "-f"), "defaults", "300M")


def why_not(system: FileSystem) -> str | None:
    """Return why power cuts on this file system cannot be tried here, None if they can."""
    reason = apart.why_not(system.make[0], loop=True)
    if reason is None and system.name not in Path("/proc/filesystems").read_text().split():
        return f"the kernel has no {system.name}"
    return reason


@dataclass(frozen=True)
class Cut:
    """One disk image: taken before `call`, or after the command's end with its `status` and `output`."""

    variant: str
    call: Call | None
    status: int | None
    output: str

    def __str__(self) -> str:
        """Say when the power went."""
        return f"{self.variant} at {self.call or 'the end'}"


Check = Callable[[Cut], "str | None"]


def cuts(
    system: FileSystem,
    base: Path,
    scene: Path,
    command: Sequence[str],
    check: Check,
    *,
    env: Mapping[str, str] | None = None,
    sample: int | None = None,
) -> list[str]:
    """Run `command` in base/mnt, which starts as a copy of `scene`; return what `check` refused.

    `check` runs with the image mounted at base/mnt. Everything is unmounted when this returns.
    """
    return apart.apart(lambda: _Series(system, base, scene, command, env).run(check, sample))


class _Series:
    def __init__(
        self,
        system: FileSystem,
        base: Path,
        scene: Path,
        command: Sequence[str],
        env: Mapping[str, str] | None,
    ) -> None:
        self._system, self._base, self._scene, self._command, self._env = system, base, scene, command, env
        self._place = base / "mnt"
        self._disk = base / "disk.img"

    def run(self, check: Check, sample: int | None) -> list[str]:
        self._place.mkdir(exist_ok=True)
        total = len(self._trace("cache", ()).calls)
        chosen = set(picks(total, sample))
        losses = []
        for variant in VARIANTS:
            # A run for each: forcing a commit would spoil the images that must not have seen one.
            ran = self._trace(variant, chosen)
            for number in [*sorted(chosen & set(range(1, len(ran.calls) + 1))), 0]:
                call = ran.calls[number - 1] if number else None
                cut = Cut(variant, call, None if call else ran.status, ran.output)
                reason = self._validate(self._image(number), cut, check)
                if reason is not None:
                    losses.append(f"{cut}: {reason}")
        return losses

    def _trace(self, variant: str, chosen: Sequence[int] | set[int]) -> tracer.Ran:
        """Run the command on a fresh disk, keeping the images before the chosen calls and after the end."""
        self._make_disk()
        with self._mounted(self._disk):
            apart.sh("cp", "-a", "--", f"{self._scene}/.", self._place)
            apart.sh("sync", "-f", self._place)

            def decide(call: Call) -> None:
                if call.number in chosen:
                    self._keep(call.number, variant)

            ran = tracer.run(
                self._command, under=[self._place], cwd=self._place, env=self._env, decide=decide, timeout_s=300
            )
            self._keep(0, variant)
        return ran

    def _make_disk(self) -> None:
        self._disk.unlink(missing_ok=True)
        apart.sh("truncate", "-s", self._system.size, self._disk)
        apart.sh(*self._system.make, self._disk)

    def _keep(self, number: int, variant: str) -> None:
        if variant == "journal":
            # To sync anything makes the journal commit all names so far, and no data but that file's own.
            beat = os.open(self._place / ".beat", os.O_WRONLY | os.O_CREAT)
            os.write(beat, str(number).encode())
            os.fsync(beat)
            os.close(beat)
            os.unlink(self._place / ".beat")
        apart.sh("cp", "--sparse=always", self._disk, self._image(number))

    def _image(self, number: int) -> Path:
        return self._base / f"{number:05}.img"

    def _validate(self, image: Path, cut: Cut, check: Check) -> str | None:
        try:
            with self._mounted(image):
                return check(cut)
        except subprocess.CalledProcessError as error:
            return f"{error.cmd[0]} failed: {error.stderr}"
        finally:
            image.unlink()

    @contextlib.contextmanager
    def _mounted(self, image: Path) -> Iterator[None]:
        apart.sh("mount", "-o", f"loop,{self._system.options}", image, self._place)
        try:
            shutil.rmtree(self._place / "lost+found", ignore_errors=True)
            yield
        finally:
            apart.sh("umount", self._place)

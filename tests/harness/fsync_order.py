"""Watch a command's calls and say where it relied on luck: what it published or reported before it was on disk.

Rules (POSIX's, without the mercies of any file system):
- *published*: a file or folder was renamed or linked into place before its data, or the names in it, were synced;
- *reported*: something was written to standard output (or the command ended well) while a name that was made, moved
  or removed, or data, was not yet synced.

fsync of a file settles its data and attributes, of a folder the names in it; sync and syncfs settle everything.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness import syscalls, tracer
from harness.tracer import Call

_WRITES = set("write pwrite64 writev pwritev pwritev2 sendfile copy_file_range splice fallocate".split())  # noqa: SIM905
_ATTRIBUTES = {"ftruncate", "truncate", "fchmod", "fchown", "chmod", "chown", "fchmodat", "fchownat"}
_RENAME_EXCHANGE = 2
_STDOUT = 1


@dataclass
class Order:
    """What is dirty at this moment, and what was done in the wrong order so far."""

    under: str
    ignore: re.Pattern[str] | None = None
    dirty: set[str] = field(default_factory=set)
    names: dict[str, set[str]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    def see(self, call: Call, result: int) -> None:
        """Take note of a call that returned `result`."""
        if result < 0:
            return
        if call.is_first_process and call.name == "write" and call.arguments[0] == _STDOUT:
            self.report("standard output")
        elif call.name in {"sync", "syncfs"}:
            self.dirty.clear()
            self.names.clear()
        elif call.name in {"fsync", "fdatasync"}:
            self.dirty.discard(call.paths[0])
            if call.name == "fsync":
                self.names.pop(call.paths[0], None)
        elif call.name.startswith(("rename", "link")):
            self._move(call)
        elif call.paths and self._watched(call.paths[0]):
            self._change(call)

    def report(self, what: str) -> None:
        """Say what a success that is reported now relies on."""
        self.violations += [
            f"reported to {what}: the data of {path} is not synced" for path in sorted(self.dirty)
        ]
        for folder, names in sorted(self.names.items()):
            self.violations += [
                f"reported to {what}: {folder} is not synced, {name} relies on it" for name in sorted(names)
            ]

    def _change(self, call: Call) -> None:
        path = call.paths[0]
        if call.name in _WRITES or call.name in _ATTRIBUTES:
            # A link has no data to sync: its folder is what matters, and that is dirty since it was made.
            if not os.path.islink(path):
                self.dirty.add(path)
        elif call.name in syscalls.OPENS or call.name == "creat":
            self._open(path, call.arguments[syscalls.OPENS[call.name]] if call.name != "creat" else os.O_CREAT)
        elif call.name.startswith(("unlink", "rmdir")):
            self.dirty = {p for p in self.dirty if not _within(p, path)}
            self.names = {f: n for f, n in self.names.items() if not _within(f, path)}
            self._name(path)
        elif call.name.startswith(("mkdir", "symlink", "mknod")):
            self._name(path)

    def _open(self, path: str, flags: int) -> None:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            return
        if flags & os.O_TRUNC:
            self.dirty.add(path)
        if flags & os.O_CREAT:
            # Whether it was there before cannot be asked any more: take it that it was not.
            self._name(path)

    def _move(self, call: Call) -> None:
        source, target = call.paths
        if not self._watched(source) and not self._watched(target):
            return
        is_exchange = call.name == "renameat2" and bool(call.arguments[4] & _RENAME_EXCHANGE)
        for was, becomes in [(source, target), *([(target, source)] if is_exchange else [])]:
            if self._watched(becomes):
                self._publish(call, was, becomes)
        if not call.name.startswith("link"):
            self._rename(source, target, is_exchange=is_exchange)
            self._name(source)
        self._name(target)

    def _publish(self, call: Call, source: str, target: str) -> None:
        unsynced = [p for p in self.dirty if _within(p, source)]
        unsynced += [f for f, names in self.names.items() if names and _within(f, source)]
        for path in sorted(unsynced):
            self.violations.append(f"published by {call.name} as {target}: {path} is not synced")

    def _rename(self, source: str, target: str, *, is_exchange: bool) -> None:
        def moved(path: str) -> str | None:
            if _within(path, source):
                return target + path[len(source) :]
            if _within(path, target):
                return source + path[len(target) :] if is_exchange else None
            return path

        self.dirty = {new for path in self.dirty if (new := moved(path)) is not None}
        self.names = {new: names for path, names in self.names.items() if (new := moved(path)) is not None}

    def _name(self, path: str) -> None:
        """Note that a name appeared or went away: its folder is dirty until it is synced."""
        if self._watched(path):
            self.names.setdefault(os.path.dirname(path), set()).add(os.path.basename(path))

    def _watched(self, path: str) -> bool:
        # What has no name any more cannot be lost.
        return (
            _within(path, self.under)
            and not path.endswith(" (deleted)")
            and not (self.ignore and self.ignore.search(path))
        )


def check(
    command: Sequence[str],
    *,
    under: Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    ignore: str | None = None,
) -> tuple[tracer.Ran, list[str]]:
    """Run `command`; return what became of it and every breach of the rules under the folder.

    Args:
        command: what to run.
        under: the folder that must be durable.
        cwd: where to run it.
        env: its environment.
        ignore: a pattern for paths that may be lost (caches, locks).
    """
    order = Order(os.path.realpath(under), re.compile(ignore) if ignore else None)
    ran = tracer.run(command, under=[under], cwd=cwd, env=env, observe=order.see)
    if ran.status == 0:
        order.report("the caller by exit status 0")
    return ran, list(dict.fromkeys(order.violations))


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")

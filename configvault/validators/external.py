"""Validators from other packages: `[project.entry-points."configvault.validators"]`, `name = "package:function"`.

The function takes the `State` and yields `Finding`s. It runs in this process: whoever installs one trusts it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from glob import escape, iglob
from typing import TYPE_CHECKING

from configvault.core.model import Finding, State

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "configvault.validators"


def found() -> list[EntryPoint]:
    """Return the validators that are installed, by name."""
    if not _is_named():
        return []
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


def _is_named() -> bool:
    """Return whether an installed package names the group; to load what reads them all takes ten times as long."""
    for folder in sys.path:
        for path in iglob(os.path.join(escape(folder), "*-info", "entry_points.txt")):
            with open(path, encoding="utf-8", errors="replace") as file:
                if f"[{GROUP}]" in file.read():
                    return True
    return False


def findings(point: EntryPoint, state: State) -> list[Finding]:
    """Return what one validator finds.

    Raises:
        TypeError: it yields something else than findings.
    """
    act: Callable[[State], Iterable[Finding]] = point.load()
    made = list(act(state))
    if not all(isinstance(one, Finding) for one in made):
        raise TypeError(f"{point.name} must yield findings")
    return made

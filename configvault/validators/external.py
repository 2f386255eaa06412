"""Validators from other packages: `[project.entry-points."configvault.validators"]`, `name = "package:function"`.

The function takes the `State` and yields `Finding`s. It runs in this process: whoever installs one trusts it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from configvault.core.model import Finding, State
from configvault.disk.installed import names_group

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "configvault.validators"


def found() -> list[EntryPoint]:
    """Return the validators that are installed, by name."""
    if not names_group(GROUP):
        return []
    from importlib.metadata import entry_points

    return sorted(entry_points(group=GROUP), key=lambda point: point.name)


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

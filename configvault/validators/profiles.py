"""Which passes a profile is made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from configvault.core.model import Entry
from configvault.validators import syntax
from configvault.validators.judge import Run


def generic(run: Run) -> None:
    """Judge nothing but sizes, and whether YAML, JSON and TOML parse."""

    def look(path: str, entry: Entry) -> None:
        kind = syntax.kind_of(path)
        if kind is None:
            run.fits(path, entry)
        else:
            faults = run.once(kind, path, entry, partial(syntax.check, kind))
            run.tell(path, entry, faults or [])

    run.each_alone(look)


def coze(run: Run) -> None:
    """Judge a plugin directory as Coze's loader would."""
    # Half of all the judging is in there: whose directory is another kind of one does not wait for it.
    from configvault.validators.coze import directory

    directory.judge(run)


PROFILES: dict[str, Callable[[Run], None]] = {"coze": coze, "generic": generic}

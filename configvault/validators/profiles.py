"""Which passes a profile is made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from configvault.validators import syntax
from configvault.validators.coze import directory
from configvault.validators.judge import Run


def generic(run: Run) -> None:
    """Judge nothing but sizes, and whether YAML, JSON and TOML parse."""
    for shown, _, entry in run.regular():
        kind = syntax.kind_of(shown)
        if kind is None:
            run.fits(shown, entry)
        else:
            faults = run.once(kind, shown, entry, partial(syntax.check, kind))
            run.tell(shown, entry, faults or [])


PROFILES: dict[str, Callable[[Run], None]] = {"coze": directory.judge, "generic": generic}

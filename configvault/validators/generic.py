"""The profile `generic`: sizes, and whether YAML, JSON and TOML parse."""

from __future__ import annotations

from functools import partial

from configvault.core.model import Entry
from configvault.validators import syntax
from configvault.validators.run import Run


def validate(run: Run) -> None:
    """Validate the files of any directory, each on its own."""

    def look(path: str, entry: Entry) -> None:
        kind = syntax.kind_of(path)
        if kind is None:
            run.fits(path, entry)
        else:
            violations = run.once(kind, path, entry, partial(syntax.check, kind, every=True))
            run.add_findings(path, entry, violations or [])

    run.each_alone(look)

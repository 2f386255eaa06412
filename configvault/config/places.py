"""Root and vault must not lie in each other, whichever links lead there: looked at with every command, for links change."""

from __future__ import annotations

import os
from collections.abc import Callable

from configvault.core.settings import Settings


def check(settings: Settings, fault: Callable[[str, str], None]) -> None:
    """Refuse a vault that would record itself, whichever links lead there."""
    if not settings.root or not settings.vault:
        return
    root, vault = os.path.realpath(settings.root), os.path.realpath(settings.vault)
    named_root, named_vault = _named(settings.root), _named(settings.vault)
    if root == vault:
        fault("vault", f"{named_vault} is the root itself, put it outside such as /var/lib/configvault")
    elif os.path.commonpath((root, vault)) == root:
        fault("vault", f"{named_vault} is inside the root, {named_root}; put it outside")
    elif os.path.commonpath((root, vault)) == vault:
        fault("root", f"{named_root} is inside the vault, {named_vault}; put the vault outside")


def _named(path: str) -> str:
    return "what ${…} says" if type(path) is not str else repr(path)

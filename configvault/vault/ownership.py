"""Which root a vault protects: the files of another one are not to be recorded into its history."""

from __future__ import annotations

import os

from configvault.core.errors import ConfigError
from configvault.vault.statefiles import ROOT


def require_root(state: str, root: str, *, write: bool = False) -> None:
    """Refuse another root than the one that the vault with the state folder `state` protects.

    Args:
        state: the state folder.
        root: the configured root.
        write: note it where nothing is noted yet.

    Raises:
        ConfigError: it protects another one.
    """
    known = ROOT.read(state)
    if known is None:
        if write:
            ROOT.write(state, root)
    elif not _is_same(known, root):
        vault = os.path.dirname(state)
        raise ConfigError(
            f"root: the vault {vault} protects {known}, not {root}",
            "configvault init --adopt, if that directory has moved there; else set another `vault`",
        )


def note_root(state: str, root: str) -> None:
    """Note the root of a vault that an older version made; the caller holds the lock."""
    if not ROOT.exists(state):
        ROOT.write(state, root)


def adopt(state: str, root: str) -> None:
    """Let the vault protect `root` from now on: what it protected has moved there."""
    ROOT.write(state, root)


def _is_same(known: str, root: str) -> bool:
    return known == root or os.path.realpath(known) == os.path.realpath(root)

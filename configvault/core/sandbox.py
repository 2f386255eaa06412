"""What the systemd unit hides from the daemon, and by which of its directives."""

from __future__ import annotations

from collections.abc import Iterable

# The folders that ProtectHome= (the first three) and PrivateTmp= hide.
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - names, not files
REMEDY = "configvault unit install --now"


def covered(path: str, by: Iterable[str]) -> bool:
    """Return whether `path` is one of the folders `by`, or in one."""
    return any(path == one or path.startswith(one.rstrip("/") + "/") for one in by)


def is_hidden(path: str) -> bool:
    """Return whether the unit hides `path` from the daemon."""
    return covered(path, HIDDEN)


def hiding(path: str) -> str:
    """Return the directive that hides `path`; call it only if `is_hidden`."""
    return "PrivateTmp=" if covered(path, HIDDEN[3:]) else "ProtectHome="

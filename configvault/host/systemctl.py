"""Put a unit's files where systemd looks for them, and take them away again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping

from configvault.calls import program
from configvault.calls.http import CallError
from configvault.core.errors import ConfigvaultError
from configvault.disk import durable
from configvault.host.unit import Unit

# The unit's own limit for a start is five minutes.
_START_S = 330.0
_ASK_S = 60.0


def require_systemd() -> None:
    """Refuse where systemd does not run, or this user may not configure it.

    Raises:
        ConfigvaultError: it says which.
    """
    if not os.path.isdir("/run/systemd/system"):
        raise ConfigvaultError("systemd is not running on this host", "configvault run")
    if os.geteuid() != 0:
        raise ConfigvaultError("only root may install a service", "sudo configvault unit install")


def write(unit: Unit) -> list[str]:
    """Write the files of `unit` that are not there yet just so, and return their paths."""
    written = []
    for file in unit.files:
        if _content(file.path) != file.text:
            os.makedirs(os.path.dirname(file.path), mode=0o755, exist_ok=True)
            durable.write(file.path, file.text.encode())
            os.chmod(file.path, 0o644)
            written.append(file.path)
    return written


def remove(unit: Unit, *, last: bool) -> list[str]:
    """Remove the files of `unit`, and return which were there; a unit file for several only with the `last` of them."""
    removed = []
    for file in unit.files:
        if file.path.endswith("@.service") and not last:
            continue
        with contextlib.suppress(FileNotFoundError):
            os.unlink(file.path)
            removed.append(file.path)
        with contextlib.suppress(OSError):
            # Only where nobody else has put anything there.
            if file.path.endswith(".conf"):
                os.rmdir(os.path.dirname(file.path))
    return removed


def _content(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, ValueError):
        return None


def systemctl(environ: Mapping[str, str], *words: str, check: bool = True) -> str:
    """Run systemctl and return what it prints.

    Raises:
        ConfigvaultError: it failed, and what it said.
    """
    try:
        ran = program.run(
            ["systemctl", *words], environ, _START_S if words[0] in ("start", "restart") else _ASK_S
        )
    except CallError as error:
        raise ConfigvaultError(str(error), f"systemctl {' '.join(words)}") from error
    if check and ran.code:
        said = ran.output.strip().splitlines()
        unit = words[-1]
        raise ConfigvaultError(
            f"systemctl {' '.join(words)} failed: {said[0] if said else f'exit code {ran.code}'}",
            f"journalctl -u {unit} -n 20 --no-pager",
        )
    return ran.output.strip()


def is_active(environ: Mapping[str, str], name: str) -> bool:
    """Return whether the service runs."""
    return systemctl(environ, "is-active", name, check=False) == "active"


def last_words(environ: Mapping[str, str], name: str) -> list[str]:
    """Return the last lines of the service's journal, for whoever wonders why it does not start."""
    try:
        return program.run(
            ["journalctl", "-u", name, "-n", "8", "-o", "cat", "--no-pager"], environ, _ASK_S
        ).output.splitlines()
    except CallError:
        return []

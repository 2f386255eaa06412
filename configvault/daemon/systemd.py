"""Tell systemd how the daemon is. Source: sd_notify(3), sd_watchdog_enabled(3). Without systemd nothing is said."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Mapping

# What changes the state of the unit is worth waiting for; the next words on how things are follow soon anyway.
_PATIENCE_S = 5.0


class Systemd:
    """Sends to the socket that the environment names; any thread may call it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Find the socket and how often the watchdog wants to hear of us."""
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        wanted = environ.get("WATCHDOG_USEC", "")
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._status = ""
        self.watchdog_s = int(wanted) / 1e6 if wanted.isdigit() and mine else None

    def ready(self, status: str) -> None:
        """Say that what was asked for (start, reload) is done."""
        self._send("READY=1", f"STATUS={status}", wait_s=_PATIENCE_S)

    def status(self, status: str) -> None:
        """Say in words how things are."""
        if status != self._status:
            self._status = status
            self._send(f"STATUS={status}")

    def reloading(self) -> None:
        """Say that the configuration is being read again; `ready` follows."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}", wait_s=_PATIENCE_S)

    def starting(self, more_s: float) -> None:
        """Ask for more time to become ready."""
        self._send(f"EXTEND_TIMEOUT_USEC={int(more_s * 1e6)}")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1", "STATUS=stops", wait_s=_PATIENCE_S)

    def alive(self) -> None:
        """Feed the watchdog."""
        if self.watchdog_s is not None:
            self._send("WATCHDOG=1")

    def _send(self, *lines: str, wait_s: float = 0.0) -> None:
        if not self._address:
            return
        text = "\n".join(line.replace("\n", " ") for line in lines)
        # A manager that is just restarting does not answer; the watchdog would tell of a lasting silence.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            # Its queue is short, and a manager that reads late must not stop the work.
            to.settimeout(wait_s)
            to.sendto(text.encode("utf-8", "backslashreplace"), self._address)

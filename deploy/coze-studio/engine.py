"""Restart a container of the Docker engine on this host, or see that it stays up: without the docker program.

    python3 -IS engine.py restart coze-server
    python3 -IS engine.py stays-up coze-server

Speaks the Engine API over /var/run/docker.sock ($DOCKER_SOCKET names another). Exit code 0 is success; otherwise one line
says what is wrong, with the first lines of a panic.
"""

from __future__ import annotations

import datetime
import http.client
import json
import os
import re
import socket
import sys
from urllib.parse import quote

SOCKET = os.environ.get("DOCKER_SOCKET", "/var/run/docker.sock")
UP_S = 10
STOP_S = 20
_TIMEOUT_S = 100


class Engine(http.client.HTTPConnection):
    """A connection to the engine."""

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(SOCKET)


def ask(method: str, path: str) -> bytes:
    """Return the engine's answer; exits with what it said where that is no success."""
    engine = Engine("localhost")
    try:
        engine.request(method, path, headers={"Host": "localhost"})
        answer = engine.getresponse()
        body = answer.read()
    except OSError as error:
        sys.exit(f"{SOCKET}: {error}")
    if answer.status >= 300:
        sys.exit(f"the engine answered {answer.status}: {body.decode(errors='replace').strip()[:300]}")
    return body


def restart(container: str) -> None:
    """Stop and start the container."""
    ask("POST", f"/containers/{container}/restart?t={STOP_S}")


def stays_up(container: str) -> None:
    """Exit with what is wrong unless the container has been up for a while, without a panic since its start."""
    state = json.loads(ask("GET", f"/containers/{container}/json"))
    again, status, started = state["RestartCount"], state["State"]["Status"], state["State"]["StartedAt"]
    since = datetime.datetime.fromisoformat(started)
    log = ask("GET", f"/containers/{container}/logs?stdout=1&stderr=1&tail=500&since={int(since.timestamp())}")
    # Each piece of the log has a header of eight bytes; what a panic says begins a line all the same.
    panic = re.search(rb"(?m)(?:^|[\x00-\x08]{4}.{4})(panic: .*)", log)
    if panic is not None:
        sys.exit(panic[1].decode(errors="replace"))
    if status != "running" or again:
        sys.exit(f"{container} is {status}, started again {again} times")
    up = (datetime.datetime.now(datetime.UTC) - since).total_seconds()
    if up < UP_S:
        sys.exit(f"{container} is up for {up:.0f} s only")


if __name__ == "__main__":
    COMMANDS = {"restart": restart, "stays-up": stays_up}
    if len(sys.argv) != 3 or sys.argv[1] not in COMMANDS:
        sys.exit(__doc__)
    COMMANDS[sys.argv[1]](quote(sys.argv[2], safe=""))

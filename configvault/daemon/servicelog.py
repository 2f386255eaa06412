"""The service's log, followed by the daemon so that its requests can be scraped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from configvault.core.settings import ServiceLogSettings
from configvault.daemon.standing import Standing
from configvault.service.log.follow import Tail
from configvault.service.log.requests import Bare, Parser

LOOK_S = 1.0
REASON = "service-log"

Hear = Callable[[Iterable[tuple[str, str, bool, float | None]]], None]


class Follower:
    """Reads what is appended, in a thread of its own, and passes it on."""

    def __init__(self, log: ServiceLogSettings, hear: Hear, standing: Standing) -> None:
        """Begin at the end of the log; `hear` is called with plugin, operation, failed and milliseconds."""
        assert log.path is not None
        self.log = log
        self._tail = Tail(log.path)
        self._parser = Parser(log.fields)
        self._hear = hear
        self._standing = standing
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="service-log", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(LOOK_S)
        self._standing.clear(REASON)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_S):
            try:
                for lines in self._tail.lines():
                    self._hear(_short(self._parser.requests(lines)))
                trouble = self._tail.trouble
            except OSError as error:
                trouble = f"{self.log.path}: {error.strerror}"
            if trouble is None:
                self._standing.clear(REASON)
            else:
                hint = "let configvault read it, or set service_log.path: null"
                self._standing.degrade(REASON, f"the service's log cannot be read: {trouble}", hint)
        self._tail.close()


def _short(requests: Iterable[Bare]) -> Iterable[tuple[str, str, bool, float | None]]:
    for _, plugin, operation, failed, ms, _, _ in requests:
        yield plugin, operation, failed, ms

"""Tell webhooks and commands of outcomes, from threads of its own: whoever records never waits for them.

Each target has a queue of bounded length and a thread that starts with the first thing to tell, so a target that
hangs holds up nobody else. What could not be told is counted and shown among the reasons for `degraded`; it is
never told by notification, which would go round in circles. Not guaranteed: what waits when the process is
killed is lost.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from configvault.calls.http import CallError
from configvault.core import backoff, language
from configvault.core.frozen import field, frozen
from configvault.core.outcome import Outcome
from configvault.core.rendering import events
from configvault.core.settings import NotifySettings

LONGEST_QUEUE = 100
ATTEMPTS = 3
FIRST_PAUSE_S = 1.0

# The command that shows more, or helps, by the event's name.
COMMANDS = {
    "rejected": "configvault rejected show",
    "pending": "configvault confirm",
    "rolled_back": "configvault status",
    "undone": "configvault status",
    "reload_failed": "configvault reload",
    "degraded": "configvault doctor",
    "failed": "configvault doctor",
}
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)


@frozen
class About:
    """Where the outcomes come from, and what keeps secrets out of what is told, in which language.

    `whole` adds to a command what it needs to be pasted.
    """

    root: str
    host: str
    now: Callable[[], datetime]
    hide: Callable[[str], str]
    environ: Mapping[str, str] = field(repr=False, default_factory=dict)
    language: str = language.ENGLISH
    whole: Callable[[str], str] = str


Heard = Callable[[str, str], None]
"""Is called with the event's name and how telling it ended: sent, failed or dropped."""


def _deaf(event: str, result: str) -> None:
    """Hear nothing."""


class Notifier:
    """An observer that passes outcomes on to whoever asked for them."""

    def __init__(self, targets: Sequence[NotifySettings], about: About, heard: Heard = _deaf) -> None:
        """Start nothing yet; `heard` is called from other threads."""
        self._about = about
        self._targets = [_Target(i, target, about, heard) for i, target in enumerate(targets)]

    def __call__(self, outcome: Outcome) -> None:
        """Put what is to be told of `outcome` on the queues; returns at once."""
        notification: dict[str, Any] | None = None
        event = events.event(outcome)
        for target in self._targets:
            if event.name in target.settings.on:
                notification = notification or self._notification(event)
                target.put(event.name, notification)

    def _notification(self, event: events.Event) -> dict[str, Any]:
        about = self._about
        return {
            "event": event.name,
            "level": event.level,
            "title": about.hide(event.title),
            "at": about.now().isoformat(timespec="seconds"),
            "host": about.host,
            "root": about.root,
            "command": about.whole(COMMANDS[event.name]) if event.name in COMMANDS else None,
            "outcome": events.discreet(event.document, about.hide),
        }

    @property
    def troubles(self) -> tuple[str, ...]:
        """Return for each target that missed something why, until it is told something again."""
        return tuple(target.trouble for target in self._targets if target.trouble)

    def close(self, patience_s: float = 5.0) -> None:
        """Tell what waits, for `patience_s` seconds at most, then give up what is left."""
        deadline = time.monotonic() + patience_s
        for target in self._targets:
            target.finish()
        for target in self._targets:
            target.join(deadline)


class _Target:
    """One webhook or command, its queue and its thread."""

    def __init__(self, index: int, settings: NotifySettings, about: About, heard: Heard) -> None:
        self.settings = settings
        self.trouble: str | None = None
        self._name = f"notify[{index}]"
        self._about = about
        self._heard = heard
        self._queue: deque[tuple[str, dict[str, Any]]] = deque()
        self._something = threading.Condition()
        self._finishing = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, event: str, notification: dict[str, Any]) -> None:
        with self._something:
            dropped = len(self._queue) >= LONGEST_QUEUE
            if dropped:
                # The newest matters most: it says how things stand now.
                self._queue.popleft()
                self.trouble = f"{self._name} is too slow: notifications were dropped"
            self._queue.append((event, notification))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            self._something.notify()
        if dropped:
            self._heard(event, "dropped")

    def finish(self) -> None:
        with self._something:
            self._finishing = True
            self._something.notify()

    def join(self, deadline: float) -> None:
        if self._thread is not None:
            self._thread.join(max(deadline - time.monotonic(), 0))
            self._stop.set()
            # What it waits for ends within a tenth of a second of the stop.
            self._thread.join(1)

    def _run(self) -> None:
        while (next_ := self._take()) is not None:
            event, notification = next_
            try:
                failure = self._send(event, notification)
            except (
                Exception
            ) as error:  # the boundary of this thread: whatever it was, the next one is still told
                failure = f"failed with {type(error).__name__}"
            self.trouble = f"{self._name} was not notified of {event!r}: {failure}" if failure else None
            self._heard(event, "failed" if failure else "sent")

    def _take(self) -> tuple[str, dict[str, Any]] | None:
        with self._something:
            while not self._queue and not self._finishing:
                self._something.wait()
            return self._queue.popleft() if self._queue and not self._stop.is_set() else None

    def _send(self, event: str, notification: dict[str, Any]) -> str | None:
        """Return why it could not be told, None where it was."""
        if self.settings.command:
            return self._run_command(event, notification)
        for _ in backoff.attempts(ATTEMPTS, FIRST_PAUSE_S, self._stop.wait):
            failure, again = self._post(notification)
            if failure is None or not again:
                break
        return failure

    def _post(self, notification: dict[str, Any]) -> tuple[str | None, bool]:
        """Return why the webhook did not take it, and whether another try may help."""
        from configvault.calls import proxies
        from configvault.calls.http import Request, ask
        from configvault.observers import formats

        settings = self.settings
        headers = {"Content-Type": "application/json", **settings.headers}
        with language.spoken(self._about.language):
            body = formats.body(settings.format, notification)
        request = Request(
            settings.url or "",
            "POST",
            headers,
            body,
            settings.timeout,
            proxies.of(self._about.environ),
        )
        try:
            answer = ask(request, stop=self._stop)
        except CallError as error:
            return str(error), error.status is None
        if not 200 <= answer.status < 300:
            return f"{answer.peer} answered {answer.status}", answer.status in _TRY_AGAIN
        refusal = formats.refusal(settings.format, answer.body)
        return (f"{answer.peer} {refusal}" if refusal else None), False

    def _run_command(self, event: str, notification: dict[str, Any]) -> str | None:
        from configvault.calls import program
        from configvault.observers import formats

        said = {
            "EVENT": event,
            "LEVEL": notification["level"],
            "TITLE": notification["title"],
            "AT": notification["at"],
        }
        said |= {"HOST": notification["host"], "ROOT": notification["root"]}
        # The system takes no NUL in an environment, and lone surrogates only as bytes of names.
        environ = {f"CONFIGVAULT_{name}": _plain(value) for name, value in said.items()}
        environ = dict(self._about.environ) | environ
        stdin = formats.body("json", notification)
        try:
            ran = program.run(self.settings.command, environ, self.settings.timeout, self._stop, stdin)
        except CallError as error:
            return str(error)
        return ran.failure.splitlines()[0] if ran.failure else None


def _plain(value: str) -> str:
    return value.replace("\0", " ").encode("utf-8", "backslashreplace").decode()

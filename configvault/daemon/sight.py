"""How the worker sees the root: by events where it can, by polling where it cannot, and which of them it is."""

from __future__ import annotations

import time

from configvault.core.model import Folder
from configvault.core.outcome import Watching, WatchOutcome
from configvault.core.settle import EVERYTHING
from configvault.daemon.inbox import Inbox
from configvault.daemon.jobs import Job, Lost
from configvault.daemon.standing import Standing
from configvault.daemon.watch import Alarm, UnwatchableError, Watcher
from configvault.root.capture import Survey
from configvault.root.names import Names
from configvault.usecases.site import Site

EVENTS, POLLING, NO = "events", "polling", "no"
_POLL_LEAST_S = 1.0
_FLUSH_S = 2.0
# A poll takes at most one part in this of the time.
_POLL_SHARE = 50


class Sight:
    """Belongs to the worker; the supervisor uses the watcher's proof alone."""

    def __init__(self, site: Site, inbox: Inbox[Job], standing: Standing) -> None:
        """See nothing yet."""
        self._inbox = inbox
        self._standing = standing
        self._survey: Survey | None = None
        self._folders = 0
        self.may_pass = False
        self.mode = NO
        self.is_vague = False
        self.poll_s: float | None = None
        self._take(site)

    def _take(self, site: Site) -> None:
        self._site = site
        names = site.root.names
        self.watcher = Watcher(
            site.root.path, lambda path: _is_ignored(names, path), self._inbox.notice, self._alarm
        )

    def _alarm(self, alarm: Alarm, words: str) -> None:
        what = Watching.OVERFLOWED if alarm is Alarm.OVERFLOWED else Watching.LOST
        self._inbox.put(Lost(what, words))

    def configure(self, site: Site) -> None:
        """Look at another site from now on."""
        self.forget()
        self._take(site)

    def attach(self) -> bool:
        """See to it that the root, which exists, is watched somehow; return whether that begins just now."""
        if self.mode == POLLING or (
            self.mode == EVENTS and self.watcher.is_current and self.watcher.is_attached
        ):
            return False
        try:
            self.watcher.attach()
        except UnwatchableError as error:
            self.poll_instead(error.message, error.hint, may_pass=True)
        else:
            self._see_events()
        return True

    def _see_events(self) -> None:
        self.mode, self.is_vague, self.poll_s, self._survey = EVENTS, False, None, None
        self._standing.watching(EVENTS)
        self._standing.clear(POLLING)
        self._site.notify(WatchOutcome(Watching.STARTED, f"watches {self._site.root.path} by events"))

    def poll_instead(self, message: str, hint: str | None, *, may_pass: bool = False) -> None:
        """Do without events; `may_pass`: a change in the root may be the end of why."""
        self.may_pass = may_pass
        self.watcher.detach()
        self.mode, self.poll_s, self._survey = POLLING, time.monotonic() + _POLL_LEAST_S, None
        self._standing.watching(POLLING)
        self._standing.degrade(POLLING, f"{message}; changes are found by polling", hint)

    def forget(self) -> None:
        """Watch nothing; `attach` begins anew."""
        self.watcher.detach()
        self.mode, self.poll_s, self._survey = NO, None, None
        self._standing.watching(NO)

    def lose(self, until_s: float) -> None:
        """There is no root: look at the time `until_s` whether it has come."""
        if self.mode != NO:
            self.forget()
        self.poll_s = until_s

    def flush(self) -> bool:
        """Let everything come in that happened till now; return whether that is known to be all."""
        seen = self.watcher.send_probe() if self.mode == EVENTS else None
        done = seen is not None and seen.wait(_FLUSH_S)
        # Then where something happened is not known for sure either: look at everything each time.
        self.is_vague = not done
        return done

    def poll(self, known: Folder | None) -> None:
        """Compare all stamps with those of the last poll; the first one tells of what happened before it."""
        began_s = time.monotonic()
        survey = self._site.root.survey(known)
        now_s = time.monotonic()
        if survey != self._survey:
            self._inbox.notice(EVERYTHING)
        if self.may_pass and self._survey is not None and survey != self._survey:
            # What changed may be what could not be watched: a folder that can be read by now, a mount that is gone.
            self.check()
            if self.mode == EVENTS:
                return
        self._survey = survey
        self.poll_s = now_s + max(_POLL_LEAST_S, _POLL_SHARE * (now_s - began_s))

    def check_folders(self, state: Folder) -> None:
        """Count the watches where there are more folders than at the last count."""
        folders = state.count("folder")
        if folders > self._folders:
            self.check()
        self._folders = folders

    def check(self) -> None:
        """See whether each folder is watched, or can be by now."""
        if self.mode == POLLING:
            try:
                self.watcher.attach()
            except UnwatchableError:
                return
            self._see_events()
            self._inbox.notice(EVERYTHING, event=False)
        elif self.mode == EVENTS:
            try:
                self.watcher.require_all()
            except UnwatchableError:
                self._attach_anew()

    def _attach_anew(self) -> None:
        """Watch what is there now: a folder may be new, or can be read only since."""
        try:
            self.watcher.attach()
        except UnwatchableError as error:
            self.poll_instead(error.message, error.hint, may_pass=True)
        else:
            self._inbox.notice(EVERYTHING, event=False)


def _is_ignored(names: Names, path: str) -> bool:
    """Return whether `path` or a folder around it has a name that is not captured."""
    prefix = ""
    parts = path.split("/")
    for number, name in enumerate(parts, start=1):
        if names.reason_to_leave_out(name, prefix, is_folder=number < len(parts)) is not None:
            return True
        prefix += name + "/"
    return False

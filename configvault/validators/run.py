"""One state while it is validated: what the passes of a profile share.

Nothing a file holds may stop it: a pass that fails becomes the finding `validator-failed`.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from configvault.core.leftout import TOO_LARGE, TOO_MANY
from configvault.core.model import Entry, Finding, Folder, Kind, State
from configvault.core.settings import ValidateSettings
from configvault.validators import budget, changed
from configvault.validators.budget import TooCostlyError
from configvault.validators.files import Files, Found
from configvault.validators.report import Report
from configvault.validators.violations import Violation

_LOG = logging.getLogger(__name__)
_T = TypeVar("_T")
# By role and blob id.
Known = dict[tuple[str, str], object]
# The findings made of the faults of a blob at a path: their excerpts cost more than the faults.
Reported = dict[tuple[str, str, tuple[Violation, ...]], tuple[Finding, ...]]
FILES = ("file", "executable")
_LARGE_HINT = "does it belong here? raise the limit if so"
MANY_HINT = "is it the right directory?"


class Run:
    """One state being validated: what the passes share while it lasts."""

    def __init__(
        self,
        settings: ValidateSettings,
        state: State,
        report: Report,
        known: Known,
        clean: set[str],
        reported_before: Reported,
    ) -> None:
        self.settings = settings
        self.state = state
        self.report = report
        self.files = Files(state.tree, state.read)
        self._known = known
        self._clean = clean
        self._reported_before = reported_before
        self.reported: Reported = {}
        self.is_settled = True
        # The bytes of the files of which something was worked out that was not known.
        self.learned = 0

    def guard(self, path: str, act: Callable[[], _T]) -> _T | None:
        """Return what `act` returns; if it fails, say so of `path` and return None."""
        try:
            return act()
        except TooCostlyError as error:
            self.report.add(path, [_too_costly(error)])
            return None
        except Exception as error:
            _log(path, error)
            message = f"could not be validated completely: {type(error).__name__} inside a validator"
            hint = (
                "report this with the log's traceback; validate.rules may turn validator-failed into a warning"
            )
            self.report.add(path, [Violation("validator-failed", None, None, message, hint)])
            return None

    def add_left_out(self) -> bool:
        """Report what is too large, or too much, to have been captured; return whether it is too much."""
        for path, reason in self.state.left_out:
            if reason.startswith(TOO_LARGE):
                violation = Violation("file-too-large", None, None, reason.removeprefix(TOO_LARGE), _LARGE_HINT)
                self.report.add(path, [violation])
        too_many = next((reason for _, reason in self.state.left_out if reason.startswith(TOO_MANY)), None)
        if too_many is not None:
            violation = Violation("too-many-files", None, None, too_many.removeprefix(TOO_MANY), MANY_HINT)
            self.report.add("", [violation])
        return too_many is not None

    def fits(self, path: str, entry: Entry) -> bool:
        """Return whether a file is within the limit, and tell of it if it is not."""
        limit = self.settings.max_file_size
        if entry.size > limit:
            message = f"{entry.size} bytes, more than validate.max_file_size = {limit}"
            violation = Violation("file-too-large", None, None, message, _LARGE_HINT)
            self.report.add(path, [violation])
        return entry.size <= limit

    def once(self, role: str, path: str, entry: Entry, act: Callable[[bytes], _T]) -> _T | None:
        """Return what `act` makes of the bytes of `entry`, worked out once for each blob and role.

        A file that is too large is told of and not read; then, and if `act` fails, the result is None.
        """
        if not self.fits(path, entry):
            return None
        key = (role, entry.blob)
        if key not in self._known:
            result = self.guard(path, lambda: self._within_bounds(entry, act))
            if result is None:
                return None
            self._known[key] = result
            self.learned += entry.size
        found = self._known[key]
        if isinstance(found, TooCostlyError):
            self.report.add(path, [_too_costly(found)])
            return None
        return found  # type: ignore[return-value]

    def _within_bounds(self, entry: Entry, act: Callable[[bytes], _T]) -> _T | TooCostlyError:
        """Return what `act` makes of a file, or why it makes nothing of it: that is kept, or each look would try again."""
        with budget.of_a_file() as own:
            try:
                return act(self.files.read(entry))
            except TooCostlyError as error:
                if own.is_passed:
                    return error
                raise

    def knows(self, role: str, entry: Entry) -> bool:
        """Return whether `once` would not have to read the bytes of `entry`."""
        return (role, entry.blob) in self._known

    def forget(self, role: str, entry: Entry) -> None:
        """Have the bytes of `entry` validated anew the next time, as something was left open."""
        self._known.pop((role, entry.blob), None)
        self.is_settled = False

    def add_findings(self, path: str, entry: Entry, violations: Iterable[Violation]) -> None:
        """Report `violations` of the file at `path`, whose bytes are those of `entry`."""
        if not (found := changed.preferring(violations, path, entry, self.state.before, self.state.read)):
            return
        key = (path, entry.blob, found)
        if key in self._reported_before:
            self.reported[key] = self._reported_before[key]
            if not self.reported[key] and self.settings.rules_by_path:
                self.report.moot()
        else:
            self.reported[key] = self.report.findings(path, found, lambda: self.files.read(entry))
        self.report.add_findings(self.reported[key])

    def regular(self) -> Iterator[tuple[str, str, Entry]]:
        """Yield the path by which it is known, the real path and the entry of every regular file."""
        names = self._names()
        for path, entry in self.state.tree.files():
            if entry.kind is Kind.FILE:
                yield names.get(path, path), path, entry

    def each_alone(self, look: Callable[[str, Entry], None]) -> None:
        """Validate, with `look`, each regular file that can be validated on its own, by the path it is known by.

        A folder in which all of them were without any finding is not entered again: what a file is known by is part of
        its folder's tree, save where a link from elsewhere gives it its name.
        """
        self._each_alone(self.state.tree, "", self._names(), look)

    def _each_alone(
        self, folder: Folder, prefix: str, names: Mapping[str, str], look: Callable[[str, Entry], None]
    ) -> None:
        if folder.id in self._clean and not names:
            return
        before = self.report.count
        for name, entry in folder.entries.items():
            path = prefix + name
            if isinstance(entry, Folder):
                self._each_alone(entry, f"{path}/", names, look)
            elif entry.kind is Kind.FILE:
                look(names.get(path, path), entry)
        if self.report.count == before and not names:
            self._clean.add(folder.id)

    def _names(self) -> dict[str, str]:
        """Return for files behind links, in folders whose names begin with `..`, the first link to each."""
        names: dict[str, str] = {}
        for path, entry in self.state.tree.files() if self.state.tree.count("link") else ():
            if entry.kind is Kind.LINK and not _hidden(path):
                found = self.files.resolve(path)
                if isinstance(found, Found) and isinstance(found.entry, Entry) and _hidden(found.real):
                    names.setdefault(found.real, path)
                elif isinstance(found, Found) and isinstance(found.entry, Folder):
                    for below, _ in found.entry.files():
                        if _hidden(found.real):
                            names.setdefault(f"{found.real}/{below}", f"{path}/{below}")
        return names


def _hidden(path: str) -> bool:
    return any(part.startswith("..") for part in path.split("/"))


def _too_costly(error: TooCostlyError) -> Violation:
    hint = "simplify the file, or remove it: a file that cannot be validated in time is not accepted"
    return Violation("unfinished", None, None, f"too costly: {error}; it was not validated completely", hint)


def _log(path: str, error: Exception) -> None:
    """Write the traceback without the exception's text, which may quote the file."""
    where = "".join(traceback.format_tb(error.__traceback__))
    _LOG.error("validator.failed path=%r error=%s\n%s", path, type(error).__name__, where)

"""The validator: every pass over every file of a state, and those over all of them, made into one verdict.

Which passes is for the profile that it is given. What a pass found is kept by blob id, and a folder in which nothing
was found is known by its tree's id and not entered again, so a state that differs in one file costs that file and the
folders on the way to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from configvault.core.model import Finding, Folder, Kind, State, Verdict
from configvault.core.settings import ValidateSettings
from configvault.validators import budget, massremoval, memory
from configvault.validators.memory import Codec
from configvault.validators.report import Report
from configvault.validators.run import FILES, MANY_HINT, Known, Reported, Run
from configvault.validators.violations import Violation

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Profile = Callable[[Run], None]
_KNOWN_AT_LEAST = 1000
_LEARNED_AT_LEAST = 16 << 20
# Only to tell old warnings from new ones: past this time all count as new.
_AGAIN_S = 30.0


class Validator:
    """Validates states by one set of settings, and remembers what it found in each blob.

    `clean` are the ids of the folders' trees in which each file alone was without any finding by these `rules`. Not for
    several threads at once.
    """

    def __init__(
        self,
        settings: ValidateSettings,
        environ: Mapping[str, str],
        profile: Profile,
        codecs: Mapping[str, Codec] | None = None,
    ) -> None:
        """Take the settings, the profile, and how what its passes find is written down (`codecs`, by role)."""
        self._settings = settings
        self._profile = profile
        self._environ = environ
        self._known: Known = {}
        # What is known of a file takes at most as much as the file: so the bytes of files are counted.
        self._learned, self._most_learned = 0, _LEARNED_AT_LEAST
        self._reported: Reported = {}
        self.clean: set[str] = set()
        self._codecs = codecs or {}
        # Whether the last verdict would be the same at another time.
        self.is_settled = True
        self._external: list[EntryPoint] | None = None
        self._commands_said: tuple[str, tuple[Finding, ...]] | None = None

    def validate(self, state: State, within_s: float | None = None) -> Verdict:
        """Return all that is to be said of `state`; no content makes this raise.

        What is not validated after `within_s` seconds (ten minutes unless said) is not accepted: then one of the findings is
        `unfinished`.
        """
        return self._verdict(
            state, budget.MOST_SECONDS_OF_A_STATE if within_s is None else within_s, programs=True
        )

    def validate_again(self, state: State) -> Verdict:
        """Return what is to be said of a state that was validated before; no program of the site's own is run for it."""
        return self._verdict(state, _AGAIN_S, programs=False)

    def _verdict(self, state: State, within_s: float, *, programs: bool) -> Verdict:
        report = Report(self._settings.rules, self._settings.rules_by_path)
        run = Run(self._settings, state, report, self._known, self.clean, self._reported)
        with budget.of_a_state(within_s):
            run.guard("", lambda: self._validate(run, programs=programs))
        self._reported = run.reported
        self.is_settled = run.is_settled and not any(
            one.rule in memory.PASSING for one in report.verdict().findings
        )
        self._learned += run.learned
        self._forget(state.tree)
        return report.verdict()

    def recall(self, document: Mapping[str, Any]) -> None:
        """Know what `memory` returned in another process, by the same rules."""
        clean, known, reported = memory.recall(document, self._codecs)
        self.clean |= clean
        self._known = {**known, **self._known}
        self._reported = {**reported, **self._reported}

    def memory(self) -> dict[str, Any]:
        """Return what is known, as JSON."""
        return memory.rows(self.clean, self._known, self._reported, self._codecs)

    def _forget(self, tree: Folder) -> None:
        """Keep no more than is known of twice as much as `tree` holds, or a long life would remember everything."""
        many = len(self._known) > _KNOWN_AT_LEAST + 2 * tree.count(*FILES)
        if many or self._learned > self._most_learned:
            sizes = {entry.blob: entry.size for _, entry in tree.files()}
            self._known = {key: found for key, found in self._known.items() if key[1] in sizes}
            # Of a large tree much stays: it is gone through again only once as much has come again.
            self._learned = sum(sizes[blob] for _, blob in self._known)
            self._most_learned = max(_LEARNED_AT_LEAST, 2 * self._learned)
        if len(self.clean) > _KNOWN_AT_LEAST + 2 * tree.count("folder"):
            self.clean &= {entry.id for _, entry in tree.walk() if isinstance(entry, Folder)}

    def _validate(self, run: Run, *, programs: bool) -> None:
        run.guard("", lambda: run.report.add("", massremoval.check(run.state.tree, run.state.before)))
        if run.add_left_out():
            return
        count = run.state.tree.count(*FILES, "link")
        if count > self._settings.max_files:
            message = f"{count} files, more than validate.max_files = {self._settings.max_files}"
            run.report.add("", [Violation("too-many-files", None, None, message, MANY_HINT)])
            return
        for path in unreadable(run.state.tree):
            run.report.add(path, [_UNREADABLE])
        from configvault.validators import external

        if self._external is None:
            self._external = external.found()
        self._profile(run)
        run.guard("", lambda: external.check(self._external or (), run.state, run.report))
        if programs and self._settings.commands and run.report.verdict().accepted:
            run.guard("", lambda: self._commands(run))

    def _commands(self, run: Run) -> None:
        """Ask the site's own programs, once for each tree; what is refused already they are not asked about."""
        from configvault.validators import commands

        tree = run.state.tree.id
        if self._commands_said is None or self._commands_said[0] != tree:
            said = tuple(commands.check(run.state, self._settings.commands, self._environ))
            self._commands_said = (tree, said)
        run.report.take(self._commands_said[1])


_UNREADABLE = Violation(
    "unreadable",
    None,
    None,
    "only root can read it",
    "chmod 644 it, if the service does not run as root",
)


def unreadable(tree: Folder) -> Iterator[str]:
    """Yield the files that have no right to be read by anybody; that there are none takes no walk."""
    if any(one.sort in FILES and not one.mode & 0o444 for one in tree.summary.census):
        for path, entry in tree.files():
            if entry.kind is Kind.FILE and not entry.mode & 0o444:
                yield path

"""What every command is given: the global flags, the settings and the site they name, and where to print."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from configvault.core import language
from configvault.core.errors import ConfigError, ConfigvaultError, RejectedError

if TYPE_CHECKING:
    from configvault.cli.output import Output
    from configvault.core.model import Finding, Snapshot
    from configvault.core.settings import Settings
    from configvault.observers.notify import Notifier
    from configvault.usecases.site import Site

# An operator waits this long for a daemon or another command that is at work, unless --wait says otherwise.
WAIT_S = 30.0
# And this long for webhooks that are to hear of what was done.
NOTIFY_S = 10.0


def inside(root: str, path: str) -> str:
    """Return the path of something in `root` relative to it, where it is named by its whole path; else as it is."""
    for top in (root, os.path.realpath(root)):
        if path.startswith(top.rstrip("/") + "/"):
            return os.path.relpath(path, top)
    return path


class Context:
    """The surroundings of one command."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Start with no flags; `take` sets them."""
        self.environ = environ
        self.config: str | None = None
        self.command = "configvault"
        self.json = False
        self.quiet = False
        self.verbose = False
        self.color = True
        self._notifier: Notifier | None = None
        self._site: Site | None = None
        self.wait_s = WAIT_S

    def take(self, args: argparse.Namespace) -> None:
        """Take the global flags, wherever they stood."""
        self.config = getattr(args, "config", None)
        self.command = f"configvault {args.command}"
        self.json = getattr(args, "json", False)
        self.quiet = getattr(args, "quiet", False)
        self.verbose = getattr(args, "verbose", False)
        self.color = not getattr(args, "no_color", False) and not self.environ.get("NO_COLOR")
        self.wait_s = getattr(args, "wait", WAIT_S)

    # --- what commands work on

    @property
    def config_path(self) -> str:
        """Return where the configuration is."""
        from configvault import app

        return app.config_path(self.config, self.environ)

    def settings(self, *, keep: bool = False) -> Settings:
        """Return the configuration; `keep` what it says for later commands; raises ConfigError."""
        from configvault import app

        settings = app.load_settings(self.config_path, self.environ, keep=keep)
        language.prefer(settings.language)
        return settings

    def site(
        self,
        settings: Settings | None = None,
        *,
        create: bool = False,
        keep: bool = False,
        damaged: bool = False,
        root_of_vault: str | None = None,
    ) -> Site:
        """Return the site of the configuration, or of `settings`; `keep` as in `settings()`, the others as for `app.open_site`.

        Raises:
            NoVaultError: there is no vault yet and `create` is false.
        """
        from configvault import app

        open_ = app.open_or_create if create else app.open_site
        site = open_(
            settings or self.settings(keep=keep),
            self.environ,
            command=self.command,
            wait_s=self.wait_s,
            damaged=damaged,
            root_of_vault=root_of_vault,
        )
        self._site = site
        site.in_place = self.hint
        site.observers.append(app.recorder(site))
        if site.settings.notify:
            # With the daemon dead, or as its equal: whoever is to be told of a rollback is told by who did it.
            self._notifier = app.notifier(site)
            site.observers.append(self._notifier)
        return site

    def close(self) -> None:
        """End what was started for the command: git children, and what waits to be told after a moment."""
        if self._notifier is not None:
            self._notifier.close(NOTIFY_S)
            for trouble in self._notifier.troubles:
                self.say_warning(trouble)
        if self._site is not None:
            self._site.vault.close()

    # --- printing

    @property
    def output(self) -> Output:
        """Return what prints for people what was asked for."""
        from configvault.cli.output import Output

        return Output(color=self.color, quiet=self.quiet)

    def say_findings(self, findings: Iterable[Finding], standing: int) -> None:
        """Print beside what was asked for what a change brings, and how many warnings stood before it."""
        from configvault.cli import words
        from configvault.cli.output import Output

        beside = Output(color=self.color, quiet=self.quiet, beside=True)
        # In the order in which they were printed, also where both go to one place.
        sys.stdout.flush()
        beside.lines(words.findings(findings, self.hint))
        beside.lines(words.stood(standing, self.hint))

    def hint(self, text: str) -> str:
        """Return words with commands in them as they work when pasted: with the configuration that was named."""
        from configvault.core.hints import DEFAULT_CONFIG, in_place

        named = self.config is not None or self.config_path != DEFAULT_CONFIG
        return in_place(text, self.config_path if named else None)

    def emit(self, document: Mapping[str, Any]) -> None:
        """Print the one document of a command under `--json`."""
        print(json.dumps(document, indent=2))

    def say_snapshot(self, snapshot: Snapshot, what: str) -> None:
        """Print the snapshot that something was done to."""
        if self.json:
            from configvault.core.rendering import documents

            self.emit(documents.snapshot(snapshot))
        else:
            self.output.line(f"{snapshot.id} {what}")

    def say_error(self, message: str, hint: str | None = None) -> None:
        """Print what went wrong, each on one line, whatever a name in it holds."""
        from configvault.cli.output import printable

        print(f"error: {printable(message)}", file=sys.stderr)
        if hint:
            print(f"hint: {printable(self.hint(hint))}", file=sys.stderr)

    def say_warning(self, message: str) -> None:
        """Print on one line what went wrong beside what was asked for."""
        from configvault.cli.output import printable

        print(f"warning: {printable(message)}", file=sys.stderr)

    def fail(self, error: ConfigvaultError) -> None:
        """Print an error and what lies behind it."""
        if self.json:
            from configvault.core.rendering import documents

            document = documents.error(error)
            if error.hint is not None:
                document["error"] |= {"hint": self.hint(error.hint)}
            print(json.dumps(document, indent=2), file=sys.stderr)
            return
        if isinstance(error, RejectedError) and error.findings:
            from configvault.cli import words

            print("\n".join(words.findings(error.findings, self.hint)), file=sys.stderr)
        if isinstance(error, ConfigError) and len(error.faults) > 1:
            from configvault.cli.output import printable

            for fault in error.faults:
                print(printable(fault), file=sys.stderr)
        self.say_error(error.message, error.hint)

"""Edit live files: copies are edited, the whole is validated, and only then they become live."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from configvault.cli.commands import deploy as deploy_command
from configvault.cli.context import Context, inside
from configvault.core.errors import BusyError, ConfigvaultError
from configvault.core.outcome import DeployEnd

if TYPE_CHECKING:
    from configvault.usecases.edit import Copy
    from configvault.usecases.site import Site

EDITORS = ("sensible-editor", "vi")
# They return at once, with their window still open, unless they are told to wait. Source: their manuals.
WAITING = {
    **dict.fromkeys(("code", "codium", "cursor", "windsurf", "zed", "subl", "atom", "mate"), "--wait"),
    **dict.fromkeys(("gvim", "mvim"), "-f"),
    **dict.fromkeys(("kate", "kwrite"), "--block"),
}
_SAME = {"--wait": ("--wait", "-w"), "-f": ("-f", "--nofork"), "--block": ("--block", "-b")}


def declare(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "path", nargs="+", metavar="PATH", help="a file in the root; a file that does not exist starts empty"
    )
    parser.add_argument("--no-reload", action="store_true", help="do not reload the service")
    parser.add_argument("-m", "--message", metavar="TEXT", help="why, in your words")


def run(context: Context, args: argparse.Namespace) -> int:
    """Edit, validate, and print what came of it."""
    import shutil
    import tempfile

    from configvault.usecases import edit

    site = context.site()
    folder = tempfile.mkdtemp(prefix="configvault-edit-")
    keep = False
    copies: Sequence[Copy] = ()
    try:
        copies = edit.copies(site, [inside(site.settings.root, path) for path in args.path], folder)
        while True:
            _edit(editor(context.environ), copies)
            bodies = edit.edited(site, copies)
            if not bodies:
                return _unchanged(context)
            keep = True
            try:
                outcome = edit.submit(site, bodies, reason=args.message, reload=not args.no_reload)
            except BusyError:
                _show_conflict(context, site, bodies)
                context.say_warning(f"your version is kept in {folder}")
                raise
            deploy_command.show(context, outcome)
            if outcome.outcome is not DeployEnd.REJECTED:
                keep = False
                return deploy_command.EXIT_CODES[outcome.outcome]
            if not _again():
                context.say_warning(f"your version is kept in {folder}")
                return deploy_command.EXIT_CODES[outcome.outcome]
    except BaseException:
        if not keep and _is_edited(site, copies):
            # An editor that fails at its end, or a terminal that goes away: what was typed is not lost.
            keep = True
            context.say_warning(f"your version is kept in {folder}")
        raise
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def editor(environ: Mapping[str, str]) -> list[str]:
    """Return the editor's command line: `$VISUAL`, `$EDITOR`, or what Debian and POSIX have.

    Raises:
        ConfigvaultError: there is none.
    """
    import shlex
    import shutil

    for name in ("VISUAL", "EDITOR"):
        if environ.get(name, "").strip():
            try:
                return _waiting(shlex.split(environ[name]))
            except ValueError as error:
                raise ConfigvaultError(
                    f"${name} is not a command line: {error}", f"export {name}=vi"
                ) from error
    if not sys.stdin.isatty():
        # A full-screen editor would wait for ever.
        raise ConfigvaultError("there is no terminal for an editor", "set EDITOR to a program that needs none")
    for name in EDITORS:
        if shutil.which(name, path=environ.get("PATH")):
            return [name]
    raise ConfigvaultError("no editor was found", "apt-get install vim-tiny, or export EDITOR=nano")


def _waiting(argv: list[str]) -> list[str]:
    """Return the command line of an editor with the flag that has it wait until its window is closed."""
    flag = WAITING.get(os.path.basename(argv[0])) if argv else None
    return argv if flag is None or set(_SAME[flag]) & set(argv) else [argv[0], flag, *argv[1:]]


def _is_edited(site: Site, copies: Sequence[Copy]) -> bool:
    """Return whether anything was typed; where that cannot be told it counts as typed."""
    from configvault.usecases import edit

    try:
        return bool(edit.edited(site, copies))
    except ConfigvaultError:
        return True


def _edit(argv: Sequence[str], copies: Sequence[Copy]) -> None:
    import shlex
    import subprocess

    try:
        ended = subprocess.run([*argv, *(copy.place for copy in copies)], check=False)
    except OSError as error:
        raise ConfigvaultError(
            f"the editor {argv[0]!r} cannot be run: {error.strerror}", "export EDITOR=vi"
        ) from error
    if ended.returncode:
        raise ConfigvaultError(
            f"the editor {argv[0]!r} exited with status {ended.returncode}; nothing was changed",
            f"configvault edit {shlex.join(copy.path for copy in copies)}",
        )


def _unchanged(context: Context) -> int:
    if context.json:
        from configvault.core.rendering import documents

        context.emit(documents.NOTHING_DEPLOYED | {"outcome": DeployEnd.UNCHANGED.value})
    else:
        context.output.line("unchanged: the editor left every file as it was")
        context.output.line("  an editor that runs in the background needs its own flag: EDITOR='code --wait'")
    return 0


def _again() -> bool:
    """Ask whether to edit again, on a terminal; else the answer is no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write("edit again, or quit? [e/q] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    if not answer:
        # Ctrl-D, or a terminal that is gone: nobody is there to edit again.
        sys.stderr.write("\n")
        return False
    return answer.strip().lower() in {"", "e", "edit"}


def _show_conflict(context: Context, site: Site, bodies: Mapping[Copy, bytes]) -> None:
    """Print what each side has done to the files since they were copied."""
    from configvault.cli.commands import diff
    from configvault.core.gitformat import make
    from configvault.core.model import Change, ChangeKind, Entry, Kind

    hide = diff.hider(site.vault.redaction_key, redact=True)
    theirs = {copy.path: _live(site, copy) for copy in bodies}
    read_blobs = {make("blob", body).id: body for body in (*bodies.values(), *theirs.values())}

    def read(blob: str) -> bytes:
        return read_blobs[blob] if blob in read_blobs else site.vault.objects.read(blob)

    def entry(blob: str) -> Entry:
        return Entry(Kind.FILE, 0o644, os.geteuid(), os.getegid(), blob, 0)

    for copy, body in bodies.items():
        if copy.blob is None or not site.vault.objects.has(copy.blob):
            continue
        for who, now in (("somebody else", theirs[copy.path]), ("you", body)):
            context.output.line(f"{copy.path}: what {who} changed")
            change = Change(copy.path, ChangeKind.MODIFIED, entry(copy.blob), entry(make("blob", now).id))
            diff.print_diffs(context, diff.file_diffs((change,), read, read, hide))


def _live(site: Site, copy: Copy) -> bytes:
    try:
        with open(os.path.join(site.root.path, copy.path), "rb") as file:
            return file.read(site.settings.validate.max_file_size)
    except OSError:
        return b""

"""The site's own programs: each sees the state laid out in a private folder, and says by its exit code what it thinks.

Never run on the root itself. What lies in the folder is the state's bytes under their real names; links are kept
where they lead inside the state, any other becomes one that leads nowhere.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping

from configvault.calls import program
from configvault.calls.http import CallError
from configvault.core.model import Entry, Finding, Folder, Kind, Severity, State
from configvault.core.secrets.redactor import Redactor
from configvault.core.settings import CommandCheck
from configvault.validators.files import Files, Found
from configvault.validators.violations import printable

PLACEHOLDER = "{dir}"
NOWHERE = ".configvault-no-such-file"
_MOST_LINES = 20
# So much is read for the secrets that a program may repeat, where it names no file.
_MOST_READ = 4 * 1024 * 1024
_LONGEST_MESSAGE = 500


def check(state: State, checks: tuple[CommandCheck, ...], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what the programs in `checks` find in `state`."""
    with tempfile.TemporaryDirectory(prefix="cv-") as folder:
        lay_out(state, folder)
        for one in checks:
            yield from _run(one, folder, Files(state.tree, state.read), environ)


def lay_out(state: State, folder: str) -> None:
    """Write the state into the empty `folder`, for its owner alone."""
    files = Files(state.tree, state.read)
    for path, entry in state.tree.walk():
        place = os.path.join(folder, path)
        if isinstance(entry, Folder):
            os.mkdir(place, 0o700)
        elif entry.kind is Kind.LINK:
            inside = isinstance(files.resolve(path), Found)
            os.symlink(os.fsdecode(files.read(entry)) if inside else NOWHERE, place)
        else:
            _write(place, files.read(entry), entry)


def _write(place: str, data: bytes, entry: Entry) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(place, flags, 0o600 | entry.mode & 0o100), "wb") as file:
        file.write(data)


def _run(one: CommandCheck, folder: str, files: Files, environ: Mapping[str, str]) -> Iterator[Finding]:
    name = one.rule
    argv = [part.replace(PLACEHOLDER, folder) for part in one.argv]
    try:
        ran = program.run(argv, environ, one.timeout)
    except CallError as error:
        yield _finding(name, str(error), folder, "fix it, or remove it from validate.commands")
        return
    if ran.code:
        hide = _hider(ran.output, files)
        located = list(_located(name, ran.output, folder, files.tree, hide))
        yield from located or [_finding(name, hide(ran.failure or "failed"), folder, None)]


def _hider(output: str, files: Files) -> Callable[[str], str]:
    """Return what hides secrets in a program's output: those that show there, and those of the files that it read."""
    texts, left = [], _MOST_READ
    named = [pair for pair in files.tree.files() if pair[0] in output]
    for _, entry in named or files.tree.files():
        left -= entry.size
        if left < 0:
            break
        if entry.kind is Kind.FILE:
            texts.append(files.read(entry).decode("utf-8", "replace"))
    return lambda text: Redactor(b"").output(text, texts)


def _located(
    name: str, output: str, folder: str, tree: Folder, hide: Callable[[str], str]
) -> Iterator[Finding]:
    """Yield a finding for each line of output that names a file of the state and a line in it."""
    pattern = re.compile(
        rf"(?:{re.escape(folder)}/|\./)?(?P<path>[^\s:]+):(?P<line>\d+)(?::(?P<column>\d+))?:?\s*(?P<said>.*)"
    )
    for line in output.splitlines()[:_MOST_LINES]:
        match = pattern.match(line)
        if match and isinstance(tree.find(match["path"]), Entry):
            column = int(match["column"]) if match["column"] else None
            said = printable(hide(match["said"] or line))[:_LONGEST_MESSAGE]
            yield Finding(name, Severity.ERROR, match["path"], int(match["line"]), column, said)


def _finding(name: str, said: str, folder: str, hint: str | None) -> Finding:
    # The folder's name is nobody's business and another each time.
    text = said.replace(folder + "/", "").replace(folder, PLACEHOLDER)
    text = "; ".join(line.strip() for line in text.splitlines() if line.strip())
    return Finding(name, Severity.ERROR, "", None, None, printable(text)[:_LONGEST_MESSAGE], None, hint)

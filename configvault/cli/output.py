"""Print for people: colour and fitted tables on a terminal, plain columns anywhere else."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

from configvault.core.pattern import pattern

if TYPE_CHECKING:
    from rich.console import Console

_LEAST_WORDS = 20
# Columns. A table that needs more than the usual 80 is told to do without some.
_NARROW = 100
# Such a line begins with the word, or is a finding: `place: warning rule: message`.
_LOUD = pattern(r"(?:^ *|: )(error|warning)(?::| \S+: )")
STYLES = {"error": "bold red", "warning": "yellow", "good": "green", "dim": "dim", "head": "bold"}


def printable(text: str) -> str:
    """Return `text` on one line that moves no cursor; bytes that are no UTF-8 stay as they are."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or 0xDC80 <= ord(char) <= 0xDCFF else _escaped(char) for char in text
    )


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode()


def width(text: str) -> int:
    """Return how many columns a terminal takes for `text`: two for wide characters, none for what combines."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def _cells(row: Sequence[str]) -> Sequence[str]:
    return row if "".join(row).isprintable() else [printable(cell) for cell in row]


class Output:
    """Standard output, or with `beside` standard error, as somebody reads it."""

    def __init__(self, *, color: bool, quiet: bool, beside: bool = False) -> None:
        """Use colour only where it is allowed and a terminal shows it."""
        self._quiet = quiet
        self._color = color
        self._file = sys.stderr if beside else sys.stdout
        self._console: Console | None = None
        if self._file.isatty():
            from rich.console import Console

            self._console = Console(
                highlight=False, markup=False, emoji=False, no_color=not color, soft_wrap=True, stderr=beside
            )

    def line(self, text: str = "", style: str | None = None, *, asked: bool = False) -> None:
        """Print one line; one that is not what was `asked` for is left out where quiet is wanted."""
        if self._quiet and not asked:
            return
        if self._console is None:
            print(text, file=self._file)
            return
        # What stands in a file of the root may not steer the terminal of who looks at it.
        shown = printable(text.expandtabs())
        self._console.print(shown, style=STYLES[style] if style is not None and self._color else None)

    def lines(self, texts: Iterable[str], *, asked: bool = False) -> None:
        """Print lines; those that begin like an error or a warning are coloured, and no quiet silences errors.

        Deeper lines below one (the place in the file, a hint) go with it.
        """
        loud, depth = False, 0
        for text in texts:
            found = _LOUD.search(text)
            indented = len(text) - len(text.lstrip(" "))
            loud, depth = (found[1] == "error", indented) if found else (loud and indented > depth, depth)
            self.line(text, found[1] if found and not indented else None, asked=asked or loud)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table. It is what was asked for, so quiet does not silence it."""
        cells = [_cells(row) for row in rows]
        if self._console is None:
            self._plain(columns, cells)
            return
        from rich.table import Table

        table = Table(box=None, pad_edge=False, header_style="bold" if self._color else "none")
        for number, column in enumerate(columns):
            # Ids are for pasting: the last column, words, gives way.
            table.add_column(column, no_wrap=number < len(columns) - 1, overflow="fold")
        for row in cells:
            table.add_row(*row)
        # Where the columns for pasting do not fit, the terminal wraps the lines: nothing is cut off.
        fixed = sum(max(map(width, column)) + 2 for column in list(zip(columns, *cells, strict=True))[:-1])
        self._console.width = max(self._console.width, fixed + _LEAST_WORDS)
        self._console.print(table, crop=False)

    @property
    def is_narrow(self) -> bool:
        """Return whether this is a terminal on which a wide table would be wrapped."""
        return self._console is not None and self._console.width < _NARROW

    def long_table(
        self, columns: Sequence[str], rows: Iterable[Sequence[str]], environ: Mapping[str, str]
    ) -> bool:
        """Print a table that may be long, on a terminal through a pager if it is; return whether there was a row.

        Only as many rows are taken as whoever reads it has seen.
        """
        rest = iter(rows)
        first = list(islice(rest, None if self._console is None else max(1, self._console.height - 3)))
        following = next(rest, None)
        if first and following is None:
            self.table(columns, first)
        elif following is not None:
            _page(map(printable, _fitted(columns, first, chain([following], rest))), environ)
        return bool(first)

    def long_lines(self, texts: Iterable[tuple[str, str | None]], environ: Mapping[str, str]) -> None:
        """Print lines with their styles that were asked for, on a terminal through a pager if they are many."""
        rest = iter(texts)
        first = list(islice(rest, None if self._console is None else max(1, self._console.height - 2)))
        following = next(rest, None)
        if following is None:
            for text, style in first:
                self.line(text, style, asked=True)
        else:
            _page((self._styled(*one) for one in chain(first, [following], rest)), environ)

    def _styled(self, text: str, style: str | None) -> str:
        shown = printable(text.expandtabs())
        if style is None or not self._color:
            return shown
        from rich.color import ColorSystem
        from rich.style import Style

        return Style.parse(STYLES[style]).render(shown, color_system=ColorSystem.STANDARD)

    def progress(self, what: str) -> Callable[[int, int], None] | None:
        """Return what shows how many of how many are done, on a terminal; None where nobody watches."""
        if self._quiet or not sys.stderr.isatty():
            return None

        def show(done: int, wanted: int) -> None:
            bar = "#" * (30 * done // wanted)
            end = "\n" if done == wanted else ""
            print(f"\r{what} [{bar:<30}] {done}/{wanted}", end=end, file=sys.stderr, flush=True)

        return show

    def _plain(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        print("\n".join(_fitted(columns, rows)))


def _fitted(
    columns: Sequence[str], rows: Sequence[Sequence[str]], more: Iterable[Sequence[str]] = ()
) -> Iterator[str]:
    """Yield the lines of a table as wide as `rows` are; where `more` need more room they take it."""
    room = [max(map(width, column)) for column in zip(columns, *rows, strict=True)][:-1]
    form = "  ".join([*(f"{{:<{most}}}" for most in room), "{}"]).format
    for row in chain([columns], rows, map(_cells, more)):
        if "".join(row[:-1]).isascii():
            yield form(*row).rstrip()
        else:
            padded = [cell + " " * (most - width(cell)) for cell, most in zip(row, room, strict=False)]
            yield "  ".join([*padded, row[-1]]).rstrip()


def _page(lines: Iterable[str], environ: Mapping[str, str]) -> None:
    """Show printable lines through the pager of the environment, as git does, or print them where there is none."""
    import shlex
    import signal
    import subprocess

    # As for git: the program's own name first, and `cat` or nothing is no pager.
    named = environ.get("CONFIGVAULT_PAGER", environ.get("PAGER", "less")).strip()
    if named in ("", "cat"):
        for line in lines:
            print(line)
        return
    argv = shlex.split(named)
    # To end what is shown is the pager's business.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        env = {"LESS": "FRX", "LESSCHARSET": "utf-8", **environ}
        pager = subprocess.Popen(argv, stdin=subprocess.PIPE, env=env, text=True, errors="surrogateescape")
    except OSError:
        signal.signal(signal.SIGINT, before)
        for line in lines:
            print(line)
        return
    assert pager.stdin is not None
    try:
        # Its reader has seen enough.
        with contextlib.suppress(BrokenPipeError), pager.stdin as pipe:
            pipe.writelines(f"{line}\n" for line in lines)
    finally:
        pager.wait()
        signal.signal(signal.SIGINT, before)

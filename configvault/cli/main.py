"""One command from its words to its exit code, and the one place where errors are printed."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from configvault.cli import parser
from configvault.cli.context import Context
from configvault.core import language
from configvault.core.errors import ConfigvaultError, InternalError
from configvault.core.exits import Exit

_OUTPUT = "standard output"


def run(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the command line `argv` (default: this process's) and return its exit code."""
    _open_standard_streams()
    _name_output()
    # Names in the root may hold bytes that are no UTF-8: print them as they are, never fail on them.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    parser.complete(os.environ)
    words = list(sys.argv[1:] if argv is None else argv)
    context = Context(environ if environ is not None else os.environ)
    # Known before the parser is asked, since it may be the parser that finds the fault.
    context.json = "--json" in words
    context.config = _named(words)
    try:
        args = _parsed(words)
        context.take(args)
        with language.spoken(language.of_environment(context.environ)):
            code: int = args.run(context, args)
        sys.stdout.flush()
        return code
    except ConfigvaultError as error:
        context.fail(error)
        return error.code
    except BrokenPipeError:
        # The reader (head, less) has seen enough; without this Python complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        context.say_error("interrupted")
        return Exit.INTERRUPTED
    except (OSError, MemoryError) as error:
        return _failed(context, error, _of_the_system(error))
    except Exception as error:
        return _failed(context, error, InternalError(error))
    finally:
        context.close()


def _parsed(words: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; help and version end the process, and are to have been written by then."""
    try:
        return parser.parse(words)
    except SystemExit:
        sys.stdout.flush()
        raise


def _open_standard_streams() -> None:
    """Put /dev/null where a caller closed a standard stream: the next file opened would get its number, and its output."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            # What reads a closed input still hears that it is closed.
            fd = os.open(os.devnull, os.O_WRONLY)
            if fd != number:
                os.dup2(fd, number)
                os.close(fd)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - lives as long as the process


def _of_the_system(error: OSError | MemoryError) -> ConfigvaultError:
    from configvault.disk import reasons

    if isinstance(error, MemoryError):
        return reasons.out_of_memory()
    if error.filename == _OUTPUT:
        # Without this Python complains once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        said = (error.strerror or str(error)).lower()
        return ConfigvaultError(
            f"cannot write to standard output: {said}",
            "write to a place with free space; see what was done with: configvault status",
        )
    return reasons.explain(error)


class _StandardOutput(io.FileIO):
    """Standard output that says so where it cannot be written; the system gives such an error no name."""

    def write(self, data: Any) -> int:
        """Write as much as there is room for."""
        try:
            return super().write(data)
        except OSError as error:
            error.filename = _OUTPUT
            raise


def _name_output() -> None:
    """Have errors of standard output bear a name, where it is the process's own."""
    if sys.stdout is not sys.__stdout__ or not isinstance(sys.stdout, io.TextIOWrapper):
        return
    raw = _StandardOutput(1, "wb", closefd=False)
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(raw), "utf-8", "surrogateescape", line_buffering=raw.isatty()
    )


def _named(words: Sequence[str]) -> str | None:
    """Return the configuration that a command line names, however wrong the rest of it is."""
    for at, word in enumerate(words):
        if word in ("-c", "--config"):
            return next(iter(words[at + 1 : at + 2]), None)
        if word.startswith("--config="):
            return word.partition("=")[2]
    return None


def _failed(context: Context, error: Exception, failure: ConfigvaultError) -> int:
    if context.verbose:
        import traceback

        print("".join(traceback.format_exception(error)), end="", file=sys.stderr)
    context.fail(failure)
    return failure.code

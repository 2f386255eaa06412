"""One command from its words to its exit code, and the one place where errors are printed."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence

from configvault.cli import parser
from configvault.cli.context import Context
from configvault.core.errors import ConfigvaultError, FaultError
from configvault.core.exits import Exit


def run(argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None) -> int:
    """Run the command line `argv` (default: this process's) and return its exit code."""
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
        args = parser.parse(words)
        context.take(args)
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
    except OSError as error:
        failure = from_os_error(error)
        return _failed(context, error, failure)
    except Exception as error:
        return _failed(context, error, FaultError(error))
    finally:
        context.close()


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


def from_os_error(error: OSError) -> ConfigvaultError:
    """Return an error of the system as the operator should read it."""
    name = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
    what = f"{name}: {error.strerror}" if name else str(error.strerror or error)
    other = "run it as a user who may, e.g. with sudo"
    if os.geteuid() == 0:
        other = "look at its mode, its attributes (lsattr) and what protects it; root itself may not"
    hints = {
        errno.ENOSPC: "make room on that file system, then try again",
        errno.EDQUOT: "raise the quota or make room, then try again",
        errno.EACCES: other,
        errno.EPERM: other,
        errno.EROFS: "remount that file system for writing",
        errno.EMFILE: "raise the limit of open files: ulimit -n",
    }
    hint = hints.get(error.errno or 0, "look at that file, then try again; --verbose shows where it happened")
    return ConfigvaultError(what[:1].lower() + what[1:] if not name else what, hint)

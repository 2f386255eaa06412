"""`python -m configvault` and the console script."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading

# A command makes few cycles and ends soon; to look for them was a twentieth of its time.
_RARELY = 100_000


def main() -> int:
    """Run the command line of this process, and end it."""
    usual = gc.get_threshold()
    if "run" not in sys.argv[1:]:
        gc.set_threshold(_RARELY, *usual[1:])
    from configvault.cli.main import run

    code = run()
    # Nobody waits for a daemon thread.
    if all(one.daemon for one in threading.enumerate() if one is not threading.main_thread()):
        _end(code)
    return code


def _end(code: int) -> None:
    """End without taking every module apart first, which takes as long as to list snapshots."""
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except Exception:
        # The usual way says what is wrong.
        return
    os._exit(code)


if __name__ == "__main__":
    sys.exit(main())

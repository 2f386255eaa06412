"""`python -m configvault` and the console script."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line of this process."""
    from configvault.cli.main import run

    return run()


if __name__ == "__main__":
    sys.exit(main())

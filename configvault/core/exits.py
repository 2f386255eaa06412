"""What a process ends with. The errors, the commands, `--help`, the manual page and the reference follow this list.

To add one: a row here, its place in the table of docs/zh/operate.md, and in the help of `cli/parser.py`.
"""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """An exit code, with two words about it for `--help` and a sentence for the manual page.

    An alias is the same code for another reason: `diff --exit-code` has not failed where it found a difference.
    """

    brief: str
    meaning: str

    def __new__(cls, code: int, brief: str, meaning: str) -> Exit:
        """Make the number a value that can explain itself."""
        made = int.__new__(cls, code)
        made._value_ = code
        made.brief = brief
        made.meaning = meaning
        return made

    DONE = 0, "done", "done, or nothing to do"
    FAILED = 1, "failed", "failed"
    DIFFERS = FAILED
    USAGE = 2, "usage error", "usage error"
    REJECTED = 3, "rejected", "rejected by validation"
    REFERENCE = 4, "no such reference", "unknown or ambiguous reference"
    BUSY = 5, "busy", "busy: another process holds the lock, or a rollback is pending"
    DEGRADED = 6, "degraded", "degraded: done, but for example a replica is behind"
    UNHEALTHY = (
        7,
        "reload or health check failed",
        "restored, but the reload or a health check failed; test: a required check failed",
    )
    UNDONE = 8, "undone", "undone automatically"
    DAMAGED = 9, "vault damaged", "the vault is damaged"
    NO_VAULT = 10, "no vault", "no vault"
    CONFIGURATION = 78, "invalid configuration", "invalid configuration"
    INTERRUPTED = 130, "interrupted", "interrupted"

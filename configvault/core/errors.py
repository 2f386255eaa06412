"""The errors that an operator gets to read.

All have one base class; `code` is an exit code of `core/exits.py`. A message says what failed, on which thing, with which
value. A hint is the command or action that helps. Neither ever holds a secret.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from configvault.core.exits import Exit

if TYPE_CHECKING:
    from configvault.core.model import Finding


class ConfigvaultError(Exception):
    """Stop the command: `error: MESSAGE`, `hint: HINT`, exit with `code`."""

    code: int = Exit.FAILED
    kind = "failed"

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Keep the one-line `message` (lower case, no full stop) and the `hint` beside it."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ConfigvaultError):
    """The command line does not say what to do."""

    code = Exit.USAGE
    kind = "usage"


class RejectedError(ConfigvaultError):
    """Validation refused the state that was to be recorded or restored."""

    code = Exit.REJECTED
    kind = "rejected"

    def __init__(self, message: str, hint: str | None = None, findings: tuple[Finding, ...] = ()) -> None:
        """Keep the `findings`, to be shown with the error."""
        super().__init__(message, hint)
        self.findings = findings


class UnknownReferenceError(ConfigvaultError):
    """A reference names no snapshot, or more than one."""

    code = Exit.REFERENCE
    kind = "reference"


class BusyError(ConfigvaultError):
    """Another process holds the lock, or a rollback waits for its confirmation."""

    code = Exit.BUSY
    kind = "busy"


class OfferError(ConfigvaultError):
    """A candidate can never become live, whatever the rules say; nothing was changed."""

    kind = "candidate"


class UntrustedError(ConfigvaultError):
    """A candidate has no valid signature of a trusted key."""

    kind = "untrusted"


class IntegrityError(ConfigvaultError):
    """The vault does not hold what it should."""

    code = Exit.DAMAGED
    kind = "integrity"


class NoVaultError(ConfigvaultError):
    """There is no vault at the configured path, or something else is there."""

    code = Exit.NO_VAULT
    kind = "no-vault"


class ConfigError(ConfigvaultError):
    """The configuration cannot be used; `faults` holds one line for each reason."""

    code = Exit.CONFIGURATION
    kind = "configuration"

    def __init__(self, message: str, hint: str | None = None, faults: tuple[str, ...] = ()) -> None:
        """Keep `faults`, each `FILE:LINE: KEY: what is wrong with which value, what is allowed`."""
        super().__init__(message, hint)
        self.faults = faults


class InternalError(ConfigvaultError):
    """A bug in configvault. The text of the exception is left out, as it may quote the content of a file."""

    kind = "unexpected"

    def __init__(self, raised: BaseException) -> None:
        """Build the message from the type of the exception and the lines of its traceback, innermost first."""
        import traceback

        frames = reversed(traceback.extract_tb(raised.__traceback__))
        came = [f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in frames] or ["nowhere"]
        super().__init__(
            f"unexpected {type(raised).__name__} at {came[0]}, this is a bug in configvault",
            f"report it together with this trace: {', '.join(came[:6])}",
        )

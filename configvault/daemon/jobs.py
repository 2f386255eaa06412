"""What can be asked of the worker."""

from __future__ import annotations

import enum
from collections.abc import Callable

from configvault.core.frozen import frozen
from configvault.core.outcome import DrillOutcome, Watching
from configvault.usecases.site import Site


class Task(enum.StrEnum):
    """What needs no more than its name; the first three are lines of the schedule."""

    BACKUP = "backup"
    VERIFY = "verify"
    DRILL = "drill"
    STOP = "stop"


@frozen
class Lost:
    """Sight of the root was lost, or may have been: attach anew, or (`poll`) do without, and look at everything."""

    what: Watching
    message: str
    poll: bool = False


@frozen
class Configured:
    """Work on with another site; `done` is called when that is so."""

    site: Site
    done: Callable[[], None]


@frozen
class DrillEnded:
    """A drill, which runs in a thread of its own, has ended."""

    outcome: DrillOutcome


Job = Task | Lost | Configured | DrillEnded

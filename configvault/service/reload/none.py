"""No reload: the service reads its directory by itself, or nobody needs to be told."""

from __future__ import annotations

from configvault.core.model import ReloadReport
from configvault.service.reload.context import ReloadContext


class Nothing:
    """A reloader that has nothing to do, and therefore nothing that can fail."""

    def reload(self, context: ReloadContext) -> ReloadReport:  # noqa: ARG002 - the protocol's
        """Return success after no attempt."""
        return ReloadReport("none", True, 0, None, None, 0.0)

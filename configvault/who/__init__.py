"""Who gives a command, who changed a file, what this machine is called: each with how it is known.

Never a guess that looks like knowledge.
"""

from __future__ import annotations

from configvault.who.people import caller, machine

__all__ = ["caller", "machine"]

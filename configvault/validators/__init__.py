"""Judge a captured state: would the service take it, and lose nothing?"""

from __future__ import annotations

from configvault.validators.judge import Judge
from configvault.validators.rules import RULES, Rule

__all__ = ["RULES", "Judge", "Rule"]

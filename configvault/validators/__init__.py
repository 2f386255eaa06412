"""Validate a captured state: would the service take it, and lose nothing?"""

from __future__ import annotations

from configvault.validators.rules import RULES, Rule
from configvault.validators.validator import Validator

__all__ = ["RULES", "Rule", "Validator"]

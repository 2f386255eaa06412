"""Libraries that only one rule needs, and that are installed where somebody wants that rule."""

from __future__ import annotations

import importlib.util
import os
import shlex
import site
import sys
from collections.abc import Iterator, Mapping

import configvault
from configvault.core.settings import ValidateSettings

# Rule: the package to install and the module it brings. Each is an extra of pyproject.toml by the rule's name.
NEEDS = {"openapi-spec": ("openapi-spec-validator", "openapi_spec_validator")}


def missing(rule: str) -> str | None:
    """Return the command that installs the library of `rule`, None where it is there or none is needed."""
    if rule not in NEEDS:
        return None
    package, module = NEEDS[rule]
    if importlib.util.find_spec(module) is not None:
        return None
    return f"{shlex.quote(sys.executable)} -m pip install {_target()}{package}"


def lacking(settings: ValidateSettings) -> Mapping[str, str]:
    """Return the rules that the configuration asks for and whose library is not installed, each with the command."""
    commands = {rule: missing(rule) for rule in NEEDS if is_asked_for(settings, rule)}
    return {rule: command for rule, command in commands.items() if command is not None}


def is_asked_for(settings: ValidateSettings, rule: str) -> bool:
    """Return whether the configuration names `rule` as an error or a warning, for whatever files."""
    return any(word != "off" for word in _configured(settings, rule))


def is_off(settings: ValidateSettings, rule: str) -> bool:
    """Return whether the configuration turns `rule` off for all files."""
    return settings.rules.get(rule) == "off" and not is_asked_for(settings, rule)


def _configured(settings: ValidateSettings, rule: str) -> Iterator[str]:
    for rules in (settings.rules, *(item.rules for item in settings.rules_by_path)):
        if rule in rules:
            yield rules[rule]


def _target() -> str:
    """Return where to, for pip: beside this package where its Python does not look for packages by itself (Debian's)."""
    home = os.path.dirname(os.path.dirname(os.path.abspath(configvault.__file__)))
    alone = sys.prefix == sys.base_prefix and home not in site.getsitepackages()
    return f"--target {shlex.quote(home)} " if alone else ""

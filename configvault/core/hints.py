"""Make hints work as they stand, for whoever pastes them: the one place that knows how.

In the code a hint names commands as for one root under the default configuration: `configvault list`, `systemctl restart
configvault`. Whoever prints one passes it through `in_place`, which names the configuration and the unit at hand.
"""

from __future__ import annotations

import os
import re
import shlex

DEFAULT_CONFIG = "/etc/configvault/config.yaml"
_INSTANCE = r"/etc/configvault/([A-Za-z0-9][A-Za-z0-9:_.-]*)\.yaml"
# Not a path that ends so, and not the name of a service.
_PROGRAM = r"(?<![/@\w.-])configvault(?= [a-z])"
_SERVICE = r"((?:systemctl(?: [a-z-]+)+|journalctl -u|journalctl --unit) )configvault(?![@\w./-])"


def unit_name(config_path: str) -> str:
    """Return the service that protects the root of a configuration, without `.service`."""
    found = re.fullmatch(_INSTANCE, os.path.abspath(config_path))
    return f"configvault@{found[1]}" if found and found[1] != "config" else "configvault"


def in_place(text: str, config_path: str | None) -> str:
    """Return `text` with its commands made whole for the configuration at `config_path` (None: the default one)."""
    if config_path is None:
        return text
    named = f"configvault -c {shlex.quote(os.path.abspath(config_path))}"
    # First the services: in what they become, no program is left to be found.
    parts = re.split(_SERVICE, text)
    whole = re.sub(_PROGRAM, lambda _: named, parts[0])
    for verb, rest in zip(parts[1::2], parts[2::2], strict=True):
        whole += f"{verb}{unit_name(config_path)}" + re.sub(_PROGRAM, lambda _: named, rest)
    return whole

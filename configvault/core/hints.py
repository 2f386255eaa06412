"""Make the commands in hints work when they are pasted.

In the code, hints name commands for the default configuration: `configvault list`, `systemctl restart configvault`. Code
that prints a hint passes it through `in_place`, which puts in the configuration and the systemd unit in use.
"""

from __future__ import annotations

import os
import re
import shlex

DEFAULT_CONFIG = "/etc/configvault/config.yaml"
_INSTANCE = r"/etc/configvault/([A-Za-z0-9][A-Za-z0-9:_.-]*)\.yaml"
# The command, but not a path that ends in `configvault`, or the name of a service.
_PROGRAM = r"(?<![/@\w.-])configvault(?= [a-z])"
_SERVICE = r"((?:systemctl(?: [a-z-]+)+|journalctl -u|journalctl --unit) )configvault(?![@\w./-])"


def unit_name(config_path: str) -> str:
    """Return the name, without `.service`, of the systemd unit for a configuration."""
    found = re.fullmatch(_INSTANCE, os.path.abspath(config_path))
    return f"configvault@{found[1]}" if found and found[1] != "config" else "configvault"


def in_place(text: str, config_path: str | None) -> str:
    """Return `text` with its commands completed for the configuration at `config_path`; None for the default one."""
    if config_path is None:
        return text
    named = f"configvault -c {shlex.quote(os.path.abspath(config_path))}"
    # Services first, in separate parts, so that their names are not taken for the command.
    parts = re.split(_SERVICE, text)
    whole = re.sub(_PROGRAM, lambda _: named, parts[0])
    for verb, rest in zip(parts[1::2], parts[2::2], strict=True):
        whole += f"{verb}{unit_name(config_path)}" + re.sub(_PROGRAM, lambda _: named, rest)
    return whole

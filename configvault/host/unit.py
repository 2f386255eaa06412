"""The systemd unit and its drop-in for one configuration, as text; nothing is changed here."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from importlib import resources

from configvault.core import hints
from configvault.core.errors import ConfigvaultError, UsageError
from configvault.core.frozen import frozen
from configvault.core.settings import Settings
from configvault.host import places
from configvault.host.places import Places

SYSTEM = "/etc/systemd/system"
# Where distributions' packages put units.
PACKAGED = ("/lib/systemd/system", "/usr/lib/systemd/system")
CONFIGURATIONS = "/etc/configvault"
DROP_IN = "50-configvault.conf"
_PROGRAM = "/opt/configvault/bin/configvault"
_NAME = r"[A-Za-z0-9][A-Za-z0-9:_.-]*"


@frozen
class File:
    """A file of the unit: where it belongs and what it says."""

    path: str
    text: str


@frozen
class Unit:
    """A service with its files; `packaged` is the unit file that a package has installed, None if it is ours.

    `places` are the folders that it is granted: without one of them systemd does not start it.
    """

    name: str
    files: tuple[File, ...]
    packaged: str | None = None
    places: tuple[str, ...] = ()


def name_of(asked: str | None, config_path: str) -> str:
    """Return the name of the service: for `asked` (`web` or `@web`), or as the configuration file suggests.

    Raises:
        UsageError: the name cannot be one of a unit.
    """
    if asked is None:
        return f"{hints.unit_name(config_path)}.service"
    instance = asked.removeprefix("configvault@").removesuffix(".service").removeprefix("@")
    if not re.fullmatch(_NAME, instance):
        raise UsageError(f"{asked!r} is not a valid name of a service", "configvault unit install @web")
    return f"configvault@{instance}.service"


def config_of(asked: str) -> str:
    """Return the configuration file of the service for `asked`."""
    instance = name_of(asked, "").removeprefix("configvault@").removesuffix(".service")
    return f"{CONFIGURATIONS}/{instance}.yaml"


def unit(
    settings: Settings, config_path: str, text: str, name: str, program: str, *, witness: bool = False
) -> Unit:
    """Return the service `name` for a configuration.

    Args:
        settings: what the configuration says.
        config_path: where it is.
        text: the file, for the credentials that it refers to.
        name: the service's name.
        program: what is run.
        witness: also let the daemon see which process writes.

    Raises:
        ConfigvaultError: something that the configuration names is missing.
    """
    file = "configvault@.service" if "@" in name else "configvault.service"
    needs = places.work_out(settings, config_path, text)
    packaged = next((path for path in _packaged(file) if f"ExecStart={program} " in _read(path)), None)
    drop_in = File(
        f"{SYSTEM}/{name}.d/{DROP_IN}", _drop_in(settings, config_path, name, needs, witness=witness)
    )
    granted = (*needs.writable, *needs.bound, *needs.readable)
    if packaged is not None:
        return Unit(name, (drop_in,), packaged, granted)
    own = File(f"{SYSTEM}/{file}", template(file).replace(_PROGRAM, program))
    return Unit(name, (own, drop_in), None, granted)


def paths(name: str) -> Unit:
    """Return the service `name` with its files, whatever they say."""
    file = "configvault@.service" if "@" in name else "configvault.service"
    return Unit(name, (File(f"{SYSTEM}/{file}", ""), File(f"{SYSTEM}/{name}.d/{DROP_IN}", "")))


def template(file: str) -> str:
    """Return a unit file as it is shipped."""
    return resources.files("configvault.host").joinpath("units", file).read_text(encoding="utf-8")


def _packaged(file: str) -> Iterator[str]:
    yield from (path for folder in PACKAGED if os.path.isfile(path := f"{folder}/{file}"))


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return ""


def _drop_in(settings: Settings, config_path: str, name: str, needs: Places, *, witness: bool) -> str:
    sections = "\n".join(f"RequiresMountsFor={_path(path)}" for path in (settings.root, settings.vault))
    lines = list(_service(settings, config_path, name, needs))
    if witness:
        lines += ["", *(line for line in template("witness.conf").splitlines() if line != "[Service]")]
    return (
        f"# Worked out from {config_path} by `configvault unit install`: run that again when it has changed, and\n"
        "# put changes of your own into another file beside this one.\n"
        f"[Unit]\n{sections}\n\n[Service]\n" + "\n".join(lines) + "\n"
    )


def _service(settings: Settings, config_path: str, name: str, needs: Places) -> Iterator[str]:
    yield f"Environment={_word(f'CONFIGVAULT_CONFIG={os.path.abspath(config_path)}')}"
    yield ""
    if needs.whole:
        yield f"# The parent folder of the root {settings.root}, so that the root can be replaced as a whole."
    else:
        yield "# The root itself, since the folder around it is not for this alone. Where somebody replaces the root as a"
        yield f"# whole, the daemon does not see the new one until: systemctl restart {name.removesuffix('.service')}"
    yield "ReadWritePaths="
    yield from (f"ReadWritePaths={_path(path)}" for path in needs.writable)
    if needs.bound or needs.readable:
        yield ""
        yield "# Home folders and /tmp stay hidden, except for these."
        yield "ProtectHome=tmpfs"
        yield from (f"BindPaths={_bound(path)}" for path in needs.bound)
        yield from (f"BindReadOnlyPaths={_bound(path)}" for path in needs.readable)
    if needs.state is not None:
        yield ""
        yield "# The vault."
        yield "StateDirectory="
        yield f"StateDirectory={_path(needs.state)}"
        # An empty line above resets the mode, too.
        yield "StateDirectoryMode=0700"
    if settings.http.listen.startswith("unix:/run/"):
        yield ""
        yield "# The socket of the pages."
        yield "RuntimeDirectory="
        yield f"RuntimeDirectory={_path(settings.http.listen.removeprefix('unix:/run/').rpartition('/')[0])}"
    if needs.credentials:
        yield ""
        yield from (f"LoadCredential={_word(f'{one}:{CONFIGURATIONS}/{one}')}" for one in needs.credentials)
    if needs.hosts:
        yield ""
        yield f"# The configuration names {', '.join(needs.hosts)}."
        # A name is looked up, by a server that is elsewhere, too, and may be another address tomorrow.
        named = all(places.is_address(host) and host not in ("0.0.0.0", "::") for host in needs.hosts)  # noqa: S104
        yield from (f"IPAddressAllow={host}" for host in (needs.hosts if named else ("any",)))


def _path(path: str) -> str:
    """Return a path as a list of paths takes it.

    Raises:
        ConfigvaultError: it holds what no unit file can say.
    """
    if not path.isprintable():
        raise ConfigvaultError(f"a unit file cannot contain the path {path!r}", "rename the directory")
    return _word(path)


def _bound(path: str) -> str:
    # A colon would divide it from the place where it is to be seen.
    return _path(path).replace(":", "\\\\:" if '"' in _path(path) else "\\:")


def _word(text: str) -> str:
    escaped = text.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if re.search(r"[\s\"';\\]", text) else escaped

"""The configuration file: read, check and print it; write the first one.

Everything that is wrong is reported at once, as `FILE:LINE: KEY: what is wrong, what is allowed`. No fault
holds a value that came from a `${…}` reference, a header or a URL's user part.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from configvault.config import agree, source
from configvault.config.bind import Binder
from configvault.config.source import DEFAULT_PATH
from configvault.core.settings import Settings

if TYPE_CHECKING:
    from configvault.config.postman import Imported

__all__ = [
    "DEFAULT_PATH", "as_document", "dump", "dump_checks", "example", "import_postman", "initial_settings", "load",
    "neighbours", "parse", "text", "write_initial",
]  # fmt: skip


def load(
    path: str | Path,
    environ: Mapping[str, str],
    *,
    rules: Collection[str] | None = None,
    reload_kinds: Mapping[str, Sequence[str]] | None = None,
) -> Settings:
    """Read the configuration at `path`.

    Args:
        path: the file.
        environ: where `${VAR}` is looked up.
        rules: the names `validate.rules` may use; None leaves them unchecked.
        reload_kinds: what `reload.kind` may be, each with the keys of `reload` that it requires; None as for `rules`.

    Raises:
        ConfigError: the file cannot be used; `faults` says everything that is wrong with it.
    """
    file = Path(path)
    return parse(source.read(file), file, environ, rules=rules, reload_kinds=reload_kinds)


def text(path: str | Path) -> str:
    """Return what stands in the configuration file at `path`; raises ConfigError like `load`."""
    return source.read(Path(path))


def parse(
    text: str,
    path: str | Path,
    environ: Mapping[str, str],
    *,
    rules: Collection[str] | None = None,
    reload_kinds: Mapping[str, Sequence[str]] | None = None,
) -> Settings:
    """Return the settings in `text`, which faults name as `path`; otherwise like `load`."""
    file = Path(path)
    choices = {} if reload_kinds is None else {"reload.kind": reload_kinds}
    binder = Binder(file, environ, choices)
    settings = binder.section(Settings, source.parse(file, text), "")
    agree.check(settings, binder.contradiction, rules, reload_kinds)
    if binder.faults:
        raise source.unusable(file, binder.faults)
    return settings


def dump(settings: Settings) -> str:
    """Return the settings as YAML without secrets, durations and sizes with units."""
    from configvault.config import show

    return show.dump(settings)


def as_document(settings: Settings) -> dict[str, Any]:
    """Return the settings as JSON values without secrets, durations in seconds and sizes in bytes."""
    from configvault.config import show

    return show.as_document(settings)


def initial_settings(path: str | Path, root: str, vault: str, lines: Sequence[str] = ()) -> Settings:
    """Return the settings that `write_initial` would write; raises ConfigError like it."""
    from configvault.config import initial

    return parse(initial.text(root, vault, lines), path, {})


def write_initial(path: str | Path, root: str, vault: str, lines: Sequence[str] = ()) -> bool:
    """Write a configuration of `root` and `vault` at `path`, mode 0600, unless there is one.

    Args:
        path: the file.
        root: the directory to protect.
        vault: where its history is kept.
        lines: what else it says; by default, comments that say what there is.

    Returns:
        Whether it was written.

    Raises:
        ConfigError: root and vault cannot be used, as `load` would say of the file.
        ConfigvaultError: the file cannot be written.
    """
    from configvault.config import initial

    initial_settings(path, root, vault, lines)
    return initial.publish(Path(path), initial.text(root, vault, lines))


def example() -> str:
    """Return the example configuration: every option with its default."""
    from importlib import resources

    return resources.files("configvault.config").joinpath("example.yaml").read_text(encoding="utf-8")


def neighbours(path: str | Path) -> list[Path]:
    """Return the other configurations in the folder of the one at `path`."""
    file = Path(path).absolute()
    return sorted(one for one in file.parent.glob("*.yaml") if one != file)


def import_postman(text: str) -> Imported:
    """Return a Postman collection as health checks; raises ValueError where it is none."""
    from configvault.config import postman

    return postman.convert(text)


def dump_checks(checks: Sequence[Mapping[str, Any]]) -> str:
    """Return health checks as YAML, to be put into a configuration."""
    import yaml

    return yaml.safe_dump({"health": list(checks)}, sort_keys=False, allow_unicode=True, width=112)

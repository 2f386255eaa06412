"""The configuration file: read, check and print it; write the first one.

Everything that is wrong is reported at once, as `FILE:LINE: KEY: what is wrong, what is allowed`. No fault
holds a value that came from a `${…}` reference, a header or a URL's user part.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from configvault.config import source
from configvault.config.source import DEFAULT_PATH
from configvault.core.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from configvault.config.postman import Imported

__all__ = [
    "DEFAULT_PATH", "as_document", "decode", "dump", "dump_checks", "encode", "example", "import_postman", "initial_settings", "json_schema", "load", "named_vault",
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
    return parse(source.read(path), path, environ, rules=rules, reload_kinds=reload_kinds)


def text(path: str | Path) -> str:
    """Return what stands in the configuration file at `path`; raises ConfigError like `load`."""
    return source.read(path)


def parse(
    text: str,
    path: str | Path,
    environ: Mapping[str, str],
    *,
    rules: Collection[str] | None = None,
    reload_kinds: Mapping[str, Sequence[str]] | None = None,
) -> Settings:
    """Return the settings in `text`, which faults name as `path`; otherwise like `load`."""
    from configvault.config import agree
    from configvault.config.bind import Binder

    choices = {} if reload_kinds is None else {"reload.kind": reload_kinds}
    binder = Binder(path, environ, choices)
    settings = binder.section(Settings, source.parse(path, text), "")
    agree.check(settings, binder.contradiction, rules, reload_kinds)
    if binder.faults:
        raise source.unusable(path, binder.faults)
    return settings


def named_vault(text: str) -> str | None:
    """Return the vault that `text` names, where that can be seen without reading YAML."""
    from configvault.config import kept

    return kept.vault(text)


def encode(text: str, settings: Settings) -> bytes | None:
    """Return what keeps `settings`, as `text` says them, for `decode`; None where they are not to be kept."""
    from configvault.config import kept

    return kept.encode(text, settings)


def decode(text: str, body: bytes) -> Settings | None:
    """Return the settings that `encode` kept of the same text, None where there is any doubt."""
    from configvault.config import kept, places

    settings = kept.decode(text, body)
    doubts: list[str] = []
    if settings is not None:
        places.check(settings, lambda key, _: doubts.append(key))
    return None if doubts else settings


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
    from pathlib import Path

    from configvault.config import initial

    initial_settings(path, root, vault, lines)
    return initial.publish(Path(path), initial.text(root, vault, lines))


def example() -> str:
    """Return the example configuration: every option with its default."""
    from importlib import resources

    return resources.files("configvault.config").joinpath("example.yaml").read_text(encoding="utf-8")


def json_schema(choices: Mapping[str, Collection[str]]) -> dict[str, Any]:
    """Return the JSON Schema of the configuration; `choices` as for the Binder."""
    from configvault.config import schema

    return schema.document(choices)


def neighbours(path: str | Path) -> list[Path]:
    """Return the other configurations in the folder of the one at `path`."""
    from pathlib import Path

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

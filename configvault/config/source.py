"""Read the configuration file as YAML nodes, which know their lines.

Nothing is constructed from YAML: the binder takes the text of each scalar, so `off`, `1.10` and `2024-01-01`
mean what the key they stand under says, not what YAML 1.1 makes of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from configvault.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    import yaml

LARGEST_BYTES = 1024 * 1024
DEEPEST = 20
DEFAULT_PATH = "/etc/configvault/config.yaml"


def read(path: str | Path) -> str:
    """Return the text of the configuration file.

    Raises:
        ConfigError: there is none, or it cannot be read, or it is no UTF-8 text.
    """
    try:
        with open(path, "rb") as file:
            body = file.read(LARGEST_BYTES + 1)
    except FileNotFoundError as error:
        raise ConfigError(f"no configuration at {path}", "configvault init --root DIR") from error
    except IsADirectoryError as error:
        hint = "name the file inside it with --config"
        raise ConfigError(f"configuration {path} is a directory", hint) from error
    except PermissionError as error:
        hint = "run as the user that owns it, for example with sudo"
        raise ConfigError(f"no permission to read configuration {path}", hint) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the path holds a NUL byte"
        raise ConfigError(
            f"cannot read configuration {path}: {reason}", "name another with --config"
        ) from error
    if len(body) > LARGEST_BYTES:
        raise ConfigError(f"configuration {path} is larger than 1 MiB", "is it the right file?")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        _refuse(path, line, f"byte 0x{body[error.start]:02x} is not UTF-8, save the file as UTF-8", error)


def parse(path: str | Path, text: str) -> yaml.MappingNode:
    """Return the top mapping of `text`, which was read from `path`.

    Raises:
        ConfigError: it is no YAML, or empty, or no mapping.
    """
    # Loaded where a file is read: commands that know it from before have no need of it.
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_depth(path, text, loader)
        node = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark: Any = error.problem_mark or error.context_mark
        reason = error.problem or error.context
        _refuse(path, mark.line + 1 if mark else 1, f"not YAML: {reason}", error)
    except yaml.YAMLError as error:
        # A ReaderError's text quotes the character with its position, nothing around it.
        _refuse(path, 1, f"not YAML: {str(error).splitlines()[0]}", error)
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"):
        _refuse(path, 1, "the file is empty, root and vault are required")
    if not isinstance(node, yaml.MappingNode):
        _refuse(
            path,
            node.start_mark.line + 1 if node.start_mark else 1,
            "the top of the file must be `key: value` lines",
        )
    return node


def _refuse_depth(path: str | Path, text: str, loader: Any) -> None:
    """Refuse what would overflow the C stack in `compose`; events are made without recursion."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                mark: Any = event.start_mark
                _refuse(path, mark.line + 1, f"nested deeper than {DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _refuse(path: str | Path, line: int, reason: str, cause: Exception | None = None) -> NoReturn:
    raise unusable(path, (f"{path}:{line}: {reason}",)) from cause


def unusable(path: str | Path, faults: tuple[str, ...]) -> ConfigError:
    """Return the error that carries `faults`; with a single one it is the message itself."""
    if len(faults) == 1:
        return ConfigError(faults[0], "correct the line, then: configvault config validate", faults)
    message = f"configuration {path} has {len(faults)} errors"
    return ConfigError(message, "correct the lines, then: configvault config validate", faults)

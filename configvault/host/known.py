"""Recognise a directory by what is in it, and propose how it is validated, reloaded and asked after.

A proposal is the middle of a first configuration, with a comment on every line that is a guess.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from shutil import which

from configvault.core.errors import UsageError
from configvault.core.frozen import frozen
from configvault.core.settings import IGNORED_BY_DEFAULT

DEFAULT_ROOT = "/app/conf/plugin"
_PLUGINS = "backend/conf/plugin"
_META = "pluginproduct/plugin_meta.yaml"
_COMPOSE = ("docker-compose.yml", "docker-compose-oceanbase.yml", "docker-compose-debug.yml")
_HOMES = ("/srv", "/opt", "/root", "/home/*")
_NAMES = ("coze-studio", "coze")


@frozen
class Proposal:
    """A root, what it is, the lines of a configuration for it, and what of them is a guess."""

    root: str
    what: str
    lines: tuple[str, ...] = ()
    guesses: tuple[str, ...] = ()


def propose(asked: str | None, here: str) -> Proposal:
    """Return what to protect: the root in or at `asked`, else what is in the directory `here` or around it, or known.

    Raises:
        UsageError: nothing is asked for, and there is nothing or more than one to choose.
    """
    if asked is not None:
        path = os.path.abspath(asked)
        checkout = next((one for one in _upward(path) if _is_checkout(one)), None)
        if checkout is not None and path in (checkout, _plugins(checkout)):
            return _coze(checkout)
        return _recognised(path)
    checkout = next((one for one in _upward(here) if _is_checkout(one)), None)
    if checkout is not None:
        return _coze(checkout)
    found = list(_known_checkouts())
    if len(found) > 1:
        raise UsageError(
            f"there is more than one Coze Studio checkout: {', '.join(found)}",
            f"configvault init --root {found[0]}",
        )
    if found:
        return _coze(found[0])
    if os.path.isdir(DEFAULT_ROOT):
        return _recognised(DEFAULT_ROOT)
    raise UsageError("which directory should be protected?", "configvault init --root DIR")


def _upward(path: str) -> Iterator[str]:
    while True:
        yield path
        if path == os.path.dirname(path):
            return
        path = os.path.dirname(path)


def _plugins(checkout: str) -> str:
    return os.path.join(checkout, _PLUGINS)


def _is_checkout(path: str) -> bool:
    """Return whether `path` is a checkout of Coze Studio: its plugins, and a compose file that starts its server."""
    return os.path.isfile(os.path.join(_plugins(path), _META)) and _compose_file(path) is not None


def _compose_file(checkout: str) -> str | None:
    for name in _COMPOSE:
        path = os.path.join(checkout, "docker", name)
        if re.search(r"(?m)^  coze-server:\s*$", _text(path)):
            return path
    return None


def _known_checkouts() -> Iterator[str]:
    """Yield the checkouts where people put them."""
    from glob import glob

    folders = sorted({folder for pattern in _HOMES for folder in glob(pattern)})
    yield from (
        path for folder in folders for name in _NAMES if _is_checkout(path := os.path.join(folder, name))
    )


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(1_000_000)
    except OSError:
        return ""


# --- Coze Studio


def _coze(checkout: str) -> Proposal:
    compose = _compose_file(checkout)
    assert compose is not None
    address, said = _page(checkout)
    docker = ["docker", "compose", "-f", compose]
    lines = [
        "# Coze Studio's server reads its plugins only when it starts, so it is restarted.",
        "reload:",
        "  kind: command",
        f"  command: {_list([*docker, 'restart', 'coze-server'])}",
        "",
        "# A snapshot is good when the server answers again, and has been up for ten seconds without a panic.",
        "health:",
        "  - name: coze-server answers",
        f"    url: http://{address}/admin/",
        "    within: 2m",
        "  - name: coze-server stays up",
        "    command:",
        "      - sh",
        "      - -c",
        "      - |",
        *(
            f"        {line}".rstrip()
            for line in _STAYS_UP.format(docker=" ".join(map(_quoted, docker))).splitlines()
        ),
        "    within: 2m",
        "    timeout: 20s",
    ]
    guesses = [] if said else [f"that its page is at {address}, because docker/.env does not set it"]
    return Proposal(
        _plugins(checkout), f"the plugins of the Coze Studio checkout {checkout}", tuple(lines), tuple(guesses)
    )


# As ${{ in a configuration is a reference, none is used. The server is started again and again after a panic (restart:
# always); a count above zero says so, for a restart by hand begins at zero.
_STAYS_UP = """\
id=$({docker} ps --all --quiet coze-server) && test -n "$id" || {{ echo "there is no container coze-server"; exit 1; }}
set -- $(docker inspect --format '{{{{.State.Status}}}} {{{{.RestartCount}}}} {{{{.State.StartedAt}}}}' "$id")
docker logs --since "$3" "$id" 2>&1 | grep -m 3 '^panic:' && exit 1
test "$1" = running && test "$2" = 0 ||
  {{ echo "$1, started again $2 times"; docker logs --tail 200 "$id" 2>&1 | grep -m 1 '^panic:'; exit 1; }}
test $(( $(date +%s) - $(date -d "$3" +%s) )) -ge 10 || {{ echo "up for less than ten seconds"; exit 1; }}
"""


def _page(checkout: str) -> tuple[str, bool]:
    """Return where the page is published, and whether that is said anywhere."""
    found = re.search(
        r"""(?m)^(?:export\s+)?WEB_LISTEN_ADDR=["']?([^"'\s#]+)""",
        _text(os.path.join(checkout, "docker", ".env")),
    )
    if found is None:
        return "localhost:8888", False
    host, _, port = found[1].rpartition(":")
    return f"{'localhost' if host in ('', '0.0.0.0', '[::]') else host}:{port}", True  # noqa: S104


def _quoted(word: str) -> str:
    import shlex

    return shlex.quote(word)


def _list(words: list[str]) -> str:
    """Return words as a list of YAML that no character of them can leave."""
    import json

    return json.dumps([word.replace("${", "$${") for word in words], ensure_ascii=False)


# --- other programs


def _recognised(root: str) -> Proposal:
    if os.path.isfile(os.path.join(root, _META)) or root == DEFAULT_ROOT or not os.path.isdir(root):
        return Proposal(root, "a plugin directory of Coze Studio", (), _FORK)
    for is_there, make in _OTHERS:
        if is_there(root):
            return make(root)
    lines = (*_GENERIC, *_NO_RELOAD)
    return Proposal(root, "a directory of configuration files", lines, ("that nothing has to be reloaded",))


_FORK = ("that the service loads its plugins on POST http://localhost:8080/admin/reload-plugins",)
_GENERIC = (
    "# generic: YAML, JSON and TOML files must parse, and most of the files must not disappear at once.",
    "validate:",
    "  profile: generic",
)
_NO_RELOAD = (
    "",
    "# The service is not told that files were restored. Set the command that makes it load them.",
    "reload:",
    "  kind: none",
    "  #kind: command",
    "  #command: [systemctl, reload, NAME]",
)


def _command(argv: str) -> tuple[str, ...]:
    return ("", "reload:", "  kind: command", f"  command: [{argv}]")


def _nginx(root: str) -> Proposal:
    checks = ("  #commands:", '  #  - argv: [nginx, -t, -p, "{dir}", -c, "{dir}/nginx.conf"]')
    lines = (*_GENERIC, *checks, *_command("systemctl, reload, nginx"))
    return Proposal(root, "the configuration of nginx", lines, ("that systemd runs nginx",))


def _prometheus(root: str) -> Proposal:
    # A program that is not installed would refuse every state.
    off = "" if which("promtool") else "#"
    argv = '[promtool, check, config, --syntax-only, "{dir}/prometheus.yml"]'
    checks = (f"  {off}commands:", f"  {off}  - argv: {argv}")
    lines = (*_GENERIC, *checks, *_command("systemctl, reload, prometheus"))
    return Proposal(root, "the configuration of Prometheus", lines, ("that systemd runs Prometheus",))


def _home_assistant(root: str) -> Proposal:
    ignored = (
        *IGNORED_BY_DEFAULT,
        "*.db",
        "*.db-shm",
        "*.db-wal",
        "*.log",
        "*.log.*",
        ".storage",
        "deps",
        "tts",
    )
    lines = (
        *_GENERIC,
        "",
        "# What Home Assistant writes by itself.",
        "watch:",
        f"  ignore: {_list(list(ignored))}",
        *_NO_RELOAD,
    )
    return Proposal(root, "the configuration of Home Assistant", lines, ("that nothing has to be reloaded",))


def _has(*names: str) -> Callable[[str], bool]:
    return lambda root: all(os.path.exists(os.path.join(root, name)) for name in names)


_OTHERS: tuple[tuple[Callable[[str], bool], Callable[[str], Proposal]], ...] = (
    (_has("nginx.conf"), _nginx),
    (_has("prometheus.yml"), _prometheus),
    (_has("configuration.yaml", ".HA_VERSION"), _home_assistant),
)

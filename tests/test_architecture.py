"""The picture of ARCHITECTURE.md, held: who imports whom, who owns which library, who writes to disk.

A new package or a new writer is one line here, on purpose: the line is where it gets discussed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from configvault.vault import statefiles

PACKAGE = Path(__file__).parent.parent / "configvault"

# What each room may import of ours; each may import itself. Rooms on one level never import each other.
LAYERS: dict[str, set[str]] = {
    "": set(),  # configvault/__init__.py: the version
    "core": set(),
    "disk": {"core"},
    "calls": {"core"},
    "config": {"core", "disk"},
    "who": {"core"},
    # A folder may be a store, and what is in it is to last.
    "replica": {"core", "disk"},
    "candidate": {"core"},
    "web": {"core"},
    # The root and the vault are what this program is: use cases call them directly.
    "root": {"core", "disk"},
    "vault": {"core", "disk"},
    "validators": {"core", "disk", "calls"},
    "coze": {"core", "calls", "validators"},
    "service": {"core", "calls"},
    # What the unit grants depends on the kind of reload.
    "host": {"core", "disk", "calls", "service"},
    "observers": {"core", "calls"},
    # What comes in several kinds (validators, service, observers, replica) is a protocol on the site.
    "usecases": {"core", "disk", "root", "vault", "candidate"},
    "app": {
        *("core", "disk", "calls", "config", "who", "replica"),
        *("root", "vault", "validators", "coze", "service", "observers", "usecases"),
    },
    "daemon": {"core", "disk", "usecases", "app", "root", "vault", "service", "observers", "web", "who"},
    "cli": {"core", "disk", "usecases", "app", "daemon", "config", "observers", "host"},
    "__main__": {"cli"},
}

# One module (or room) knows each of these libraries; to replace one is to rewrite that.
OWNERS = {
    "git": "vault/commits.py",
    "watchdog": "daemon/watch",
    "apscheduler": "daemon/schedule",
    "structlog": "observers/log.py",
    "prometheus_client": "observers/metrics.py",
    "waitress": "web/server.py",
    "re2": "coze/openapi/patterns.py",
    "openapi_spec_validator": "coze/openapi/specchild.py",
    "urllib3": "calls",
    "obstore": "replica/store/cloud.py",
    "pyrage": "replica/store/seal.py",
    "rich": "cli/output.py",
    "argcomplete": "cli",
}

# Everybody who changes anything on a disk, and where. Only root/ writes into the root.
WRITERS = {
    "root/restore.py": "the root",
    "root/staging.py": "the private folder in the root",
    "root/xattrs.py": "access lists and extended attributes of what restore.py makes",
    "root/examine.py": "owners and modes of folders that were moved into that one",
    "root/entries.py": "the root for restore.py and leftovers.py; a new place for an export",
    "root/trial.py": "the root: a folder that is gone again at once",
    "host/systemctl.py": "a unit and its drop-in",
    "disk": "what others name: files that survive a power cut, locks",
    "config/initial.py": "a first config file",
    "cli/manual.py": "manual pages, at build time",
    "vault": "the vault",
    "usecases/drill.py": "a scratch folder in the vault",
    "usecases/edit.py": "copies in a private folder of the caller's",
    "cli/commands/edit.py": "that folder",
    "replica/offered.py": "a temporary repository of its own",
    "replica/store/files.py": "a folder that is a replica",
    "replica/store/cloud.py": "what it fetches, where the caller says",
    "replica/store/seal.py": "what it encrypts or decrypts, beside it",
    "replica/store/bundles.py": "a repository of its own in the folder incoming of the vault",
    "replica/store/store.py": "that folder, and a temporary one",
    "web/server.py": "its own unix socket, when it closes",
    "cli/commands/demo.py": "a temporary folder of its own",
    "cli/commands/test.py": "the JUnit file that it is asked for",
    "cli/main.py": "nothing: /dev/null in place of a pipe that nobody reads any more",
    "validators/commands.py": "a private temporary folder, for validate.commands to look at",
    "daemon/watch/probe.py": "nothing: a file without a name in the root, to see whether events arrive",
}

_OS_NAMES = """
    rename renames replace unlink remove removedirs rmdir mkdir makedirs chmod fchmod lchmod chown fchown lchown
    link symlink truncate ftruncate mkfifo mknod utime setxattr removexattr
"""
_OS_CHANGES = frozenset(_OS_NAMES.split())
_PATH_CHANGES = {"write_text", "write_bytes", "touch", "symlink_to", "hardlink_to"}
_OPEN_CHANGES = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_TMPFILE"}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Yield each module's path under the package, and its syntax tree."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_bytes())


def room(name: str) -> str:
    """Return which row of LAYERS a module (`core/model.py`, `app.py`) belongs to."""
    first = name.split("/", maxsplit=1)[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imports(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield the dotted names a module imports: at the top, in functions, for the type checker."""
    package = ["configvault", *name.split("/")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            module = ".".join([*base, node.module] if node.module else base)
            yield from (f"{module}.{alias.name}" for alias in node.names)


def upward(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield what a module imports that its layer may not."""
    mine = room(name)
    for imported in imports(name, tree):
        parts = imported.split(".")
        if parts[0] == "configvault" and len(parts) > 1:
            theirs = parts[1] if (PACKAGE / parts[1]).is_dir() or (PACKAGE / f"{parts[1]}.py").exists() else ""
            if theirs not in {mine, ""} | LAYERS[mine]:
                yield f"{name} imports {imported}"


def foreign(name: str, tree: ast.Module) -> Iterator[str]:
    """Yield the libraries a module imports that somebody else owns."""
    for imported in imports(name, tree):
        owner = OWNERS.get(imported.split(".")[0])
        if owner is not None and not _within(name, owner):
            yield f"{name} imports {imported}, which {owner} owns"


def changes(tree: ast.Module) -> Iterator[str]:
    """Yield the calls in a module that change something on a disk."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = ast.unparse(node.func)
            owner, _, method = function.rpartition(".")
            if (owner == "os" and method in _OS_CHANGES) or owner == "shutil" or method in _PATH_CHANGES:
                yield function
            elif function in {"open", "io.open"} and _opens_to_write(node):
                yield f"open for writing in line {node.lineno}"
        elif isinstance(node, ast.Attribute) and node.attr in _OPEN_CHANGES and ast.unparse(node.value) == "os":
            yield f"os.{node.attr}"


def _opens_to_write(call: ast.Call) -> bool:
    """Return whether a path is opened to be written; an open of a descriptor is its os.open's business."""
    modes = [a.value for a in [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "mode")]
             if isinstance(a, ast.Constant)]  # fmt: skip
    return any(set(str(mode)) & set("wax+") for mode in modes)


def _within(name: str, place: str) -> bool:
    return name == place or name.startswith(place + "/")


def test_layers() -> None:
    """No module imports upwards or sideways, and every room has its row."""
    unknown = {room(name) for name, _ in modules()} - set(LAYERS)
    assert not unknown, f"say in LAYERS what these may import: {sorted(unknown)}"
    assert [line for name, tree in modules() for line in upward(name, tree)] == []


def test_single_owners() -> None:
    """Each heavy library is known in one place."""
    assert [line for name, tree in modules() for line in foreign(name, tree)] == []


def test_writers() -> None:
    """Only the modules listed change anything on a disk."""
    guilty = {name: sorted(set(changes(tree))) for name, tree in modules()}
    listed = [name for name, calls in guilty.items() if calls and not any(_within(name, w) for w in WRITERS)]
    assert {name: guilty[name] for name in listed} == {}


def test_no_import_cycle() -> None:
    """No module needs one that needs it: lazily, for a type or at import."""
    known = {name for name, _ in modules()}
    graph = {name: {m for m in map(_file, imports(name, tree)) if m in known and m != name}
             for name, tree in modules()}  # fmt: skip
    assert cycle(graph) == []


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules of one import cycle, empty where there is none."""
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        return list(error.args[1])
    return []


def test_state_files_have_one_home() -> None:
    """The name of a file of state stands in the module that reads and writes all of them, and nowhere else."""
    names = {file.name for file in vars(statefiles).values() if isinstance(file, statefiles.StateFile)}
    names |= {statefiles.DAEMON_LOCK, statefiles.STAT_CACHE, statefiles.VERDICTS, statefiles.ALLOWED_SIGNERS}
    guilty = {
        (name, node.value)
        for name, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value in names and name != "vault/statefiles.py"
    }
    assert guilty == set()


def _file(imported: str) -> str | None:
    """Return the module file behind a dotted name of ours, else None."""
    parts = imported.split(".")
    if parts[0] != "configvault":
        return None
    for length in (len(parts), len(parts) - 1):
        path = "/".join(parts[1:length])
        for candidate in (f"{path}.py", f"{path}/__init__.py".lstrip("/")):
            if (PACKAGE / candidate).is_file():
                return candidate
    return None


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("core/x.py", "import configvault.vault.refs", "core/x.py imports configvault.vault.refs"),
        ("core/x.py", "from configvault import vault", "core/x.py imports configvault.vault"),
        ("root/x.py", "def f():\n    from ..vault import refs", "root/x.py imports configvault.vault.refs"),
        ("vault/x.py", "from configvault.root.names import y", "vault/x.py imports configvault.root.names.y"),
        ("usecases/x.py", "from configvault.config import y", "usecases/x.py imports configvault.config.y"),
    ],
)
def test_layers_are_seen(name: str, source: str, said: str) -> None:
    """An import upwards or sideways is found, also inside a function and written relatively."""
    assert list(upward(name, ast.parse(source))) == [said]


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.rename('a', 'b')",
        "import os\nos.open('a', os.O_WRONLY | os.O_CREAT)",
        "import shutil\nshutil.rmtree('a')",
        "open('a', 'wb')",
        "open('a', mode='r+')",
        "p.write_text('x')",
    ],
)
def test_writers_are_seen(source: str) -> None:
    """Every usual way to change something on a disk is found."""
    assert list(changes(ast.parse(source)))


def test_owners_are_seen() -> None:
    """A library imported by somebody else than its owner is found, also inside a function."""
    source = ast.parse("def f():\n    import git.repo")
    assert list(foreign("cli/x.py", source)) == ["cli/x.py imports git.repo, which vault/commits.py owns"]

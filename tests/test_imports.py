"""What a command costs before it does anything: the libraries it loads, held by name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import plugins
import pytest
from sites import Place, recorded

# No command that looks at history pays for these; each is loaded where it is used.
HEAVY = {
    "git", "gitdb", "structlog", "apscheduler", "watchdog", "prometheus_client", "rich", "openapi_spec_validator",
    "jsonschema", "urllib3", "requests", "http", "ssl", "asyncio", "multiprocessing", "jmespath", "argcomplete",
    "configvault.validators.run", "configvault.calls", "configvault.service.reload.kind", "configvault.web", "configvault.daemon",
    "configvault.daemon.watch", "configvault.daemon.schedule", "configvault.replica", "configvault.service.health", "concurrent.futures",
}  # fmt: skip
# Each command, and what it may load of these after all.
READS: dict[tuple[str, ...], set[str]] = {
    ("list",): set(),
    ("list", "--json"): set(),
    ("list", "--all", "--path", "a"): set(),
    ("show", "latest"): set(),
    ("show", "latest:a"): set(),
    ("diff",): set(),
    ("diff", "previous", "latest"): set(),
    ("status",): set(),
    ("rejected", "list"): set(),
    ("config", "validate"): set(),
    ("export", "latest", "--format", "tar", "--output", "-"): set(),
    ("pin", "latest", "x"): set(),
    ("--version",): set(),
    ("--help",): set(),
}
LOADED = """
import sys, json, contextlib
from configvault.cli.main import run
with contextlib.suppress(SystemExit), open("/dev/null", "w") as sys.stdout:
    code = run(json.loads(sys.argv[1]))
print(json.dumps(sorted(sys.modules)), file=sys.__stdout__)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Return a root with two snapshots."""
    return recorded(tmp_path_factory.mktemp("imports") / "place", {"a": "1\n"}, {"a": "2\n"})


def loaded(place: Place, *argv: str) -> set[str]:
    """Return the modules that a process has loaded after this command."""
    env = dict(os.environ) | {"CONFIGVAULT_CONFIG": str(place.config)}
    done = subprocess.run(
        [sys.executable, "-c", LOADED, json.dumps(argv)], env=env, capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("argv", READS, ids=" ".join)
def test_reading_is_light(place: Place, argv: tuple[str, ...]) -> None:
    """A command that only reads loads no library that it does not use."""
    assert loaded(place, *argv) & HEAVY <= READS[argv]


def test_the_table_sees_what_is_loaded(place: Place, tmp_path: Path) -> None:
    """Commands that do use heavy libraries are seen to load them."""
    assert "structlog" in loaded(place, "run", "--once")
    (tmp_path / "d").mkdir()
    assert "configvault.validators.run" in loaded(place, "check", str(tmp_path / "d"))


def test_validation_loads_no_library_for_the_schema(tmp_path: Path) -> None:
    """The library that compares documents with OpenAPI's schema is not loaded here, nor what it would fetch with."""
    place = Place(tmp_path / "place", profile="coze")
    place.write(plugins.GOOD)
    names = loaded(place, "check", str(place.root))
    assert "configvault.coze.openapi.spec" in names
    assert not names & {"openapi_spec_validator", "pydantic", "requests", "charset_normalizer", "certifi"}

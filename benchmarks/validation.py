"""What validation a plugin directory costs, cold and after one file changed.

Beside the plain way over the same files: `yaml.CSafeLoader` and openapi-spec-validator.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator
from plugins import FERRIES, GOOD, META, TIDES
from states import Content, on_disk, state

from benchmarks.bench import Bench
from benchmarks.measure import Contender, Row
from configvault.app import validator
from configvault.core.model import State
from configvault.core.settings import ValidateSettings

PLAIN = "plain"
META_PATH = "pluginproduct/plugin_meta.yaml"


def run(bench: Bench) -> Iterator[Row]:
    """Validate the directory that was named, or an invented one."""
    files: Mapping[str, Content] = invented()
    what = "18 invented plugins"
    if bench.directory is not None:
        what = "the directory named"
        files = {path: data for path, data in on_disk(bench.directory).items() if not path.endswith("/")}
    now = state(files)
    documents = sorted((path for path in files if path.endswith(".yaml")), key=lambda path: len(files[path]))
    warm = {
        "median document": Warm(files, documents[len(documents) // 2]),
        "largest document": Warm(files, documents[-1]),
        "plugin list": Warm(files, META_PATH),
    }
    contenders = [
        Contender(PLAIN, lambda: plain(files)),
        Contender("cold", lambda: validator(ValidateSettings(), {}).validate(now)),
    ]
    contenders += [Contender(name, one.validate, one.prepare) for name, one in warm.items()]
    times = bench.contest("validation", len(files), contenders)
    against = "CSafeLoader + openapi-spec-validator over it"
    yield Row(f"validation of {what} cold", against, times.ratio("cold", PLAIN), 1.5)
    for name, goal in (("median document", 0.1), ("largest document", None), ("plugin list", None)):
        yield Row(f"the same, the {name} changed", against, times.ratio(name, PLAIN), goal)


class Warm:
    """Validates again after a comment was added to the file at `path`."""

    def __init__(self, files: Mapping[str, Content], path: str) -> None:
        """Make both states."""
        self._before = state(files)
        self._after = state({**files, path: _bytes(files[path]).rstrip(b"\n") + b"\n# changed\n"})
        self._validate = validator(ValidateSettings(), {})

    def prepare(self) -> None:
        """Know the state before."""
        self._validate = validator(ValidateSettings(), {})
        self._validate.validate(self._before)

    def validate(self) -> None:
        """Validate the state after, as the daemon does."""
        self._validate.validate(State(self._after.tree, self._after.read, self._before.tree))


def invented() -> dict[str, Content]:
    """Return a directory of eighteen plugins."""
    files: dict[str, Content] = {"common/oauth_schema.json": GOOD["common/oauth_schema.json"]}
    entries = []
    for number in range(1, 10):
        meta = META.replace("50100", f"{number}0100").replace("50200", f"{number}0200")
        meta = meta.replace("plugin_id: 50", f"plugin_id: {number}0").replace(
            "tides.yaml", f"tides{number}.yaml"
        )
        entries.append(meta.replace("ferries.yaml", f"ferries{number}.yaml"))
        files[f"pluginproduct/tides{number}.yaml"] = TIDES + "x-note: " + "tide " * 400 + "\n"
        files[f"pluginproduct/ferries{number}.yaml"] = FERRIES
    return {**files, META_PATH: "".join(entries)}


def plain(files: Mapping[str, Content]) -> None:
    """Check the files as a script would: parse everything, ask the validator about every document."""
    for path, content in files.items():
        data = _bytes(content)
        if path.endswith(".json"):
            json.loads(data)
        elif path.endswith(".yaml"):
            document = yaml.load(data, Loader=yaml.CSafeLoader)
            if isinstance(document, dict):
                list(OpenAPIV30SpecValidator(document).iter_errors())


def _bytes(content: Content) -> bytes:
    return content if isinstance(content, bytes) else content.encode()

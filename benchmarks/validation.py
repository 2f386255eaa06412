"""What judging costs: a directory cold, and warm after one file changed.

Beside the plain way over the same files in the same run: `yaml.CSafeLoader` and openapi-spec-validator. Goal: cold at
most 1.5 times that, warm at most a tenth.

    python benchmarks/validation.py [DIRECTORY]
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator
from plugins import FERRIES, GOOD, META, TIDES
from states import Content, on_disk, state

from configvault.core.model import State
from configvault.core.settings import ValidateSettings
from configvault.validators import Judge

REAL = Path(__file__).parent.parent.parent / "shared" / "coze-plugin"
ROUNDS = 7


def directory() -> tuple[str, dict[str, Content]]:
    """Return the files to judge: of the directory named, the real one, or one made of many invented plugins."""
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else REAL
    if given.is_dir():
        return str(given), {path: data for path, data in on_disk(given).items() if not path.endswith("/")}
    return "18 invented plugins", _invented()


def _invented() -> dict[str, Content]:
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
    return {**files, "pluginproduct/plugin_meta.yaml": "".join(entries)}


def plain(files: dict[str, Content]) -> None:
    """Check the files as a script would: parse everything, ask the validator about every document."""
    for path, content in files.items():
        data = content if isinstance(content, bytes) else content.encode()
        if path.endswith(".json"):
            json.loads(data)
        elif path.endswith(".yaml"):
            document = yaml.load(data, Loader=yaml.CSafeLoader)
            if isinstance(document, dict):
                list(OpenAPIV30SpecValidator(document).iter_errors())


def changed(files: dict[str, Content], path: str) -> State:
    """Return the state after a comment was added to the file at `path`."""
    content = files[path]
    assert isinstance(content, str | bytes)
    data = content if isinstance(content, bytes) else content.encode()
    return state({**files, path: data.rstrip(b"\n") + b"\n# changed\n"})


def timed(act: Callable[[], object]) -> float:
    """Return the seconds that `act` takes."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def warm(files: dict[str, Content], path: str) -> float:
    """Return the seconds it takes to judge again after the file at `path` changed."""
    judge = Judge(ValidateSettings(), {})
    judge.judge(state(files))
    after = changed(files, path)
    return timed(lambda: judge.judge(after))


def main() -> None:
    """Print the times and their ratios."""
    name, files = directory()
    now = state(files)
    documents = sorted((p for p in files if p.endswith(".yaml")), key=lambda p: len(files[p]))
    median, largest = documents[len(documents) // 2], documents[-1]
    meta = "pluginproduct/plugin_meta.yaml"
    verdict = Judge(ValidateSettings(), {}).judge(now)
    rows: dict[str, list[float]] = {}
    for _ in range(ROUNDS):  # interleaved, so that a busy moment hits all of them
        rows.setdefault("plain", []).append(timed(lambda: plain(files)))
        rows.setdefault("cold", []).append(timed(lambda: Judge(ValidateSettings(), {}).judge(now)))
        for label, path in (("median document", median), ("largest document", largest), ("plugin list", meta)):
            rows.setdefault(f"warm, {label} changed ({len(files[path])} bytes)", []).append(warm(files, path))
    print(f"{name}: {len(files)} files, {len(verdict.errors)} errors, {len(verdict.findings)} findings")
    base = statistics.median(rows["plain"])
    for label, times in rows.items():
        best = statistics.median(times)
        print(f"{label:52} {best * 1000:8.1f} ms   {best / base:6.3f} of plain")


if __name__ == "__main__":
    main()

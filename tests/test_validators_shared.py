"""What the service's real loader did, over the directories and probes that lie beside the project, where they do."""

from __future__ import annotations

import csv
import fnmatch
from pathlib import Path

import pytest
from edits import Files
from loader import ENDLESS, MAYBE_MEANT, NO_ID, OPENAPI_30, TOO_DEEP, UTF8
from probes import PROBES
from states import Content, Link, on_disk, validate

from configvault.core.settings import IGNORED_BY_DEFAULT

SHARED = Path(__file__).parent.parent.parent / "shared"
CORPUS = SHARED / "corpus"
REAL = SHARED / "coze-plugin"
TABLE = SHARED / "loader-probes.tsv"

# What is not validated as the loader did, and why.
DEVIATIONS = {
    "tool_id missing": NO_ID,
    "tool_id 0": NO_ID,
    "all tools deprecated": MAYBE_MEANT,
    "oauth gbk bytes": UTF8,
    "openapi '2.0'": OPENAPI_30,
    "openapi 3.1.0": OPENAPI_30,
    "openapi '3.0'": OPENAPI_30,
    "utf16 meta": UTF8,
    "utf16 doc": UTF8,
    "recursive alias meta": ENDLESS,
    "deep 900 doc": TOO_DEEP,
    "deep 1500 doc": TOO_DEEP,
    "deep 9000 doc": TOO_DEEP,
}
MEANT = {"plugin deprecated + doc missing"}  # one plugin less, as the entry says


def rows(table: Path) -> list[dict[str, str]]:
    """Return the rows of a table, none where it is absent."""
    if not table.exists():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def captured(path: Path) -> dict[str, Content]:
    """Return the files of a case without editor leavings, which no capture holds; flattened links are links again."""
    return {
        name: content
        for name, content in on_disk(path, flattened=True).items()
        if not any(fnmatch.fnmatch(name.rstrip("/").split("/")[-1], pattern) for pattern in IGNORED_BY_DEFAULT)
    }


CASES = rows(CORPUS / "index.tsv")
absent = pytest.mark.skipif(not CASES, reason="needs ../shared/corpus, which is not here")


@absent
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_corpus(case: dict[str, str]) -> None:
    """A whole directory is accepted or refused as it must be, with what the message must name and no secret."""
    verdict = validate(captured(CORPUS / case["case"]))
    assert verdict.accepted == (case["expected"] == "accept"), verdict.findings
    said = "\n".join(f"{f.path} {f.message}" for f in verdict.errors).lower()
    for needed in filter(None, case["must_name"].lower().split(";")):
        assert any(word in said for word in needed.split("|")), (needed, said)
    if case["must_not_name"]:
        assert case["must_not_name"] not in repr(verdict)
    if case["file_at_fault"]:
        assert case["file_at_fault"] in {finding.path for finding in verdict.errors}


@absent
def test_one_root_fault_few_findings() -> None:
    """A single change brings one error, two at most."""
    for case in CASES:
        assert len(validate(captured(CORPUS / case["case"])).errors) <= 2, case["case"]


PROBED = rows(TABLE)


@pytest.mark.skipif(not PROBED, reason="needs ../shared/loader-probes.tsv, which is not here")
@pytest.mark.parametrize("probe", PROBED, ids=lambda probe: probe["mutation of a 4-plugin/5-tool config"])
def test_probes(probe: dict[str, str]) -> None:
    """What the loader refuses, panics on or skips is refused, and what it loads cleanly is accepted."""
    name = probe["mutation of a 4-plugin/5-tool config"]
    base = on_disk(CORPUS / "accept-baseline")
    files: Files = {
        path: content for path, content in base.items() if isinstance(content, bytes) and path[-1] != "/"
    }
    PROBES[name](files)
    loaded = (probe["real_outcome"], probe["plugins"], probe["tools"]) == ("OK", "4", "5") or name in MEANT
    assert validate(files).accepted == (loaded != (name in DEVIATIONS)), name


@pytest.mark.skipif(not PROBED, reason="needs ../shared/loader-probes.tsv, which is not here")
def test_every_probe_is_made() -> None:
    """Each probe of the table has its mutation, and each deviation is one of them."""
    names = {probe["mutation of a 4-plugin/5-tool config"] for probe in PROBED}
    assert names == set(PROBES)
    assert names >= DEVIATIONS.keys() | MEANT


@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/coze-plugin, which is not here")
def test_real_directory() -> None:
    """The real directory is accepted; it lacks one product_id and all credentials, and nothing else is said."""
    files = on_disk(REAL)
    verdict = validate(files)
    assert verdict.errors == ()
    assert {finding.rule for finding in verdict.findings} == {"product-id", "empty-token"}
    assert not any(isinstance(content, Link) for content in files.values())

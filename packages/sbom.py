"""Write what a release is made of as a CycloneDX 1.5 document: this program and the libraries that the Debian package carries.

    python packages/sbom.py DIRECTORY       (writes configvault-VERSION.cdx.json into it)

Versions are those that requirements/run.txt pins, licences those that the installed libraries declare. The same commit gives
the same bytes: the time is the last commit's (or SOURCE_DATE_EPOCH), the serial number is made from what is in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

import configvault  # noqa: E402


def document(folder: Path) -> dict[str, Any]:
    """Return the document; the packages that lie in `folder` are named with their hashes."""
    components = list(_libraries())
    version = configvault.__version__
    about = {
        "type": "application", "bom-ref": "configvault", "name": "configvault", "version": version,
        "purl": f"pkg:pypi/configvault@{version}", "licenses": [{"license": {"id": "Apache-2.0"}}],
        "externalReferences": [
            {"type": "distribution", "url": path.name, "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}]}
            for path in sorted(folder.glob("configvault*")) if not path.name.endswith(".json")
        ],
    }  # fmt: skip
    made = {
        "metadata": {"timestamp": _time(), "component": about},
        "components": components,
        "dependencies": [
            {"ref": "configvault", "dependsOn": [one["bom-ref"] for one in components]},
            *({"ref": one["bom-ref"]} for one in components),
        ],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(made, sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        **made,
    }


def _libraries() -> Iterator[dict[str, Any]]:
    pinned = re.findall(r"^([\w.-]+)==(\S+)", (PROJECT / "requirements" / "run.txt").read_text(), re.MULTILINE)
    for name, version in sorted(pinned, key=lambda one: one[0].lower()):
        # It builds the packages and is in none of them.
        if name == "setuptools":
            continue
        purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
        one: dict[str, Any] = {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "purl": purl,
        }
        if licence := _licence(name):
            one["licenses"] = [{"license": {"name": licence}}]
        yield one


def _licence(name: str) -> str | None:
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return None
    classified = [
        line.rpartition(" :: ")[2] for line in said.get_all("Classifier") or () if line.startswith("License ::")
    ]
    named = said.get("License-Expression") or ", ".join(classified) or said.get("License") or ""
    return named.splitlines()[0][:100] if named else None


def _time() -> str:
    argv = ["git", "-C", str(PROJECT), "log", "-1", "--format=%ct"]
    epoch = (
        os.environ.get("SOURCE_DATE_EPOCH")
        or subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    )
    return datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def main(folder: Path) -> None:
    """Write it."""
    path = folder / f"configvault-{configvault.__version__}.cdx.json"
    path.write_text(json.dumps(document(folder), indent=1) + "\n", encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

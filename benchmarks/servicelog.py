"""What analysing the service's log costs, beside the plain loop of `json.loads` over the same lines."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.measure import Contender, Row

SIZE, QUICK_SIZE = 1 << 30, 32 << 20
OURS, PLAIN = "configvault report --service-log", "json.loads"
_PLAIN = "import json, sys\nwith open(sys.argv[1]) as file:\n    for line in file:\n        json.loads(line)"
# What a process took in the end, in MiB, as the last line of its errors.
_MEASURED = "import resource, sys\n{}\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)"
_OURS = "from configvault.cli.main import run\nrun(['report', '--service-log', sys.argv[1], '--json'], {'CONFIGVAULT_CONFIG': '/none'})"


def run(bench: Bench) -> Iterator[Row]:
    """Read a log of a gigabyte, and one of a tenth of it, for the memory."""
    size = QUICK_SIZE if bench.quick else SIZE
    path, small = bench.disk / "service.log", bench.disk / "service-small.log"
    write(path, size)
    write(small, size // 10)
    peak: dict[str, int] = {}

    def ours(log: Path) -> None:
        peak[log.name] = _run(_OURS, log)

    times = bench.contest(
        f"service log of {size >> 20} MiB", size >> 20, [Contender(OURS, lambda: ours(path)), Contender(PLAIN, lambda: _run(_PLAIN, path))]
    )  # fmt: skip
    ours(small)
    what = f"`{OURS}` of {size >> 20} MiB"
    yield Row(what, "`json.loads` of each line", times.ratio(OURS, PLAIN), 2.0 if size == SIZE else None)
    yield Row(f"memory of {what}", "of a tenth of it", peak[path.name] / peak[small.name], 1.2)
    path.unlink()
    small.unlink()


def write(path: Path, size: int) -> None:
    """Write a log of about `size` bytes, as logrus does."""
    some = random.Random(1)  # noqa: S311 - no secret
    at = datetime(2024, 1, 1, tzinfo=UTC)
    with path.open("w") as file:
        written = 0
        while written < size:
            at += timedelta(milliseconds=50)
            plugin = some.choice(["weather", "document_converter", "search", "maps", "bocha"])
            status = 200 if some.random() > 0.02 else 500
            said = {
                "component": "plugin", "plugin_name": plugin, "operation_id": f"op{some.randrange(6)}", "method": "POST",
                "url": f"https://api.example.com/v1/{plugin}", "duration_ms": int(some.lognormvariate(6, 1)),
                "status_code": status, "level": "info", "msg": "plugin call", "time": at.isoformat(timespec="seconds"),
            }  # fmt: skip
            if status != 200:
                said["error"] = "upstream timed out"
            written += file.write(json.dumps(said) + "\n")


def _run(code: str, path: Path) -> int:
    """Run Python on a log; return the most memory it took, in MiB."""
    done = subprocess.run([sys.executable, "-c", _MEASURED.format(code), path], capture_output=True, check=True)
    return int(done.stderr.split()[-1])

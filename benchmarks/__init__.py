"""What things cost, measured side by side in one run: `python -m benchmarks --help`."""

import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
# The tests know how to run a daemon and how to make a plugin directory.
sys.path.append(str(PROJECT / "tests"))

"""Make the manual page in each build, from the program's own parser; everything else stands in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).parent))

from configvault.cli import manual

PAGE = Path("build", "man", "configvault.1")
PAGE.parent.mkdir(parents=True, exist_ok=True)
PAGE.write_text(manual.page(), encoding="utf-8")
setup()

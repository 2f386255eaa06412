"""Make the manual pages in each build, from the program's own parser; everything else stands in pyproject.toml."""

import sys
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).parent))

from configvault.cli import manual

FOLDER = Path("build", "man")
FOLDER.mkdir(parents=True, exist_ok=True)
for name, text in manual.pages().items():
    (FOLDER / name).write_text(text, encoding="utf-8")
setup()

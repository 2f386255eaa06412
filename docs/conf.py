"""The documents as a site: `make docs`. Sphinx reads the Markdown as it is; what the program knows best it prints itself."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

import reference  # noqa: E402

import configvault  # noqa: E402

project = "configvault"
author = "the configvault authors"
copyright = author  # noqa: A001 - Sphinx's name for it
release = version = configvault.__version__
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["_build", "benchmarks/results.md"]
language = "en"
html_theme = "furo"
html_title = "configvault"
html_static_path: list[str] = []
html_show_sourcelink = False
html_copy_source = False
# GitHub's own rules for links to headings, since the same files are read there.
myst_heading_anchors = 3
# Links to files of the repository, which are not part of the site.
suppress_warnings = ["myst.xref_missing"]


def setup(app: object) -> None:
    """Write the pages that are made from the program, before Sphinx looks for documents."""
    del app
    reference.write(HERE / "reference")

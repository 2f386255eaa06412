"""The documents as a site: `make docs`. Sphinx reads the Markdown as it is; what the program knows best it prints itself."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import sphinx.search
from sphinx.search.en import SearchEnglish

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


class BothLanguages(SearchEnglish):
    """Words of English and neighbouring characters of Chinese, which has no spaces: `回滚` is found within a sentence."""

    js_splitter_code = r"""
var splitQuery = (query) =>
  (query.match(/[\u4e00-\u9fff]+|(?:(?![\u4e00-\u9fff])[\p{L}\p{N}_])+/gu) || []).flatMap((run) =>
    /[\u4e00-\u9fff]/.test(run) && run.length > 2 ? [...run.slice(1)].map((next, at) => run[at] + next) : [run],
  );
"""

    def split(self, input: str) -> list[str]:  # noqa: A002 - Sphinx's name for it
        """Return the words of English and the pairs of Chinese in `input`."""
        runs = re.findall(r"[\u4e00-\u9fff]+|[^\W\u4e00-\u9fff]+", input)
        return [piece for run in runs for piece in (_pairs(run) if "\u4e00" <= run[0] <= "\u9fff" else [run])]


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(max(1, len(run) - 1))]


def setup(app: object) -> None:
    """Write the pages that are made from the program, before Sphinx looks for documents."""
    del app
    sphinx.search.languages[language] = BothLanguages
    reference.write(HERE / "reference")

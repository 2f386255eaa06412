"""The ways to have the service load its configuration, one file a kind, and the list of them all.

To add one: a file with a `KIND` (see `kind.py`), a row here, and a way to make it fail in `tests/test_reloaders.py`.
The rows are all that is loaded to read a configuration: a kind's file, and the libraries it needs, only to reload.
"""

from __future__ import annotations

from collections.abc import Mapping

# The name of a kind, which is that of its file too, and the keys of `reload` that it cannot do without. A key that is
# required by other kinds only must not be set.
KINDS: Mapping[str, tuple[str, ...]] = {
    "http": (),
    "command": ("command",),
    "none": (),
}

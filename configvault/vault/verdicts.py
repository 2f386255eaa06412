"""Which folders one set of rules found nothing in, kept between processes so that they are not validated again.

Only a cache, by the id of a folder's git tree, so that it is true of any state that holds such a folder.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from configvault.disk import durable

_ID = re.compile(r"[0-9a-f]{40}")


def load(path: str, rules: str) -> set[str]:
    """Return the ids that `save` wrote to the file `path` for these rules; none where they are of others."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            said, *ids = file.read().split("\n")
    except OSError:
        return set()
    return {id_ for id_ in ids if _ID.fullmatch(id_)} if said == _name(rules) else set()


def save(path: str, rules: str, ids: Collection[str]) -> None:
    """Write `ids` to the file `path`. It is not synced: what a power cut leaves of a line is no id."""
    durable.write(path, "\n".join([_name(rules), *ids, ""]).encode(), sync=False)


def _name(rules: str) -> str:
    return hashlib.sha256(rules.encode("utf-8", "surrogateescape")).hexdigest()

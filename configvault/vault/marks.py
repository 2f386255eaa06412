"""What is said about snapshots after they were taken: good, rolled back, pins, annotations, loaded.

One small document on a branch of its own, `refs/configvault/marks`: every change of it is a commit, so it
only grows, goes to replicas like the rest, and `git log refs/configvault/marks` tells who said what when.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, field, replace

from configvault.core.frozen import frozen

REF = "refs/configvault/marks"
FILE = "marks.json"


@frozen
class Marks:
    """Everything said, by snapshot id; `rolled_back` maps the snapshot left to the rollback that left it."""

    good: frozenset[str] = frozenset()
    rolled_back: dict[str, str] = field(default_factory=dict)
    pins: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    loaded: str | None = None

    def pins_of(self, id_: str) -> tuple[str, ...]:
        """Return the names pinned to the snapshot `id_`."""
        return tuple(sorted(name for name, pinned in self.pins.items() if pinned == id_))

    def with_good(self, id_: str) -> Marks:
        """Say that the service loaded `id_` and every required health check passed."""
        return replace(self, good=self.good | {id_}, loaded=id_)

    def without_good(self, id_: str) -> Marks:
        """Take back that `id_` is good."""
        return replace(self, good=self.good - {id_})

    def with_loaded(self, id_: str) -> Marks:
        """Say that the service loaded `id_`."""
        return replace(self, loaded=id_)

    def with_rolled_back(self, left: Iterable[str], by: str) -> Marks:
        """Say that the rollback `by` left the snapshots `left`."""
        return replace(self, rolled_back={**self.rolled_back, **dict.fromkeys(left, by)})

    def without_rolled_back_by(self, by: str | None) -> Marks:
        """Take back what the rollback `by`, which was undone, said of the snapshots it left."""
        return replace(self, rolled_back={k: v for k, v in self.rolled_back.items() if v != by})

    def with_pin(self, name: str, id_: str | None) -> Marks:
        """Give the snapshot `id_` the name `name`, or take the name away (None)."""
        pins = {pin: pinned for pin, pinned in self.pins.items() if pin != name}
        return replace(self, pins=pins if id_ is None else {**pins, name: id_})

    def with_annotation(self, id_: str, text: str) -> Marks:
        """Add `text` to what is said of the snapshot `id_`."""
        return replace(self, annotations={**self.annotations, id_: (*self.annotations.get(id_, ()), text)})


def dump(marks: Marks) -> bytes:
    """Return the document; one mark a line, so that two versions differ by what was said."""
    document = asdict(marks) | {"good": sorted(marks.good)}
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def load(body: bytes) -> Marks:
    """Read the document back."""
    document = json.loads(body)
    return Marks(
        good=frozenset(document["good"]),
        rolled_back=document["rolled_back"],
        pins=document["pins"],
        annotations={id_: tuple(texts) for id_, texts in document["annotations"].items()},
        loaded=document["loaded"],
    )

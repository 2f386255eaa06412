"""What is said about snapshots after they were taken: good, rolled back, pins, annotations, loaded.

A few small files on a branch of their own, `refs/configvault/marks`: every change is a commit, so it only grows,
goes to replicas like the rest, and `git log refs/configvault/marks` tells who said what when.

    marks.json           pins, annotations, what is loaded; in older vaults also all of the rest
    good-202311          a line for each good snapshot of that month: its id
    rolled_back-202311   a line for each that was rolled back: its id, and the id of the rollback
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from configvault.core.errors import IntegrityError
from configvault.core.frozen import field, frozen, replace
from configvault.vault.bymonth import ByMonth

REF = "refs/configvault/marks"
FILE = "marks.json"
GOOD, ROLLED_BACK = "good-", "rolled_back-"


@frozen
class Marks:
    """Everything said, by snapshot id; `rolled_back` maps the snapshot left to the rollback that left it."""

    good: ByMonth = field(default_factory=ByMonth)
    rolled_back: ByMonth = field(default_factory=ByMonth)
    pins: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    loaded: str | None = None
    _named: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)

    def pins_of(self, id_: str) -> tuple[str, ...]:
        """Return the names pinned to the snapshot `id_`."""
        if self.pins and not self._named:
            # Asked of every snapshot in a list: the pins are gone through once.
            names = defaultdict(list)
            for name, pinned in self.pins.items():
                names[pinned].append(name)
            self._named.update({pinned: tuple(sorted(found)) for pinned, found in names.items()})
        return self._named.get(id_, ())

    def with_good(self, id_: str) -> Marks:
        """Say that the service loaded `id_` and every required health check passed."""
        return replace(self, good=self.good.with_labels({id_: ""}), loaded=id_)

    def without_good(self, id_: str) -> Marks:
        """Take back that `id_` is good."""
        return replace(self, good=self.good.without_id(id_))

    def with_loaded(self, id_: str) -> Marks:
        """Say that the service loaded `id_`."""
        return replace(self, loaded=id_)

    def with_rolled_back(self, left: Iterable[str], by: str) -> Marks:
        """Say that the rollback `by` left the snapshots `left`."""
        return replace(self, rolled_back=self.rolled_back.with_labels(dict.fromkeys(left, by)))

    def without_rolled_back_by(self, by: str | None) -> Marks:
        """Take back what the rollback `by`, which was undone, said of the snapshots it left."""
        return replace(self, rolled_back=self.rolled_back.without(by))

    def with_pin(self, name: str, id_: str | None) -> Marks:
        """Give the snapshot `id_` the name `name`, or take the name away (None)."""
        pins = {pin: pinned for pin, pinned in self.pins.items() if pin != name}
        return replace(self, pins=pins if id_ is None else {**pins, name: id_}, _named={})

    def with_annotation(self, id_: str, text: str) -> Marks:
        """Add `text` to what is said of the snapshot `id_`."""
        return replace(self, annotations={**self.annotations, id_: (*self.annotations.get(id_, ()), text)})


def dump(marks: Marks) -> Iterator[tuple[str, str | bytes]]:
    """Yield the name of each file with its bytes, or with the id of the blob that it was read from.

    One mark a line, so that two versions differ by what was said.
    """
    document: dict[str, object] = {
        "annotations": marks.annotations,
        "good": [],
        "loaded": marks.loaded,
        "pins": marks.pins,
        "rolled_back": {},
    }
    if any(document.values()):
        yield FILE, (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()
    for beginning, labels in ((GOOD, marks.good), (ROLLED_BACK, marks.rolled_back)):
        yield from ((beginning + month, text) for month, text in labels.texts())


def load(blobs: Mapping[str, str], read: Callable[[str], bytes]) -> Marks:
    """Read the files back, whose `blobs` are given by name; those of the months only when they are asked for.

    Raises:
        IntegrityError: what is said of snapshots is not of this program's making.
    """
    try:
        document = json.loads(read(blobs[FILE])) if FILE in blobs else {}
        loaded = document.get("loaded")
        return Marks(
            good=_notes(GOOD, dict.fromkeys(_texts(document.get("good", [])), ""), blobs, read),
            rolled_back=_notes(ROLLED_BACK, _named(document.get("rolled_back", {})), blobs, read),
            pins=_named(document.get("pins", {})),
            annotations={id_: tuple(_texts(texts)) for id_, texts in document.get("annotations", {}).items()},
            loaded=None if loaded is None else _texts([loaded])[0],
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError(
            f"{FILE} of {REF} is damaged: {type(error).__name__}", "restore the vault from a replica or a copy"
        ) from error


def _texts(values: Any) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError("no list of texts")
    return values


def _named(values: Any) -> dict[str, str]:
    _texts(list(values.values()))
    return dict(values)


def _notes(
    beginning: str, older: Mapping[str, str], blobs: Mapping[str, str], read: Callable[[str], bytes]
) -> ByMonth:
    """Return what the months say, and what a document says that was written before there were months."""
    months = {name.removeprefix(beginning): id_ for name, id_ in blobs.items() if name.startswith(beginning)}
    return ByMonth.stored(months, read).with_labels(older)

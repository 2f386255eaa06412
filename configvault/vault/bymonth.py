"""What is noted about snapshots, by id, in one small text for each month: to note one more costs a month, not a history.

The ids say the month, so a look at one snapshot reads one text. Texts that nobody asks for are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from configvault.core.errors import IntegrityError

# Where an id says no month, which none that the program makes does.
_OTHER = "other"


class _Month:
    """The notes of one month: `blob` is the id of the text that holds them, None where they are new."""

    def __init__(self, labels: dict[str, str] | None, blob: str | None, read: Callable[[str], bytes]) -> None:
        self._labels = labels
        self.blob = blob
        self._read = read

    @property
    def labels(self) -> dict[str, str]:
        if self._labels is None:
            assert self.blob is not None
            lines = self._read(self.blob).decode("utf-8", "surrogateescape").splitlines()
            self._labels = {id_: label for id_, _, label in (line.partition(" ") for line in lines)}
        return self._labels


class ByMonth(Mapping[str, str]):
    """Notes by snapshot id, never changed after construction; iterates from the newest id to the oldest."""

    def __init__(self, months: Mapping[str, _Month] | None = None) -> None:
        """Take the months, by their names."""
        self._months = months or {}

    @classmethod
    def stored(cls, blobs: Mapping[str, str], read: Callable[[str], bytes]) -> ByMonth:
        """Return the notes that the `blobs` hold, by month; `read` returns the bytes of one when it is needed."""
        return cls({month: _Month(None, blob, read) for month, blob in blobs.items()})

    @classmethod
    def of(cls, labels: Mapping[str, str]) -> ByMonth:
        """Return `labels`, which are stored nowhere yet."""
        return cls().with_labels(labels)

    def with_labels(self, labels: Mapping[str, str]) -> ByMonth:
        """Return these and `labels`. Costs the months of `labels`."""
        new: dict[str, dict[str, str]] = {}
        for id_, label in labels.items():
            new.setdefault(_month_of(id_), {})[id_] = label
        changed = {}
        for month, added in new.items():
            old = self._months[month].labels if month in self._months else {}
            if any(old.get(id_) != label for id_, label in added.items()):
                changed[month] = _Month(old | added, None, _unread)
        return ByMonth({**self._months, **changed}) if changed else self

    def without(self, label: str | None) -> ByMonth:
        """Return those with another note than `label`. Costs every month."""
        months = {}
        for name, month in self._months.items():
            kept = {id_: said for id_, said in month.labels.items() if said != label}
            if kept:
                months[name] = month if len(kept) == len(month.labels) else _Month(kept, None, _unread)
        return ByMonth(months)

    def without_id(self, id_: str) -> ByMonth:
        """Return those about other snapshots than `id_`. Costs its month."""
        name = _month_of(id_)
        if id_ not in self:
            return self
        kept = {one: label for one, label in self._months[name].labels.items() if one != id_}
        months = {key: month for key, month in self._months.items() if key != name}
        return ByMonth(months | ({name: _Month(kept, None, _unread)} if kept else {}))

    def __getitem__(self, id_: str) -> str:
        month = self._months.get(_month_of(id_))
        if month is None:
            raise KeyError(id_)
        return month.labels[id_]

    def __contains__(self, id_: object) -> bool:
        month = self._months.get(_month_of(id_)) if isinstance(id_, str) else None
        return month is not None and id_ in month.labels

    def __iter__(self) -> Iterator[str]:
        for name in sorted(self._months, reverse=True):
            yield from sorted(self._months[name].labels, reverse=True)

    def __len__(self) -> int:
        return sum(len(month.labels) for month in self._months.values())

    def __bool__(self) -> bool:
        # A month without a note is not stored.
        return bool(self._months)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ByMonth):
            return Mapping.__eq__(self, other)
        if self._months.keys() != other._months.keys():
            return False
        return all(_same(month, other._months[name]) for name, month in self._months.items())

    __hash__ = None  # type: ignore[assignment]

    def texts(self) -> Iterator[tuple[str, str | bytes]]:
        """Yield each month, in order, with the id of the blob that holds it, or with the bytes it is to hold."""
        for name, month in sorted(self._months.items()):
            yield name, month.blob if month.blob is not None else _text(month.labels)


def _same(one: _Month, other: _Month) -> bool:
    return one is other or (one.blob is not None and one.blob == other.blob) or one.labels == other.labels


def _text(labels: Mapping[str, str]) -> bytes:
    lines: Iterable[str] = (f"{id_} {label}".rstrip() for id_, label in sorted(labels.items()))
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _month_of(id_: str) -> str:
    """Return the digits of year and month in `backup_YYYYMMDD_HHMMSS`."""
    month = id_.partition("_")[2][:6]
    return month if month.isdigit() else _OTHER


def _unread(blob: str) -> bytes:
    raise IntegrityError(f"the blob {blob} has no reader", "configvault verify")

"""Values as `dataclass(frozen=True, slots=True)` makes them, at a quarter of the cost.

`dataclass` writes and compiles six methods for each class whenever the program starts: for a short command that was a
quarter of its time. Here only `__init__` is compiled and the other methods are shared. That nothing is set a
second time is held by the type checker alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[_T]) -> type[_T]:
    """Make `cls` a value: equal to what has the same fields, printed without those that have `repr=False`."""
    made: Any = dataclass(slots=True, eq=False, repr=False)(cls)
    # With the class in front there are two at least, so that it is always a tuple.
    made._key = attrgetter("__class__", *(one.name for one in fields(made) if one.compare))
    made.__eq__, made.__hash__, made.__repr__ = _eq, _hash, _repr
    return made  # type: ignore[no-any-return]


def _eq(self: Any, other: Any) -> bool:
    return bool(self._key(self) == self._key(other)) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(self._key(self))


def _repr(self: Any) -> str:
    shown = (f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
    return f"{type(self).__name__}({', '.join(shown)})"

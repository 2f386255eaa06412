"""Value classes like `dataclass(frozen=True, slots=True)`, at a tenth of the cost at start.

`dataclass` generates and compiles six methods for every class whenever the program starts, and imports `inspect` for
that. This took a quarter of the time of a short command. Here a class compiles its `__init__` when its first instance is
made, and all classes share the other methods. For `dataclasses.fields`, `asdict` and `is_dataclass` they are dataclasses:
`__dataclass_fields__` is made on first use. Only the type checker forbids setting a field a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

_T = TypeVar("_T")


class _Missing:
    """The type of `MISSING`, which means that a field has no default."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Any = _Missing()


class Field:
    """The description of one field, as `field` makes it; `MISSING` means no default."""

    __slots__ = ("compare", "default", "default_factory", "metadata", "repr")

    def __init__(
        self, default: Any, default_factory: Any, repr_: bool, compare: bool, metadata: Mapping[Any, Any] | None
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.repr = repr_
        self.compare = compare
        self.metadata: Mapping[Any, Any] = metadata or {}


def field(
    *,
    default: Any = MISSING,
    default_factory: Callable[[], Any] | _Missing = MISSING,
    repr: bool = True,  # noqa: A002 - as in `dataclasses`
    compare: bool = True,
    metadata: Mapping[Any, Any] | None = None,
) -> Any:
    """Describe one field of a value, as `dataclasses.field` does."""
    return Field(default, default_factory, repr, compare, metadata)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[_T]) -> type[_T]:
    """Make `cls` a value class: hashable, equal if all fields are equal; `repr` leaves out fields with `repr=False`."""
    made: type[_T] = _made(cls, _hash)
    return made


@dataclass_transform(field_specifiers=(field,))
def mutable(cls: type[_T]) -> type[_T]:
    """Make `cls` a class with its annotated fields only; they may be set again, so it has no hash."""
    made: type[_T] = _made(cls, None)
    return made


def replace(value: _T, /, **changes: Any) -> _T:
    """Return a copy of `value` with the named fields changed, as `dataclasses.replace` does."""
    for name in value._described:  # type: ignore[attr-defined]
        if name not in changes:
            changes[name] = getattr(value, name)
    return type(value)(**changes)


def as_dict(value: Any) -> dict[str, Any]:
    """Return the fields of `value` by name, nested values too, as `dataclasses.asdict` does."""
    return {name: _plain(getattr(value, name)) for name in value._described}


def fields(cls: Any) -> Mapping[str, Field] | None:
    """Return the fields of a class or a value by name, None if it was not made by this module."""
    found: dict[str, Field] | None = getattr(cls, "_described", None)
    return found


def _plain(value: Any) -> Any:
    if hasattr(value, "_described"):
        return as_dict(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_plain(one) for one in value))
    if isinstance(value, list | tuple):
        return type(value)(_plain(one) for one in value)
    if isinstance(value, dict):
        return {_plain(name): _plain(one) for name, one in value.items()}
    return value


def _described(cls: type) -> dict[str, Field]:
    """Return the fields of `cls` by name, those of its bases first."""
    described: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        described |= getattr(base, "_described", {})
    for name, kind in cls.__annotations__.items():
        if str(kind).startswith("ClassVar"):
            continue
        value = vars(cls).get(name, MISSING)
        if not isinstance(value, Field):
            value = Field(value, MISSING, True, True, None)
        described[name] = value
    return described


def _made(cls: Any, hash_: Any) -> Any:
    """Return a new class like `cls`, with slots for its fields and the shared methods; slots cannot be added later."""
    described = _described(cls)
    inherited = {name for base in cls.__mro__[1:] for name in getattr(base, "_described", ())}
    own = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__")}
    for name in described:
        own.pop(name, None)
    # `cached_property` keeps its result in `__dict__`.
    worked_out = ["__dict__"] * any(isinstance(one, cached_property) for one in own.values())
    # `attrgetter` returns a tuple only for two or more names, so the class comes first.
    own |= {
        "__slots__": (*(name for name in described if name not in inherited), *worked_out),
        "__match_args__": tuple(described),
        "__dataclass_fields__": _Fields(),
        "__eq__": _eq,
        "__hash__": hash_,
        "__repr__": _repr,
        "_described": described,
        "_key": attrgetter("__class__", *(name for name, one in described.items() if one.compare)),
    }
    made = type(cls)(cls.__name__, cls.__bases__, own)
    made.__qualname__ = cls.__qualname__

    def first(self: Any, *args: Any, **named: Any) -> None:
        made.__init__ = _compiled(made)
        made.__init__(self, *args, **named)

    made.__init__ = first
    return made


def _compiled(made: Any) -> Any:
    """Compile and return the `__init__` of a class, with a parameter for each field."""
    around: dict[str, Any] = {"_missing": MISSING}
    parameters, body = ["self"], []
    for name, one in made._described.items():
        if one.default_factory is not MISSING:
            around[f"_make_{name}"] = one.default_factory
            parameters.append(f"{name}=_missing")
            body.append(f" self.{name} = _make_{name}() if {name} is _missing else {name}")
            continue
        if one.default is not MISSING:
            around[f"_default_{name}"] = one.default
        parameters.append(name if one.default is MISSING else f"{name}=_default_{name}")
        body.append(f" self.{name} = {name}")
    if hasattr(made, "__post_init__"):
        body.append(" self.__post_init__()")
    exec(f"def __init__({', '.join(parameters)}):\n" + "\n".join(body or [" pass"]), around)  # noqa: S102 - made of names of fields
    init = around["__init__"]
    init.__qualname__ = f"{made.__qualname__}.__init__"
    return init


class _Fields:
    """A descriptor for the `__dataclass_fields__` of a class, made by `dataclasses` itself on first use."""

    def __get__(self, _: object, cls: Any) -> dict[str, Any]:
        import dataclasses

        none = dataclasses.MISSING
        names = {}
        for name, one in cls._described.items():
            names[name] = dataclasses.field(
                default=none if one.default is MISSING else one.default,
                default_factory=none if one.default_factory is MISSING else one.default_factory,  # type: ignore[arg-type]
                repr=one.repr,
                compare=one.compare,
                metadata=one.metadata,
            )
        kinds = [(name, _annotation(cls, name), value) for name, value in names.items()]
        twin: Any = dataclasses.make_dataclass(cls.__name__, kinds, init=False, repr=False, eq=False)
        made: dict[str, Any] = twin.__dataclass_fields__
        cls.__dataclass_fields__ = made
        return made


def _annotation(cls: type, name: str) -> Any:
    return next(
        base.__annotations__[name] for base in cls.__mro__ if name in vars(base).get("__annotations__", {})
    )


def _eq(self: Any, other: Any) -> bool:
    return bool(self._key(self) == self._key(other)) if type(other) is type(self) else NotImplemented


def _hash(self: Any) -> int:
    return hash(self._key(self))


def _repr(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, one in self._described.items() if one.repr)
    return f"{type(self).__name__}({', '.join(shown)})"

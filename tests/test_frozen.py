"""Values: what `frozen` gives is what a frozen dataclass would."""

from __future__ import annotations

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from configvault.core.frozen import field, frozen, mutable, replace


@frozen
class One:
    """A value of one field."""

    name: str


@frozen
class Other:
    """Another with the same field."""

    name: str


@frozen
class Many:
    """Fields that are not compared, not printed, with defaults."""

    name: str
    size: int = 0
    token: str = field(default="s3cret", repr=False)
    seen: list[int] = field(default_factory=list, compare=False)


@mutable
class Counted:
    """What is counted, and how often; what stands on a class may be shared, so a list is made for each."""

    name: str
    count: int = 0
    seen: list[int] = field(default_factory=list)


def test_equal_by_class_and_fields() -> None:
    """Two are equal where class and compared fields are, and then have one hash."""
    assert One("a") == One("a")
    assert One("a") != One("b")
    assert One("a") != Other("a")
    assert One("a") != "a"
    assert Many("a", seen=[1]) == Many("a")
    assert Many("a", token="x") != Many("a")
    assert len({One("a"), One("a"), Other("a"), Many("a"), Many("a", seen=[1])}) == 3


def test_the_same_as_a_dataclass() -> None:
    """It is made, printed and replaced as a dataclass, and `dataclasses` takes it for one."""
    annotations = {"__annotations__": Many.__annotations__, "__module__": __name__}
    defaults = {"size": 0, "token": dataclasses.field(default="s3cret", repr=False)}
    seen = dataclasses.field(default_factory=list, compare=False)
    plain = dataclasses.dataclass(frozen=True, slots=True)(
        type("Many", (), annotations | defaults | {"seen": seen})
    )
    for words in (("a",), ("a", 3), ("a", 3, "x", [1])):
        assert repr(Many(*words)) == repr(plain(*words))  # type: ignore[arg-type]
        assert dataclasses.asdict(Many(*words)) == dataclasses.asdict(plain(*words))  # type: ignore[arg-type]
    for change in (replace, dataclasses.replace):
        assert change(Many("a"), size=4) == Many("a", 4)
    described = [(one.name, one.type, one.default, one.repr, one.compare) for one in dataclasses.fields(Many)]
    assert described == [
        (one.name, one.type, one.default, one.repr, one.compare) for one in dataclasses.fields(plain)
    ]
    assert not hasattr(Many("a"), "__dict__")
    assert pickle.loads(pickle.dumps(Many("a"))) == Many("a")
    for wrong in ((), ("a", 1, "x", [], 2)):
        with pytest.raises(TypeError):
            Many(*wrong)  # type: ignore[arg-type]


def test_a_mutable_one_is_set_again() -> None:
    """Its fields can be set, others cannot; what may change has no hash."""
    one = Counted("a")
    one.count += 1
    assert one == Counted("a", 1)
    assert Counted("a").seen is not Counted("a").seen
    with pytest.raises(AttributeError):
        one.other = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        hash(one)


def test_the_type_checker_keeps_them_frozen(tmp_path: Path) -> None:
    """To set a field a second time is an error of `make check`."""
    (tmp_path / "wrong.py").write_text(
        "from configvault.core.outcome import FailureOutcome\n"
        "def change(outcome: FailureOutcome) -> None:\n"
        "    outcome.kind = 'x'\n"
    )
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), str(tmp_path / "wrong.py")]
    done = subprocess.run(
        command, cwd=Path(__file__).parent.parent, capture_output=True, text=True, check=False
    )
    assert "read-only" in done.stdout, done.stdout

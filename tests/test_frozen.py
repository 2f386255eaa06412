"""Values: what `frozen` gives is what a frozen dataclass would."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from configvault.core.frozen import frozen


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
    """It is made, printed and replaced as a dataclass, and takes no field that it does not have."""
    annotations = {"__annotations__": Many.__annotations__, "__module__": __name__}
    defaults = {"size": 0, "token": field(default="s3cret", repr=False)}
    seen = field(default_factory=list, compare=False)
    plain = dataclass(frozen=True, slots=True)(type("Many", (), annotations | defaults | {"seen": seen}))
    for words in (("a",), ("a", 3), ("a", 3, "x", [1])):
        assert repr(Many(*words)) == repr(plain(*words))  # type: ignore[arg-type]
    assert replace(Many("a"), size=4) == Many("a", 4)
    assert [one.name for one in fields(Many)] == ["name", "size", "token", "seen"]
    assert not hasattr(Many("a"), "__dict__")


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

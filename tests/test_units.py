"""The units, as far as they can be validated without starting them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = Path(__file__).parent.parent / "systemd"
DROP_INS = sorted(path.name for path in (UNITS / "drop-ins").glob("*.conf"))
PROGRAM = "/opt/configvault/bin/configvault"

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)


def settings(path: Path) -> list[str]:
    """Return the lines of a unit that say something."""
    return [line for line in path.read_text().splitlines() if line and not line.startswith("#")]


def analyze(*arguments: str | Path) -> str:
    """Return everything systemd-analyze prints; it exits 0 also where it only warns."""
    command = ["systemd-analyze", "--no-pager", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip()


def complaints(folder: Path, name: str, text: str) -> str:
    """Return what `verify` says of a unit, with a program in it that is there."""
    unit = folder / name
    unit.write_text(text.replace(PROGRAM, "/bin/true"))
    return analyze("verify", unit)


def score(folder: Path, *parts: Path) -> float:
    """Return the exposure of a unit with drop-ins, 0 to 10, lower is better."""
    unit = folder / "configvault.service"
    unit.write_text("".join(part.read_text() for part in parts))
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", analyze("security", "--offline=true", unit))
    assert found
    return float(found[1])


@needs_analyze
@pytest.mark.parametrize("name", ["configvault.service", "configvault@.service"])
def test_verify_is_clean(tmp_path: Path, name: str) -> None:
    """Systemd has nothing to say about the units, not even a warning."""
    assert complaints(tmp_path, name.replace("@", "@name"), (UNITS / name).read_text()) == ""


@needs_analyze
@pytest.mark.parametrize("name", DROP_INS)
def test_drop_ins_verify(tmp_path: Path, name: str) -> None:
    """Systemd has nothing to say about the unit with each drop-in."""
    text = (UNITS / "configvault.service").read_text() + (UNITS / "drop-ins" / name).read_text()
    assert complaints(tmp_path, "configvault.service", text) == ""


@needs_analyze
def test_verify_sees_a_fault(tmp_path: Path) -> None:
    """A key that systemd does not know would be noticed."""
    text = (UNITS / "configvault.service").read_text().replace("ProtectHome=", "ProtectHouse=")
    assert "ProtectHouse" in complaints(tmp_path, "configvault.service", text)


@needs_analyze
@pytest.mark.parametrize(
    ("parts", "at_most"),
    [
        (["configvault.service"], 2.1),
        (["configvault@.service"], 2.1),
        (["configvault.service", "drop-ins/no-setgid.conf"], 1.9),
        (["configvault.service", "drop-ins/own-user.conf"], 1.9),
    ],
)
def test_exposure(tmp_path: Path, parts: list[str], at_most: float) -> None:
    """The units are as hardened as a program can be that keeps owners: 2.1 with set-gid folders, 1.9 without."""
    assert score(tmp_path, *(UNITS / part for part in parts)) <= at_most


def test_both_units_say_the_same() -> None:
    """The unit for several roots differs from the one for one root in its name only."""
    several = [
        line.replace("-%i", "").replace(" (%i)", "") for line in settings(UNITS / "configvault@.service")
    ]
    one = settings(UNITS / "configvault.service")
    assert [line.replace("%i.yaml", "config.yaml") for line in several] == one


def test_restarts_are_bounded() -> None:
    """A failing daemon is started again, but not for ever, and not on what another try cannot cure."""
    lines = settings(UNITS / "configvault.service")
    assert {"Type=notify", "NotifyAccess=main", "Restart=on-failure", "RestartPreventExitStatus=5 78"} <= set(
        lines
    )
    assert any(line.startswith("StartLimitBurst=") for line in lines)
    assert any(line.startswith("WatchdogSec=") for line in lines)

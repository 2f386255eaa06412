"""Whole lives of a vault, at random, beside a model of it in memory. See `machine.py` for how to add a verb.

Played twice: always the same, so that what fails fails again; and from a number that is printed, never the same.
"""

from __future__ import annotations

import secrets
import sys
import time

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from machine import Play

LIVES, STEPS = 40, 40
ROUND = 8


def play(lives: int, number: int | None) -> None:
    """Play so many lives, from `number` on or (None) always the same; the shortest that fails is printed."""
    how = settings(
        max_examples=lives,
        stateful_step_count=STEPS,
        derandomize=number is None,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    machine = type("Play", (Play,), {})
    run_state_machine_as_test(machine if number is None else seed(number)(machine), settings=how)


def test_fixed() -> None:
    """The same lives as ever: root, vault and replica are what the model says after each step."""
    play(LIVES, None)


def test_fresh(pytestconfig: pytest.Config) -> None:
    """The same in lives that were never played before."""
    given = pytestconfig.getoption("--model-seed")
    number = secrets.randbelow(10**9) if given is None else given
    end_s = time.monotonic() + pytestconfig.getoption("--model-seconds")
    while time.monotonic() < end_s:
        sys.stderr.write(f"\nagain with: make model ARGS='-k fresh --model-seed {number}' ")
        play(ROUND, number)
        number += 1

"""Turn a scalar's text into the type of its field, within what is allowed."""

from __future__ import annotations

import re
from typing import Any

from configvault.config import forms
from configvault.core import units
from configvault.core.settings import LONGEST_S, Allowed

BOOLEANS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


def convert(hint: Any, allowed: Allowed, text: str) -> Any:
    """Return `text` as `hint`, within what is `allowed`.

    Raises:
        ValueError: with what is allowed.
    """
    if hint is bool:
        return _boolean(text)
    if hint is float and allowed.form in ("percent", "factor"):
        return _within((_percent if allowed.form == "percent" else _factor)(text), allowed, units.number_text)
    if hint is float:
        return _within(_duration(text), allowed, units.duration_text)
    if hint is int and allowed.form == "size":
        return _within(_size(text), allowed, units.size_text)
    if hint is int:
        return _within(_integer(text), allowed, str)
    if allowed.choices:
        return _choice(text, allowed.choices)
    if allowed.form in forms.FORMS:
        formed = forms.FORMS[allowed.form](text)
        return formed if formed is None else type(text)(formed)
    return text


def _boolean(text: str) -> bool:
    if text.lower() not in BOOLEANS:
        raise ValueError("use true or false")
    return BOOLEANS[text.lower()]


def _duration(text: str) -> float:
    try:
        return units.duration(text)
    except ValueError:
        raise ValueError(f"it is not a duration, use {units.DURATIONS}") from None


def _percent(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%", text.strip())
    if match is None:
        raise ValueError("use a share in percent, such as 5%")
    return float(match[1]) / 100


def _factor(text: str) -> float:
    match = re.fullmatch(r"([0-9]{1,4}(?:\.[0-9]{1,6})?) ?x?", text.strip())
    if match is None:
        raise ValueError("use a factor, such as 2x")
    return float(match[1])


def _size(text: str) -> int:
    try:
        return units.size(text)
    except ValueError:
        raise ValueError(f"it is not a size, use {units.SIZES}") from None


def _integer(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,15}|[0-9]{1,3}(_[0-9]{3}){1,4}", text):
        raise ValueError("use a whole number")
    return int(text)


def _within(value: Any, allowed: Allowed, text: Any) -> Any:
    most = LONGEST_S if allowed.most is None and isinstance(value, float) else allowed.most
    if allowed.above is not None and value <= allowed.above:
        raise ValueError(f"it must be more than {text(allowed.above)}")
    if value < allowed.least:
        raise ValueError(f"it must be {text(int(allowed.least))} or more")
    if most is not None and value > most:
        raise ValueError(f"it must be {text(int(most))} or less")
    return value


def _choice(text: str, choices: tuple[str, ...]) -> str:
    # YAML 1.1 people write `off` as false, and some editors rewrite it so.
    word = "off" if text.lower() == "false" and "off" in choices else text.lower()
    chosen = {choice.lower(): choice for choice in choices}.get(word)
    if chosen is None:
        raise ValueError(f"use one of {', '.join(choices)}")
    return chosen

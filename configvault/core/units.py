"""Parse and format durations in seconds (`500ms`, `5m`, `1d`) and sizes in bytes (`10MiB`, `1GB`)."""

from __future__ import annotations

import re

DURATIONS = "500ms, 30s, 5m, 2h, 1d or a number of seconds"
SIZES = "10MiB, 1GB, 512KiB or a number of bytes"

SECONDS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "": 1.0}
BYTES = {"": 1, "b": 1} | {
    f"{letter}{suffix}": base**power
    for power, letter in enumerate("kmgt", start=1)
    for suffix, base in (("ib", 1024), ("b", 1000))
}


def duration(text: str) -> float:
    """Return the duration `text` in seconds.

    Raises:
        ValueError: it is not a duration.
    """
    number, factor = _split(text, SECONDS)
    # 0.001 has no exact binary form; with a division 500ms is exactly 0.5.
    return number / 1000 if factor == SECONDS["ms"] else number * factor


def size(text: str) -> int:
    """Return the size `text` in bytes.

    Raises:
        ValueError: it is not a size.
    """
    number, factor = _split(text, BYTES)
    return int(number * factor)


def _split(text: str, units: dict[str, float] | dict[str, int]) -> tuple[float, float]:
    match = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?) ?([a-z]*)", text.strip().lower())
    if match is None or match[2] not in units:
        raise ValueError(text)
    return float(match[1]), units[match[2]]


def duration_text(seconds: float) -> str:
    """Return `seconds` as a whole number of the largest possible unit; `duration` parses the result."""
    for unit in ("d", "h", "m", "s", "ms"):
        if seconds and not seconds % SECONDS[unit] and unit != "ms":
            return f"{seconds / SECONDS[unit]:.0f}{unit}"
    milliseconds = round(seconds * 1000, 6)
    return "0s" if not seconds else f"{milliseconds:g}ms"


def number_text(number: float) -> str:
    """Return a plain number, without trailing zeros after the point."""
    return f"{number:g}"


def size_text(size_bytes: int) -> str:
    """Return `size_bytes` as a whole number of the largest possible binary unit; `size` parses the result."""
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if size_bytes and not size_bytes % BYTES[unit.lower()]:
            return f"{size_bytes // BYTES[unit.lower()]}{unit}"
    return str(size_bytes)

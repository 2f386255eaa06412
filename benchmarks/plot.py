"""Cost against size as SVG by hand: both axes logarithmic, a label at the end of each line, light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

OURS = "configvault"
WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 62, 200, 54, 46
_LINE_HEIGHT = 15
# Grey reads on both grounds; the reader's scheme decides where the viewer passes it on.
_STYLE = """
text { font: 12px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #59636e }
.title { font-size: 15px; font-weight: 600; fill: #1f2328 }
.grid { stroke: #8b949e; stroke-opacity: .25 }
.line { fill: none; stroke: #8b949e; stroke-width: 1.5; stroke-linejoin: round }
.dot { fill: #8b949e }
.ours { stroke: #0969da; stroke-width: 3 }
.ours-dot { fill: #0969da }
.ours-text { fill: #0969da; font-weight: 600 }
@media (prefers-color-scheme: dark) {
  text { fill: #9198a1 } .title { fill: #f0f6fc }
  .ours { stroke: #4493f8 } .ours-dot, .ours-text { fill: #4493f8 }
}
"""


def cost_against_size(title: str, series: Mapping[str, Mapping[int, float]], of: str = "files") -> str:
    """Return an SVG of seconds by the number of files, or `of` something else, one line for each name."""
    sizes = sorted({size for points in series.values() for size in points})
    values = [value for points in series.values() for value in points.values()]
    frame = _Frame(sizes, min(values), max(values), of)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
            f"<style>{_STYLE}</style>",
            f'<text class="title" x="{LEFT}" y="24">{escape(title)}</text>',
            *frame.axes(),
            *_lines(frame, series),
            "</svg>",
            "",
        ]
    )


class _Frame:
    """Where a size and a time are on the picture."""

    def __init__(self, sizes: Sequence[int], least: float, most: float, of: str) -> None:
        self._sizes = sizes
        self._of = of
        self._x = (math.log10(sizes[0]), math.log10(max(sizes[-1], sizes[0] * 10)))
        self._y = (math.floor(math.log10(least)), math.ceil(math.log10(most)))

    def x(self, size: float) -> float:
        low, high = self._x
        return LEFT + (math.log10(size) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, seconds: float) -> float:
        low, high = self._y
        return HEIGHT - BOTTOM - (math.log10(seconds) - low) / max(high - low, 1) * (HEIGHT - TOP - BOTTOM)

    def axes(self) -> Iterator[str]:
        right = WIDTH - RIGHT
        for power in range(self._y[0], self._y[1] + 1):
            y = self.y(10.0**power)
            yield f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>'
            yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_seconds(power)}</text>'
        for size in self._sizes:
            yield f'<text x="{self.x(size):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{size:,}</text>'
        yield f'<text x="{(LEFT + right) / 2:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{self._of}</text>'


def _lines(frame: _Frame, series: Mapping[str, Mapping[int, float]]) -> Iterator[str]:
    # Ours last, so that it lies on top.
    ordered = sorted(series, key=_is_ours)
    ends = {name: frame.y(series[name][max(series[name])]) for name in ordered}
    labels = _apart(ends)
    for name in ordered:
        ours = _is_ours(name)
        points = [(frame.x(size), frame.y(value)) for size, value in sorted(series[name].items())]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline class="line{" ours" if ours else ""}" points="{path}"/>'
        for x, y in points:
            yield f'<circle class="dot{" ours-dot" if ours else ""}" cx="{x:.1f}" cy="{y:.1f}" r="{3.5 if ours else 2}"/>'
        x, y = points[-1]
        kind = ' class="ours-text"' if ours else ""
        yield f'<text{kind} x="{x + 10:.1f}" y="{labels[name] + 4:.1f}">{escape(name)}</text>'


def _is_ours(name: str) -> bool:
    return name.split(maxsplit=1)[0] == OURS


def _apart(places: Mapping[str, float]) -> dict[str, float]:
    """Return heights for labels near `places` that do not run into each other."""
    ordered = sorted(places.items(), key=lambda item: item[1])
    found: list[float] = []
    for _, y in ordered:
        found.append(max(y, found[-1] + _LINE_HEIGHT) if found else y)
    # What was pushed down too far pushes back up.
    limit = float(HEIGHT - BOTTOM)
    for number in reversed(range(len(found))):
        found[number] = min(found[number], limit)
        limit = found[number] - _LINE_HEIGHT
    return {name: y for (name, _), y in zip(ordered, found, strict=True)}


def _seconds(power: int) -> str:
    return f"{10**power:g} s" if power >= 0 else f"{10 ** (power + 3):g} ms"

"""Draws a row of bars as plain numbers for an SVG: where each bar stands, how high it is, what the axis says. Called by Today.

No script and no inline style: the template writes the numbers, the stylesheet the colours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 320, 170
LEFT, TOP, BOTTOM = 64, 10, 24
"""Room for the words of the axes."""
GAP = 4
EVERY = 3
"""Each so-many-th bar is named under it."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, in units of the drawing; ``name`` is empty where there is no room to write it."""

    x: float
    y: float
    width: float
    height: float
    name: str
    coming: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the grid with the words beside it."""

    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    bars: Sequence[Bar]
    grid: Sequence[Line]
    zero: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT


def draw(
    values: Sequence[int], names: Sequence[str], *, least_top: int, words: Callable[[int], str], coming: int = 0
) -> Chart:
    """Bars for ``values`` on an axis that reaches ``least_top`` or more, and below zero where a value does.

    ``words`` says a value of the axis; the last ``coming`` bars are drawn as what is not over yet.
    """
    top, bottom = _round_up(max([least_top, *values])), -_round_up(-min([0, *values]))
    room, step = HEIGHT - TOP - BOTTOM, (WIDTH - LEFT) / max(1, len(values))

    def at(value: float) -> float:
        return round(TOP + room * (top - value) / (top - bottom), 1)

    bars = [
        Bar(
            x=round(LEFT + number * step + GAP / 2, 1),
            y=min(at(value), at(0)),
            width=round(step - GAP, 1),
            height=round(abs(at(value) - at(0)), 1),
            name=name if (len(values) - 1 - number) % EVERY == 0 else "",
            coming=number >= len(values) - coming,
        )
        for number, (value, name) in enumerate(zip(values, names, strict=True))
    ]
    marks = sorted({bottom, 0, top // 2, top})
    return Chart(bars, [Line(at(mark), words(mark)) for mark in marks], at(0))


def _round_up(value: int) -> int:
    """The next of 1, 2, 4, 5, 8 or 10 times a power of ten; 0 stays 0."""
    if value <= 0:
        return 0
    power = 10 ** (len(str(value)) - 1)
    return next(step * power for step in (1, 2, 4, 5, 8, 10) if step * power >= value)

"""Dies at the points of one flow, one after the other, and says which deaths were not survived. Called by the tests and by
`python -m tests.crashes`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from .all_flows import FLOWS, stands
from .flows import Flow
from .world import World, tried

Maker = Callable[[bool], AbstractContextManager[World]]
"""Given whether webhooks arrive: a fresh club on a database of its own."""


@dataclass
class Tally:
    """What came of one flow."""

    points: int = 0
    died: int = 0
    lost: list[str] = field(default_factory=list)
    """Deaths that were not survived: number, point and what was found."""

    def add(self, other: Tally) -> None:
        """Count another flow in."""
        self.points, self.died, self.lost = self.points + other.points, self.died + other.died, self.lost + other.lost


def die_everywhere(name: str, webhooks: bool, make: Maker, *, every: int = 1, only: int | str | None = None) -> Tally:
    """Live through the flow once, then die at each of its points, each ``every``-th, or ``only`` one (by number or name)."""
    flow = FLOWS[name]
    try:
        with make(webhooks) as world:
            points = _undisturbed(world, flow)
    except AssertionError as error:
        return Tally(lost=[f"undisturbed: {str(error)[:400]}"])
    tally = Tally(points=len(points))
    first = len(name) % every  # so that each flow's sample begins elsewhere
    if isinstance(only, str):
        only = points.index(only)
    for number in [only] if only is not None else range(first, len(points), every):
        tally.died += 1
        try:
            with make(webhooks) as world:
                _died(world, flow, number, comes_back=number % 4 in (1, 2))
        except AssertionError as error:
            tally.lost.append(f"{number} {points[number]}: {str(error)[:400]}")
    return tally


def _prepare(world: World, flow: Flow) -> None:
    for step in flow.before:
        tried(step, world)


def _undisturbed(world: World, flow: Flow) -> list[str]:
    """The points of the flow, after everything was found as it should be."""
    _prepare(world, flow)
    points, _ = world.live(flow.steps)
    ends = {who: stands(world, who) for who in flow.undisturbed}
    assert ends == flow.undisturbed, ends
    assert points
    world.settle()
    world.check()
    return points


def _died(world: World, flow: Flow, point: int, *, comes_back: bool) -> None:
    """Die at the point, start again, let the person come back or not, and find everything as it should be."""
    _prepare(world, flow)
    _, done = world.live(flow.steps, die_at=point)
    if comes_back or flow.persists:
        world.live(flow.steps[done:])
    world.settle()
    world.check()
    for who, state in flow.undisturbed.items():
        assert stands(world, who) in {state, *flow.ends.get(who, ())}, (who, stands(world, who))

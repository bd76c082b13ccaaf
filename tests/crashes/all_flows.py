"""Every flow that the crash matrix dies in, by name, and how somebody's purchase stands after it. Called by the matrix."""

from __future__ import annotations

from app.models import Order
from tests.support.rows import all_of

from . import purchases
from .desk_flows import DESK_FLOWS
from .flows import FLOWS as MAIN_FLOWS
from .flows import NOTHING, Flow, State
from .world import World

FLOWS: dict[str, Flow] = MAIN_FLOWS | DESK_FLOWS


def stands(world: World, who: str) -> State:
    """How the newest purchase of ``who`` stands."""
    orders = [order for order in all_of(Order, email=f"{who}@example.org") if not purchases.is_difference(order)]
    return world.state(orders[-1].token) if orders else NOTHING

"""What staff do at the desk, and what people buy beside one booking, one step at a time. Called by the flows.

Whoever got no answer sends the same form again: its one-time key is the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from app.models import Case, ClubSession, Order, OrderItem, Product, Registration
from app.queries.memberships import VISITOR
from app.rules.statuses import ItemKind
from app.services import (
    adding,
    baskets,
    checkout,
    differences,
    ending_holds,
    moving,
    product_access,
    staff_actions,
    suspense,
    taking_payment,
    winding_up,
)
from app.services.by_hand import Means
from app.services.differences import Settlement, Settling
from app.services.items import Buyer, Wanted
from app.services.memberships import Joiner
from tests.support.factories import make_club_session, make_plan
from tests.support.hosting import begin_listing, make_draft, make_host
from tests.support.rows import all_of, the
from tests.support.shop import make_course

from .steps import order_of, session_of
from .world import Step, World

STAFF, WHY, PLAN = "user:1", "They asked for it.", "year"
LATER = timedelta(minutes=30)


def another_session(**changes: object) -> Step:
    """A second session, to move to or to put into a basket."""

    def step(world: World) -> None:
        world.memory["other"] = make_club_session(**{"capacity": 2, **changes}).id

    return step


def plan(_world: World) -> None:
    """A membership on sale at NZ$30.00."""
    make_plan(slug=PLAN, price_cents=3000)


def _other(world: World) -> ClubSession:
    return the(ClubSession, id=world.memory["other"])


def _booking(who: str) -> Registration:
    return all_of(Registration, email=f"{who}@example.org")[0]


def _settlement(world: World, who: str, how: Settling, cents: int, act: str) -> Settlement:
    return Settlement(how, WHY, f"{act}-{who}", cents, pay_by=world.clock.now + LATER)


def staff_move(who: str, how: Settling, cents: int) -> Step:
    """To the other session, which costs ``cents`` more."""
    return lambda world: moving.move(_booking(who).token, _other(world).slug, _settlement(world, who, how, cents, "move"), STAFF)


def staff_change_places(who: str, wanted: int, how: Settling, cents: int) -> Step:
    return lambda world: moving.change_places(
        _booking(who).token, wanted, _settlement(world, who, how, cents, "places"), STAFF
    )


def staff_settle_owed(who: str, how: Settling, cents: int) -> Step:
    return lambda world: differences.settle_owed(_booking(who).token, _settlement(world, who, how, cents, "owed"), STAFF)


def goes_on_with_the_difference(who: str) -> Step:
    """ "Pay now" on the page of what a change costs more."""

    def step(_world: World) -> None:
        lines = all_of(OrderItem, registration_id=_booking(who).id)
        checkout.pay(the(Order, id=max(line.order_id for line in lines)).token)

    return step


def staff_take(who: str, means: Means) -> Step:
    return lambda _: taking_payment.take(_booking(who).token, means, WHY, STAFF, once=f"take-{who}")


def staff_cancel(who: str, cents: int) -> Step:
    return lambda _: staff_actions.cancel(_booking(who).token, cents, WHY, STAFF, once=f"cancel-{who}")


def staff_end_hold(who: str) -> Step:
    return lambda _: ending_holds.end_hold(_booking(who).token, WHY, STAFF, once=f"end-{who}")


def staff_pay_out(_world: World) -> None:
    """Whatever waits to be handed back is handed back."""
    for case in all_of(Case, kind=suspense.BY_HAND):
        if case.closed_at is None:
            suspense.paid_by_hand(case.id, STAFF)


def staff_add(who: str, how: adding.How) -> Step:
    def step(world: World) -> None:
        form = adding.Wanted(who, 1, how, f"add-{who}", email=f"{who}@example.org", reason=WHY, pay_by=world.clock.now + LATER)
        adding.add(session_of(world).slug, form, STAFF)

    return step


def staff_cancel_the_other_session(world: World) -> None:
    winding_up.cancel_session(_other(world).slug, STAFF, "The hall is closed.")


def hosts_what_the_committee_looks_at(who: str) -> Step:
    """A session of their own, as far as the payment page for its fee of NZ$12.00."""

    def step(world: World) -> None:
        world.app.extensions["muster_settings"] = replace(world.app.extensions["muster_settings"], listing_review=True)
        host = make_host(email=f"{who}@example.org")
        draft = make_draft(host)
        world.memory["other"] = draft.id
        begin_listing(host, draft)

    return step


def joins(who: str) -> Step:
    """A visitor buys a membership."""
    return lambda _: checkout.begin_membership(PLAN, Joiner(who, f"{who}@example.org", 3000, f"join-{who}"))


def checks_out_a_basket(who: str) -> Step:
    """Both sessions and a membership, in one order."""

    def step(world: World) -> None:
        buyer, key = Buyer(who, f"{who}@example.org", None, VISITOR), f"basket {who}"
        if order_of(who) is None:
            wanted = [Wanted(ItemKind.REGISTRATION, one.slug) for one in (session_of(world), _other(world))]
            for line in [*wanted, Wanted(ItemKind.MEMBERSHIP, PLAN)]:
                world.memory[key] = baskets.add(world.memory.get(key), line, buyer)
        total = baskets.view(world.memory[key], buyer).total_cents
        checkout.begin_basket(world.memory[key], buyer, total, f"attempt-{who}")

    return step


def course(_world: World) -> None:
    """A course at NZ$25.00 that one person may have."""
    make_course("The grip", title="A course", price_cents=2500, stock=1)


def buys_the_course(who: str) -> Step:
    """From its page, as far as Stripe's; the same form again after a lost answer."""

    def step(world: World) -> None:
        buyer, key = Buyer(who, f"{who}@example.org", None, VISITOR), f"course {who}"
        if key not in world.memory:
            world.memory[key] = baskets.add(None, Wanted(ItemKind.PRODUCT, the(Product).slug), buyer)
        checkout.begin_basket(world.memory[key], buyer, 2500, f"attempt-{who}")

    return step


def staff_give_the_course_back(who: str) -> Step:
    """All that was paid for it."""

    def step(_world: World) -> None:
        order = order_of(who)
        assert order is not None
        product_access.refund(the(OrderItem, order_id=order.id).id, 2500, WHY, STAFF, once=f"back-{who}")

    return step

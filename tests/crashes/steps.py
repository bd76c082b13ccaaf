"""What people, staff, Stripe, time and the worker do, one step at a time. Called by the flows.

A step may be taken again by somebody who got no answer: the same form, the same link, the same button.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import update

from app.models import Case, ClubSession, Order, Payment, Registration
from app.rules.statuses import PaymentStatus
from app.services import cancelling, checkout, ending, offers, reconciling, returning, suspense, winding_up
from app.transaction import transaction
from tests.support.booking import applicant
from tests.support.factories import make_club_session, make_free_club_session
from tests.support.rows import all_of, the

from .world import Step, World

# --- people -------------------------------------------------------------------------------------------------------------


def asks(who: str, **changes: object) -> Step:
    """``who`` sends the form; the same form again after a lost answer."""

    def step(world: World) -> None:
        form = world.memory.setdefault(f"form {who}", applicant(email=f"{who}@example.org", **changes))
        checkout.begin_registration(session_of(world).slug, form)

    return step


def asks_while_stripe_answers_nothing(who: str) -> Step:
    """The Checkout is made, its answer is lost, and so the place is let go at once."""

    def step(world: World) -> None:
        world.stripe.control.fail("checkout.create", "timeout", times=2, when="after", seconds=0)
        try:
            asks(who)(world)
        finally:
            world.stripe.control.clear_faults()

    return step


def session_of(world: World) -> ClubSession:
    return the(ClubSession, id=world.memory["session"])


def order_of(who: str) -> Order | None:
    return next(iter(all_of(Order, email=f"{who}@example.org")), None)


def checkouts_of(world: World, who: str) -> list[dict[str, Any]]:
    """Every Checkout that was made for this person, oldest first."""
    return [s for s in world.stripe.control.sessions() if s["customer_email"] == f"{who}@example.org"]


def pays(who: str, *, newest: bool = True) -> Step:
    """``who`` pays what their browser shows: the newest (or the first) Checkout made for their address."""

    def step(world: World) -> None:
        mine = checkouts_of(world, who)
        if mine:
            world.stripe.pay(mine[-1 if newest else 0]["id"])

    return step


def returns(who: str) -> Step:
    """Stripe sends the browser back to the address that the Checkout was made with."""

    def step(world: World) -> None:
        paid = [s for s in checkouts_of(world, who) if s["status"] == "complete"]
        if paid:
            parts = urlsplit(paid[-1]["success_url"].replace("{CHECKOUT_SESSION_ID}", paid[-1]["id"]))
            returning.confirm(parts.path.split("/")[2], parse_qs(parts.query)["session_id"][0])

    return step


def with_order(who: str, act: Callable[[str], object]) -> Step:
    """Press a button on the order's page."""

    def step(_world: World) -> None:
        order = order_of(who)
        if order is not None:
            act(order.token)

    return step


def with_offer(who: str, act: Callable[[str], object]) -> Step:
    """Press a button on the offer's page."""

    def step(_world: World) -> None:
        order = order_of(who)
        if order is not None:
            act(the(Registration, order_id=order.id).token)

    return step


def gives_up(who: str) -> Step:
    return with_order(who, ending.give_up)


def cancels(who: str, *, when_replaced: bool = False) -> Step:
    return with_order(who, lambda token: cancelling.cancel_order(token, when_replaced=when_replaced))


def accepts(who: str) -> Step:
    return with_offer(who, offers.accept)


def goes_on(who: str) -> Step:
    return with_order(who, checkout.pay)


# --- Stripe, staff, time and the worker ------------------------------------------------------------------------------------


def delivers(world: World) -> None:
    world.deliver()


def works(world: World) -> None:
    world.work()


def waits(**span: float) -> Step:
    return lambda world: world.clock.advance(**span)


def session(*, free: bool = False, **changes: object) -> Step:
    """A session with one place, at NZ$12.00 or free, in a week."""

    def step(world: World) -> None:
        make = make_free_club_session if free else make_club_session
        world.memory["session"] = make(**{"capacity": 1, **changes}).id

    return step


def staff_cancel_the_session(world: World) -> None:
    winding_up.cancel_session(session_of(world).slug, "user:1", "The hall is closed.")


def staff_refund_in_the_dashboard(world: World) -> None:
    if not world.stripe.control.refunds():
        world.stripe.control.refund(world.stripe.control.payments()[0]["id"], 500)


def bank_disputes(world: World) -> None:
    if not world.stripe.control.disputes():
        world.stripe.control.dispute(world.stripe.control.payments()[0]["id"])


def bank_decides(verdict: str) -> Step:
    return lambda world: world.stripe.control.close_dispute(world.stripe.control.disputes()[0]["id"], verdict)


def first_attempt_is_forgotten(_world: World) -> None:
    """As after a restored backup: we take the first attempt for ended although its Checkout can still be paid."""
    with transaction() as db:
        db.execute(update(Payment).values(status=PaymentStatus.EXPIRED, next_check_at=None))


def price_is_changed_behind_our_back(_world: World) -> None:
    """What Stripe will say was paid is not what was ordered."""
    with transaction() as db:
        db.execute(update(Payment).values(amount_cents=1300))


def staff_give_it_back(_world: World) -> None:
    for case in all_of(Case, kind="payment_mismatch"):
        if case.closed_at is None:
            suspense.give_back(case.id, "user:1")


def compares(_world: World) -> None:
    reconciling.reconcile()


def starts(world: World) -> None:
    """The session begins."""
    world.clock.set(session_of(world).starts_at + timedelta(minutes=1))

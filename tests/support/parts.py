"""Orders of several lines: filled, paid and looked at line by line. Called by tests of what happens to one line of them."""

from __future__ import annotations

from typing import Any

from app.models import ClubSession, OrderItem, OutgoingEmail, Payment, Refund, Registration
from app.queries.memberships import Standing
from app.rules.statuses import ItemKind
from app.services import baskets, checkout
from app.services.items import Buyer, Wanted

from .booking import order_of, work
from .factories import make_plan, make_user
from .rows import all_of, the
from .selling import address
from .stripe import StripeSimulator

STAFF, REASON = "user:1", "The hall is closed."


def leave(*sessions: ClubSession, member: bool = False, email: str = "") -> str:
    """Fill a basket with a place in each session (and a membership) and go as far as Stripe's page; the order's token."""
    token, email = None, email or address()
    buyer = Buyer("Ana Lee", email)
    lines = [Wanted(ItemKind.REGISTRATION, session.slug) for session in sessions]
    if member:
        person = make_user(email=email)
        buyer = Buyer(person.name, email, person.id, Standing(own_address=True))
        lines.append(Wanted(ItemKind.MEMBERSHIP, make_plan(price_cents=1500).slug))
    for line in lines:
        token = baskets.add(token, line, Buyer())
    assert token is not None
    return checkout.begin_basket(token, buyer, baskets.view(token, buyer).total_cents, f"form-{email}").order_token


def pay(simulator: StripeSimulator, token: str) -> str:
    simulator.pay(the(Payment, order_id=order_of(token).id).checkout_id)
    return token


def come(simulator: StripeSimulator) -> None:
    simulator.deliver()
    work()
    simulator.deliver()
    work()


def paid(simulator: StripeSimulator, *sessions: ClubSession, **more: Any) -> str:
    token = pay(simulator, leave(*sessions, **more))
    come(simulator)
    return token


def booking(token: str, session: ClubSession) -> Registration:
    return the(Registration, order_id=order_of(token).id, club_session_id=session.id)


def states(token: str, *sessions: ClubSession) -> list[str]:
    """How the order stands, and its booking of each session."""
    return [order_of(token).status.value, *(booking(token, session).status.value for session in sessions)]


def line_of(token: str, session: ClubSession) -> int:
    return the(OrderItem, registration_id=booking(token, session).id).id


def text_of(template: str) -> str:
    """What the one mail of a template says."""
    return the(OutgoingEmail, template=template).text_body or ""


def back_of() -> list[tuple[int | None, int]]:
    return [(refund.order_item_id, refund.amount_cents) for refund in all_of(Refund)]

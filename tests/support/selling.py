"""How each kind of item is sold in a test: one driver for each kind that the club sells. Called by ``test_every_kind``.

A new kind comes with its driver here; without one the tests of every flow fail for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from sqlalchemy import update

from app import clock
from app.models import ClubSession, ListingPurchase, Membership, MembershipPlan, OrderItem, Registration
from app.models.memberships import MembershipPurchase
from app.rules.statuses import ItemKind, SessionStatus
from app.services import checkout
from app.services.memberships import Joiner
from app.transaction import transaction

from .booking import begin, order_of
from .factories import make_club_session, make_plan
from .hosting import begin_listing, make_draft, make_host
from .rows import all_of, the
from .shop import begin_product, empty, has_access, make_file, product_of, purchase_of

_number = count(1)


def address() -> str:
    """A buyer nobody has seen before."""
    return f"buyer{next(_number)}@example.org"


def item_of(token: str) -> OrderItem:
    return the(OrderItem, order_id=order_of(token).id)


@dataclass(frozen=True)
class Driver:
    """One kind's ways. Each takes or gives the token of an order for one such thing alone."""

    order: Callable[[str], str]
    """Put one up for sale and have the address order it, as far as Stripe's page."""
    has: Callable[[str], bool]
    """Whether the buyer has what was ordered."""
    vanish: Callable[[str], None]
    """From now on it cannot be had, whatever is paid."""
    apology: str
    """The letter for money that came when it could not be had."""
    letter: str
    keeps: Callable[[str], bool] = lambda _token: False
    """Whether something scarce is kept for this unpaid order."""
    lost_by_refund: bool = True
    """Whether a refund in full takes it away again; a registration is cancelled by an act of its own."""


def _order_place(email: str) -> str:
    return begin(make_club_session(capacity=1), email=email)


def _registration(token: str) -> Registration:
    return the(Registration, order_id=order_of(token).id)


def _place_taken(token: str) -> bool:
    return the(ClubSession, id=_registration(token).club_session_id).places_taken == 1


def _cancel_session(token: str) -> None:
    with transaction() as db:
        session = ClubSession.id == _registration(token).club_session_id
        db.execute(update(ClubSession).where(session).values(status=SessionStatus.CANCELLED, wound_up_at=clock.now()))


def _order_membership(email: str) -> str:
    plan = make_plan(price_cents=1200)
    return checkout.begin_membership(plan.slug, Joiner("Ana Lee", email, 1200, f"joins-{email}")).order_token


def _is_member(token: str) -> bool:
    return any(m.revoked_at is None for m in all_of(Membership, order_item_id=item_of(token).id))


def _end_plan(token: str) -> None:
    plan_id = the(MembershipPurchase, order_item_id=item_of(token).id).plan_id
    with transaction() as db:
        over = {"length_months": None, "fixed_end_on": clock.now().date().replace(year=2020)}
        db.execute(update(MembershipPlan).where(MembershipPlan.id == plan_id).values(over))


def _order_listing(email: str) -> str:
    host = make_host(email=email)
    return begin_listing(host, make_draft(host))


def _listed(token: str) -> ClubSession:
    return the(ClubSession, id=the(ListingPurchase, order_item_id=item_of(token).id).club_session_id)


def _cancel_draft(token: str) -> None:
    with transaction() as db:
        draft = ClubSession.id == _listed(token).id
        db.execute(update(ClubSession).where(draft).values(status=SessionStatus.CANCELLED, wound_up_at=clock.now()))


def _order_product(email: str) -> str:
    return begin_product(make_file(stock=1, member_price_cents=None), email)


def _empty_product(token: str) -> None:
    empty(product_of(token).slug)


DRIVERS: dict[ItemKind, Driver] = {
    ItemKind.REGISTRATION: Driver(
        order=_order_place,
        has=lambda token: _registration(token).status == "registered",
        vanish=_cancel_session,
        apology="refunded_cancelled",
        letter="confirmation",
        keeps=_place_taken,
        lost_by_refund=False,
    ),
    ItemKind.MEMBERSHIP: Driver(
        order=_order_membership,
        has=_is_member,
        vanish=_end_plan,
        apology="membership_refunded",
        letter="membership_started",
    ),
    ItemKind.PRODUCT: Driver(
        order=_order_product,
        has=has_access,
        vanish=_empty_product,
        apology="purchase_refunded",
        letter="purchased",
        keeps=lambda token: purchase_of(token).kept and product_of(token).stock_taken == 1,
    ),
    ItemKind.LISTING: Driver(
        order=_order_listing,
        has=lambda token: _listed(token).status is SessionStatus.PUBLISHED,
        vanish=_cancel_draft,
        apology="purchase_refunded",
        letter="listing_published",
        lost_by_refund=False,
    ),
}

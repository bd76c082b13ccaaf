"""Memberships: ordered by people; given, lengthened, ended and paid back by staff.

Called by checkout (to buy) and the desk. What a purchase becomes once it is paid is in ``membership_item``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import false, or_, select
from sqlalchemy.orm import Session, aliased

from .. import clock
from ..extensions import db as flask_db
from ..models import Membership, MembershipPlan, Order, OrderItem, User
from ..models.memberships import MembershipPurchase
from ..queries import membership_plans, memberships
from ..rules.memberships import Span
from ..rules.refusals import InvalidInput, PriceChanged, words
from ..rules.statuses import ItemKind, OrderStatus
from ..rules.vouchers import normalise
from ..transaction import end_read, retried, transaction
from . import account_letters, audit, letters, membership_spans, ordering, orders, paying_back, people, people_rights, vouchers
from .items import Buyer, OrderKey, Wanted
from .ordering import Entered, Outcome

NO_SUCH = words("There is no such membership, or it has ended.")


@dataclass(frozen=True, slots=True)
class Joiner:
    """Who buys. ``user_id`` None: somebody without an account, which is made when the payment succeeds."""

    name: str
    email: str
    expected_price_cents: int | None
    attempt: str
    user_id: int | None = None
    known_orders: tuple[str, ...] = ()
    code: str = ""
    """A code that takes something off, as it was typed."""
    whatsapp_number: str | None = None
    """In E.164; given only by somebody who agreed to be written to there."""

    @property
    def actor(self) -> str:
        return audit.by_user(self.user_id) if self.user_id else audit.GUEST


@retried
def order(plan_slug: str, joiner: Joiner) -> Entered:
    """Order a membership: an order, its line and the attempt to pay. Nothing of it is a membership, or an account, yet.

    Raises PlanNotOnSale, AlreadyMember (with the date it runs to), PriceChanged or InvalidInput.
    """
    now = clock.now()
    with transaction() as db:
        if again := orders.token_of_attempt(db, joiner.attempt):
            return Entered(Outcome.RESUMED, again)
        open_one = _open_order(db, plan_slug, joiner)
        if open_one is not None and _as_asked(db, open_one.id, joiner):
            return Entered(Outcome.RESUMED, open_one.token)
        standing = memberships.standing(db, joiner.user_id, joiner.email, now)
        number = joiner.whatsapp_number
        buyer = Buyer(joiner.name, joiner.email, joiner.user_id, standing, whatsapp_number=number)
        quoted = ordering.quote(db, [Wanted(ItemKind.MEMBERSHIP, plan_slug)], buyer, now, joiner.code)
        if joiner.expected_price_cents != ordering.total(quoted):
            raise PriceChanged(unit_cents=ordering.total(quoted), currency=quoted[0].currency)
        ordering.check_total(quoted)
        made, entered = ordering.write(db, ordering.reserve(db, quoted, buyer, now), buyer, joiner.attempt, now)
        audit.record(db, joiner.actor, "ordered", "order", made.id, plan=plan_slug)
        return entered


def changed_order(plan_slug: str, joiner: Joiner) -> str | None:
    """The order that the same person is about to pay for this plan with another code, or for more: it must end first."""
    db = flask_db.session()
    found = _open_order(db, plan_slug, joiner)
    other = found is not None and not _as_asked(db, found.id, joiner)
    end_read()
    return found.token if found is not None and other else None


def open_order(plan_slug: str, joiner: Joiner) -> int | None:
    """The same, as asked for or not: for the page that shows what a code takes off, which may be the code that it has."""
    found = _open_order(flask_db.session(), plan_slug, joiner)
    return found.id if found is not None else None


def _as_asked(db: Session, order_id: int, joiner: Joiner) -> bool:
    """Whether it has the code that was typed, and asks for no more than the page showed. One that asks for less is kept to."""
    total = db.execute(select(Order.total_cents).where(Order.id == order_id)).scalar_one()
    seen = joiner.expected_price_cents
    return vouchers.of_order(db, order_id) == normalise(joiner.code) and (seen is None or total <= seen)


def _open_order(db: Session, plan_slug: str, joiner: Joiner) -> OrderKey | None:
    """An order for this plan alone that the same person is about to pay, from this browser or signed in: it is gone on with."""
    mine = or_(Order.token.in_(joiner.known_orders), Order.user_id == joiner.user_id if joiner.user_id else false())
    other = aliased(OrderItem)
    more = select(other.id).where(other.order_id == Order.id, other.id != OrderItem.id)
    statement = (
        select(Order.id, Order.token, Order.reference)
        .join(OrderItem, OrderItem.order_id == Order.id)
        .join(MembershipPurchase, MembershipPurchase.order_item_id == OrderItem.id)
        .join(MembershipPlan, MembershipPlan.id == MembershipPurchase.plan_id)
        .where(MembershipPlan.slug == plan_slug, Order.email == joiner.email, mine, ~more.exists())
        .where(Order.status == OrderStatus.PENDING, Order.hold_expires_at > clock.now(), Order.cancel_requested_at.is_(None))
        .order_by(Order.id.desc())
        .limit(1)
    )
    found = db.execute(statement).first()
    return OrderKey(*found) if found is not None else None


@retried
def grant(email: str, ends_on: date, reason: str, actor: str, *, plan_slug: str | None = None) -> int:
    """Give somebody with an account a membership up to a day, from today or from the end of what they have; its id.

    Raises InvalidInput for an address without an account, a day that adds nothing, or no reason.
    """
    reason, now = people_rights.said(reason), clock.now()
    with transaction() as db:
        user_id = people.find(db, email)
        if user_id is None:
            raise InvalidInput("email", words("Nobody with this e-mail address has an account."))
        people.lock(db, user_id)
        span = _span_until(ends_on, memberships.club_today(now), memberships.runs_to(db, user_id, memberships.club_today(now)))
        plan = membership_plans.find(db, plan_slug) if plan_slug else None
        _tell(db, user_id, "given", starts_on=span.starts_on.isoformat(), ends_on=span.ends_on.isoformat())
        return membership_spans.add(db, user_id, span, actor, plan_id=plan.id if plan else None, reason=reason)


def _span_until(ends_on: date, today: date, runs_to: date | None) -> Span:
    starts_on = today if runs_to is None else date.fromordinal(runs_to.toordinal() + 1)
    if ends_on < starts_on:
        raise InvalidInput("ends_on", words("Enter a day after the end of the membership they have."))
    return Span(starts_on, ends_on)


@retried
def extend(membership_id: int, ends_on: date, reason: str, actor: str) -> None:
    """Move a membership's last day, later or earlier. InvalidInput: it has ended, the next has begun by then, no reason."""
    reason = people_rights.said(reason)
    with transaction() as db:
        user_id = _lock_person_of(db, membership_id)
        if membership_spans.runs_into_next(db, membership_id, ends_on):
            raise InvalidInput("ends_on", words("Their next membership has begun by then: change the last day of that one."))
        if not membership_spans.lengthen(db, membership_id, ends_on, actor, reason):
            raise InvalidInput("ends_on", words("Enter a day after the membership began, of a membership that has not ended."))
        _tell(db, user_id, "changed", ends_on=ends_on.isoformat())


@retried
def revoke(membership_id: int, reason: str, actor: str) -> None:
    """End a membership now, without a refund. What was registered at member price stays. Raises InvalidInput."""
    reason = people_rights.said(reason)
    with transaction() as db:
        user_id = _lock_person_of(db, membership_id)
        if not membership_spans.end(db, membership_id, actor, reason):
            raise InvalidInput(None, NO_SUCH)
        _tell(db, user_id, "ended")


@retried
def refund(membership_id: int, reason: str, actor: str) -> int:
    """End a membership that was bought and give back what was paid for it; the cents that are owed. Raises InvalidInput."""
    reason = people_rights.said(reason)
    with transaction() as db:
        row = db.execute(
            select(OrderItem.id, OrderItem.order_id)
            .join(Membership, Membership.order_item_id == OrderItem.id)
            .where(Membership.id == membership_id)
        ).one_or_none()
        if row is None:
            raise InvalidInput(None, words("This membership was not bought, so there is nothing to give back."))
        orders.lock(db, row.order_id)
        if not membership_spans.end(db, membership_id, actor, reason):
            raise InvalidInput(None, NO_SUCH)
        item = db.execute(select(OrderItem).where(OrderItem.id == row.id)).scalar_one()
        owed = paying_back.owe_for_line(db, item, item.unit_amount_cents * item.quantity, "membership_refunded", actor)
        key = f"membership:{membership_id}"
        letters.owe_order_letter(
            db, "membership_refunded", row.order_id, key=key, refund_cents=owed or None, only=item.id
        )
        return owed


def _lock_person_of(db: Session, membership_id: int) -> int:
    user_id = db.execute(select(Membership.user_id).where(Membership.id == membership_id)).scalar_one_or_none()
    if user_id is None:
        raise InvalidInput(None, NO_SUCH)
    people.lock(db, user_id)
    return user_id


def _tell(db: Session, user_id: int, wanted: str, **facts: str) -> None:
    """Owe the person a letter about what staff did, without the reason."""
    person = db.execute(select(User.email, User.name).where(User.id == user_id)).one()
    url = account_letters.site("/membership")
    account_letters.owe(db, "membership_by_staff", person.email, wanted=wanted, url=url, name=person.name, **facts)

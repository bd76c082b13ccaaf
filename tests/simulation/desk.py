"""What staff do at the desk in a history: add, move and change bookings, take money by hand and pay it out, end and give back.

Each act is a function of the story and this step's dice, through the services behind the desk's forms; now and then a form is
sent twice. Used by `mixture`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import RowMapping, select

from app import clock
from app.extensions import db
from app.models import Case, ClubSession, Membership, OrderItem, Registration
from app.queries import desk_quotes
from app.rules.statuses import TAKEN, OrderStatus, PaymentState, RegistrationStatus
from app.services import (
    adding,
    adopted_refunds,
    bookings,
    differences,
    ending_holds,
    failed_refunds,
    memberships,
    moving,
    out_of_turn,
    staff_actions,
    suspense,
    taking_payment,
)
from app.services.by_hand import Means
from app.services.differences import Settlement, Settling
from app.services.out_of_turn import OutOfTurn, Way

from .dice import Dice

if TYPE_CHECKING:
    from .history import Story

STAFF, WHY = "user:1", "They asked for it."
_R = RegistrationStatus


def _sent(dice: Dice, form: Callable[[], object]) -> str:
    """The form is sent, or sent twice: nothing may come of the second that did not come of the first."""
    said = form()
    if dice.random() < 0.15:
        form()
    return str(said)


def _once(story: Story) -> str:
    return f"{story.seed}-{len(story.log)}"


def _booking(story: Story, dice: Dice, *statuses: RegistrationStatus, **where: Any) -> RowMapping:
    fit = [r for r in story.seen.registrations.values() if r["status"] in statuses]
    found: RowMapping = dice.choice([r for r in fit if all(bool(r[name]) is wanted for name, wanted in where.items())])
    return found


def _pay_by(session: Any, dice: Dice) -> Any:
    return min(session.ends_at, clock.now() + timedelta(hours=dice.choice((1, 6, 30))))


def add_by_hand(story: Story, dice: Dice) -> str:
    """For nothing, in cash, by transfer or by a link; now and then for somebody who gives no address, or past capacity."""
    session, person = story.session(dice), dice.choice(story.crowd.people)
    how = dice.choice(list(adding.How))
    nameless = how is not adding.How.LINK and dice.random() < 0.3
    price = dice.choice((None, None, 700)) if how is not adding.How.COMP else None
    wanted = adding.Wanted(
        person.name, dice.choice((1, 1, 2)), how, _once(story), email=None if nameless else person.email, reason=WHY,
        price_cents=price, overbook_to=dice.choice((0, 0, 2)), pay_by=_pay_by(session, dice),
    )  # fmt: skip
    return f"{how} " + _sent(dice, lambda: adding.add(session.slug, wanted, STAFF).total_cents)


def take_money(story: Story, dice: Dice) -> str:
    """For a booking that is held or offered, or owes a difference, whatever the person does at Stripe meanwhile."""
    taken = [r for r in story.seen.registrations.values() if r["status"] in TAKEN]
    token = dice.choice([r for r in taken if r["status"] is not _R.REGISTERED or r["owed_cents"]])["token"]
    means, once = dice.choice(list(Means)), _once(story)
    return f"{means} " + _sent(dice, lambda: taking_payment.take(token, means, WHY, STAFF, once=once))


def _settlement(story: Story, dice: Dice, cents: int, session: Any) -> Settlement:
    more, less = (Settling.LINK, Settling.LINK, Settling.CASH, Settling.BANK), (Settling.REFUND,) * 4
    how = dice.choice((*(less if cents < 0 else more), Settling.WAIVE))
    shown = cents + (100 if dice.random() < 0.04 else 0)  # a page drawn before the price changed
    return Settlement(how, WHY, _once(story), shown, dice.choice((0, 0, 2)), _pay_by(session, dice))


def move(story: Story, dice: Dice) -> str:
    """A booking to another session, whatever that costs more or less."""
    token = _booking(story, dice, _R.REGISTERED, owed_cents=False)["token"]
    registration = db.session.execute(select(Registration).where(Registration.token == token)).scalar_one()
    others = select(ClubSession).where(ClubSession.id != registration.club_session_id).order_by(ClubSession.id)
    target = dice.choice(db.session.execute(others).scalars().all())
    cents = desk_quotes.move_difference(db.session(), registration, target, clock.now())
    settlement, slug = _settlement(story, dice, cents, target), target.slug
    db.session.rollback()
    return f"{settlement.how} {cents} " + _sent(dice, lambda: moving.move(token, slug, settlement, STAFF))


def change_places(story: Story, dice: Dice) -> str:
    """More places for a booking, or fewer."""
    token = _booking(story, dice, _R.REGISTERED, owed_cents=False)["token"]
    registration = db.session.execute(select(Registration).where(Registration.token == token)).scalar_one()
    session = db.session.execute(select(ClubSession).where(ClubSession.id == registration.club_session_id)).scalar_one()
    wanted = dice.choice([n for n in range(1, 5) if n != registration.places])
    line = bookings.line_of(db.session(), registration)
    cents = desk_quotes.places_difference(db.session(), registration, line, session, wanted, clock.now())
    settlement = _settlement(story, dice, cents, session)
    db.session.rollback()
    return f"{settlement.how} {cents} " + _sent(dice, lambda: moving.change_places(token, wanted, settlement, STAFF))


def settle_owed(story: Story, dice: Dice) -> str:
    """What a booking still owes since its link ran out: asked for again, taken by hand, or waived."""
    booking = _booking(story, dice, _R.REGISTERED, owed_cents=True)
    session = story.seen.club_sessions[booking["club_session_id"]]
    how = dice.choice((Settling.LINK, Settling.CASH, Settling.BANK, Settling.WAIVE))
    pay_by = min(session["ends_at"], clock.now() + timedelta(hours=3))
    settlement = Settlement(how, WHY, _once(story), booking["owed_cents"], 0, pay_by)
    return f"{how} " + _sent(dice, lambda: differences.settle_owed(booking["token"], settlement, STAFF))


def give_some_back(story: Story, dice: Dice) -> str:
    booking = _booking(story, dice, *_R, amount_paid_cents=True)
    cents, once = dice.randint(1, booking["amount_paid_cents"]), _once(story)
    return _sent(dice, lambda: staff_actions.refund(booking["token"], cents, WHY, STAFF, once=once))


def cancel_booking(story: Story, dice: Dice) -> str:
    """With any part of the money back."""
    booking = _booking(story, dice, *staff_actions.CANCELLABLE)
    paid, once = booking["amount_paid_cents"], _once(story)
    cents = dice.choice((0, paid, dice.randint(0, paid)))
    return _sent(dice, lambda: staff_actions.cancel(booking["token"], cents, WHY, STAFF, once=once))


def end_hold(story: Story, dice: Dice) -> str:
    paying = {o["id"] for o in story.seen.orders.values() if o["status"] is OrderStatus.PENDING and o["hold_expires_at"]}
    fit = [r for r in story.seen.registrations.values() if r["status"] in (_R.HELD, _R.WAITLISTED) and r["order_id"] in paying]
    token, once = dice.choice(fit)["token"], _once(story)
    return _sent(dice, lambda: ending_holds.end_hold(token, WHY, STAFF, once=once).status)


def serve_out_of_turn(story: Story, dice: Dice) -> str:
    """Somebody who waits gets a place past those before them."""
    booking = _booking(story, dice, _R.WAITLISTED)
    at_once = booking["payment_status"] is PaymentState.PAID or not booking["price_cents"]
    way = dice.choice((Way.PROMOTE,) if at_once else (Way.OFFER, Way.LINK, Way.CASH, Way.BANK))
    session = story.seen.club_sessions[booking["club_session_id"]]
    pay_by = min(session["ends_at"], clock.now() + timedelta(hours=3))
    wish = OutOfTurn(way, WHY, _once(story), dice.choice((0, 1, 2)), pay_by)
    return f"{way} " + _sent(dice, lambda: out_of_turn.serve(booking["token"], wish, STAFF))


def pay_out(story: Story, dice: Dice) -> str:
    """A person is paid back in cash or by transfer: what came so, or what Stripe could not send."""
    case = _open_case(dice, suspense.BY_HAND, failed_refunds.KIND)
    if case.kind == suspense.BY_HAND:
        return _sent(dice, lambda: suspense.paid_by_hand(case.id, STAFF, means=dice.choice((None, *Means))))
    if dice.random() < 0.5:
        return _sent(dice, lambda: failed_refunds.try_again(case.id, STAFF))
    return _sent(dice, lambda: failed_refunds.paid_by_hand(case.id, STAFF, means=dice.choice(list(Means))))


def say_what_it_was_for(story: Story, dice: Dice) -> str:
    """Money given back in the dashboard for an order of several lines."""
    case = _open_case(dice, adopted_refunds.KIND)
    items = db.session.execute(select(OrderItem.id).where(OrderItem.order_id == case.order_id)).scalars().all()
    db.session.rollback()
    item_id = dice.choice(sorted(items))
    return _sent(dice, lambda: adopted_refunds.attribute(case.id, item_id, STAFF))


def _open_case(dice: Dice, *kinds: str) -> Any:
    open_ones = select(Case.id, Case.kind, Case.order_id).where(Case.closed_at.is_(None), Case.kind.in_(kinds))
    found = db.session.execute(open_ones.order_by(Case.id)).all()
    db.session.rollback()
    return dice.choice(found)


def end_membership(story: Story, dice: Dice) -> str:
    """With its money back, or without."""
    valid = select(Membership.id).where(Membership.revoked_at.is_(None), Membership.order_item_id.is_not(None))
    found = db.session.execute(valid.order_by(Membership.id)).scalars().all()
    db.session.rollback()
    membership_id = dice.choice(found)
    if dice.random() < 0.7:
        return _sent(dice, lambda: memberships.refund(membership_id, WHY, STAFF))
    return _sent(dice, lambda: memberships.revoke(membership_id, WHY, STAFF))

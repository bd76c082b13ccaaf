"""Saying yes or no to an offered place, and offers that nobody answers. Called by the offer page and the worker.

A place that comes free here is dealt to the next in the same transaction.
"""

from __future__ import annotations

from datetime import datetime

from flask import current_app
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..models import ClubSession, Order, OutgoingEmail, Payment, Registration
from ..rules import holds
from ..rules.refusals import OfferOver
from ..rules.statuses import UNSETTLED, OrderStatus, PaymentState, RegistrationStatus
from ..transaction import retried, transaction
from . import audit, due, letters, orders, places, resale, waitlist
from .writes import changed

BATCH = 100
_OVER = (
    select(Registration.id)
    .where(Registration.status == RegistrationStatus.OFFERED, Registration.offer_expires_at <= bindparam("now"))
    .order_by(Registration.offer_expires_at)
    .limit(BATCH)
)


@retried
def accept(token: str, actor: str = audit.GUEST) -> str:
    """Take the offered place: registered at once when nothing is to pay, else held while it is paid. Returns the order's token.

    Raises OfferOver when the deadline has passed or the offer was answered before.
    """
    now = clock.now()
    with transaction() as db:
        registration, order = _offered(db, token)
        if registration.offer_expires_at is None:
            raise OfferOver
        if now >= registration.offer_expires_at and not _mail_is_on_its_way(db, registration):
            raise OfferOver
        if registration.price_cents == 0:
            _become(db, registration, RegistrationStatus.REGISTERED, actor, payment_status=PaymentState.FREE)
            orders.move(db, order.id, OrderStatus.PAID, paid_at=now)
            audit.record(db, actor, "paid", "order", order.id)
            letters.owe_order_letter(db, "confirmation", order.id, key=f"accepted:{registration.id}")
            resale.settle(db, registration.club_session_id, actor)
            return order.token
        # Whoever says yes keeps the place at least as long as the offer would have lasted.
        ends = max(holds.hold_expires_at(now, current_settings().hold_minutes), registration.offer_expires_at)
        _become(db, registration, RegistrationStatus.HELD, actor)
        db.execute(update(Order).where(Order.id == order.id).values(hold_expires_at=ends))
        unsettled = select(Payment.id).where(Payment.order_id == order.id, Payment.status.in_(UNSETTLED))
        if db.execute(unsettled).first() is None:
            orders.add_next_payment(db, order, now)
        return order.token


@retried
def decline(token: str, actor: str = audit.GUEST) -> str:
    """Give the offered place up; it is dealt to the next at once. Returns the order's token; raises OfferOver."""
    with transaction() as db:
        registration, order = _offered(db, token)
        ended = RegistrationStatus.CANCELLED if registration.applied_at else RegistrationStatus.DECLINED
        _end(db, registration, ended, actor)  # of an application, "declined" is the committee's word
        return order.token


def expire_due_offers() -> int:
    """End offers whose time is up, unless their mail is still on its way: the clock has not begun then. How many."""
    ended = 0
    for registration_id in due.found(_OVER, now=clock.now()):
        try:
            ended += _expire(registration_id)
        except Exception:
            current_app.logger.exception("offer %s not ended; it stays due", registration_id)
    return ended


@retried
def _expire(registration_id: int) -> bool:
    now = clock.now()
    with transaction() as db:
        token = db.execute(select(Registration.token).where(Registration.id == registration_id)).scalar_one()
        try:
            registration, order = _offered(db, token)
        except OfferOver:
            return False
        if registration.offer_expires_at is None or registration.offer_expires_at > now:
            return False
        if _mail_is_on_its_way(db, registration):
            return False
        _end(db, registration, RegistrationStatus.EXPIRED, audit.WORKER)
        letters.owe_order_letter(
            db, "offer_over", order.id, key=f"offer-over:{registration.id}:{_stamp(registration.offered_at)}"
        )
        return True


def _mail_is_on_its_way(db: Session, registration: Registration) -> bool:
    """Owed, not handed over and not given up. Near the start nobody can be waited for: the offer ends with its deadline."""
    starts_at = db.execute(select(ClubSession.starts_at).where(ClubSession.id == registration.club_session_id)).scalar_one()
    if clock.now() >= starts_at:
        return False
    owed = select(OutgoingEmail.id).where(
        OutgoingEmail.dedupe_key == letters.offer_key(registration.id, registration.offered_at),
        OutgoingEmail.sent_at.is_(None),
        OutgoingEmail.failed_at.is_(None),
    )
    return db.execute(owed).first() is not None


def _offered(db: Session, token: str) -> tuple[Registration, Order]:
    """The offered registration with its order and its session locked, in the order every service takes them; raises OfferOver."""
    row = db.execute(
        select(Registration.id, Registration.order_id, Registration.club_session_id).where(Registration.token == token)
    ).first()
    if row is None or row.order_id is None:
        raise OfferOver
    order = orders.lock(db, row.order_id)
    db.execute(select(ClubSession.id).where(ClubSession.id == row.club_session_id).with_for_update(key_share=True))
    statement = select(Registration).where(Registration.id == row.id).execution_options(populate_existing=True)
    registration = db.execute(statement).scalar_one()
    if registration.status is not RegistrationStatus.OFFERED:
        raise OfferOver
    return registration, order


def _end(db: Session, registration: Registration, status: RegistrationStatus, actor: str) -> None:
    _become(db, registration, status, actor)
    places.release(db, registration.club_session_id, registration.places)
    ended = OrderStatus.EXPIRED if status is RegistrationStatus.EXPIRED else OrderStatus.CANCELLED
    waitlist.end_order_without_place(db, registration.order_id, ended, actor)
    waitlist.deal(db, registration.club_session_id, actor, freed=registration.places)


def _become(db: Session, registration: Registration, status: RegistrationStatus, actor: str, **values: object) -> None:
    offered = (Registration.id == registration.id, Registration.status == RegistrationStatus.OFFERED)
    if not changed(db, update(Registration).where(*offered).values(status=status, **values)):
        raise AssertionError(f"registration {registration.id} moved while it was locked")
    audit.record(db, actor, status, "registration", registration.id, places=registration.places)


def _stamp(moment: datetime | None) -> str:
    return f"{moment:%Y%m%d%H%M%S}" if moment else "-"

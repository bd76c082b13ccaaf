"""Deals free places to those who wait, fairly: first in, first offered, under the published rule (promise 9).

``deal`` runs inside whatever transaction freed a place or lengthened the list, under the club session's row lock, so a place
that is free while somebody waits is never sold past them. Accepting and declining are in ``offers``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import AuditEntry, ClubSession, Order, Registration
from ..rules import offers as offer_rules
from ..rules.statuses import HAS_PAID, OrderStatus, PaymentState, RegistrationStatus, SessionStatus
from ..transaction import write_gathered
from . import audit, letters, orders, places, resale, reserves
from .writes import changed


def deal(db: Session, club_session_id: int, actor: str, *, freed: int = 0) -> int:
    """Offer (or, paid upfront, give) every free place to the first who fit; how many bookings were served.

    ``freed``: places that somebody gave up in this transaction. What of them nobody waits for goes to the applicants in reserve.
    A group is served whole or not at all; who does not fit is passed over with the reason on the record and keeps their turn.
    """
    club_session, now = db.execute(_LOCKED, {"club_session_id": club_session_id}).scalar_one(), clock.now()
    free = club_session.capacity - club_session.places_taken
    if free <= 0 or not (club_session.waitlist_taken or freed):
        return 0
    if club_session.status is not SessionStatus.PUBLISHED or now >= club_session.starts_at:
        return 0
    left, served = free, 0
    for registration in _line(db, club_session) if club_session.waitlist_taken else []:
        if registration.places > left:
            _pass_over(db, registration, left, actor)
            continue
        _serve(db, club_session, registration, actor, now)
        left -= registration.places
        served += 1
        if left == 0:
            break
    return served + reserves.roll(db, club_session, freed - (free - left), left, actor, now)


_LOCKED = select(ClubSession).where(ClubSession.id == bindparam("club_session_id")).with_for_update(key_share=True)
_LOCKED = _LOCKED.execution_options(populate_existing=True)


def line(db: Session, club_session_id: int) -> list[Registration]:
    """Those who wait for a place in a session, the next one first. Who is paying upfront just now is not among them yet."""
    return _line(db, db.execute(select(ClubSession).where(ClubSession.id == club_session_id)).scalar_one())


def _pass_over(db: Session, registration: Registration, free: int, actor: str) -> None:
    """Put on record why a group was passed over, once for each number of free places: the worker deals every few seconds."""
    detail = {"reason": "group_does_not_fit", "free": free, "places": registration.places}
    entries = select(AuditEntry.detail).where(
        AuditEntry.subject_kind == "registration", AuditEntry.subject_id == registration.id, AuditEntry.action == "passed_over"
    )
    write_gathered(db)
    if db.execute(entries.order_by(AuditEntry.id.desc()).limit(1)).scalar_one_or_none() != detail:
        audit.record(db, actor, "passed_over", "registration", registration.id, **detail)


def _line(db: Session, club_session: ClubSession) -> list[Registration]:
    """Those who may be served now, in their order. Who is paying upfront just now is not in the line until it is paid.

    The order's hold says so and not the session's rule, which staff may have changed while people wait.
    """
    waiting = select(Registration).where(
        Registration.club_session_id == club_session.id, Registration.status == RegistrationStatus.WAITLISTED
    )
    settled = Registration.payment_status.in_([*sorted(HAS_PAID), PaymentState.FREE])
    waiting = waiting.outerjoin(Order, Order.id == Registration.order_id).where(or_(settled, Order.hold_expires_at.is_(None)))
    if club_session.waitlist_members_first:
        waiting = waiting.order_by(Registration.is_member.desc())
    waiting = waiting.order_by(Registration.waitlisted_at, Registration.id)
    return list(db.execute(waiting.execution_options(populate_existing=True)).scalars())


def _serve(db: Session, club_session: ClubSession, registration: Registration, actor: str, now: datetime) -> None:
    """Move one booking from the list to its places: at once when it is paid, else as an offer with a deadline."""
    places.leave_waitlist(db, club_session.id, registration.places)
    if not places.take(db, club_session.id, registration.places, promised=True):
        raise AssertionError("a place that was free under the lock is gone")
    paid = registration.payment_status in HAS_PAID
    values: dict[str, object] = {"status": RegistrationStatus.REGISTERED}
    if not paid:
        ends = offer_rules.deadline(now, club_session.starts_at, club_session.time_zone)
        values = {"status": RegistrationStatus.OFFERED, "offered_at": now, "offer_expires_at": ends}
    still_waits = (Registration.id == registration.id, Registration.status == RegistrationStatus.WAITLISTED)
    if not changed(db, update(Registration).where(*still_waits).values(values)):
        raise AssertionError(f"registration {registration.id} left the list while it was locked")
    audit.record(db, actor, "promoted" if paid else "offered", "registration", registration.id, places=registration.places)
    if registration.order_id is None:
        return
    if paid:
        resale.settle(db, club_session.id, actor)
        order_status = db.execute(select(Order.status).where(Order.id == registration.order_id)).scalar_one()
        if order_status is OrderStatus.PAID:  # else it is being paid in this very transaction, which confirms it itself
            letters.owe_order_letter(db, "confirmation", registration.order_id, key=f"promoted:{registration.id}")
    else:
        letters.owe_offer_letter(db, registration.order_id, registration.id, now)


def start_clock(db: Session, context: Mapping[str, Any]) -> None:
    """The mail with the offer was handed over just now: its time begins here. Called by the outbox in its own transaction."""
    registration_id = int(context["offer"]["registration_id"])
    chosen = context["offer"].get("until")  # a deadline of the committee's stays, unless the mail came after it
    if chosen and datetime.fromisoformat(chosen) > clock.now():
        return
    row = db.execute(
        select(ClubSession.starts_at, ClubSession.time_zone, Registration.offer_expires_at)
        .join(Registration, Registration.club_session_id == ClubSession.id)
        .where(Registration.id == registration_id)
    ).first()
    if row is None:
        return
    ends = offer_rules.deadline(clock.now(), row.starts_at, row.time_zone)
    ends = max(ends, row.offer_expires_at or ends)  # what the page and a notice have said stays true
    still_offered = (Registration.id == registration_id, Registration.status == RegistrationStatus.OFFERED)
    db.execute(update(Registration).where(*still_offered).values(offer_expires_at=ends))


def shorten_offers(db: Session, club_session_id: int, starts_at: datetime) -> None:
    """A locked session begins at another time: no offer of a place in it outlasts that."""
    too_late = (Registration.status == RegistrationStatus.OFFERED, Registration.offer_expires_at > starts_at)
    its_own = update(Registration).where(Registration.club_session_id == club_session_id, *too_late)
    db.execute(its_own.values(offer_expires_at=starts_at))


def end_order_without_place(db: Session, order_id: int | None, status: OrderStatus, actor: str) -> None:
    """A booking ended before it was paid: so does its order."""
    if order_id is None:
        return
    order = db.execute(select(Order).where(Order.id == order_id)).scalar_one()
    if order.status is OrderStatus.PENDING and orders.move(db, order_id, status, hold_expires_at=None):
        audit.record(db, actor, status, "order", order_id)

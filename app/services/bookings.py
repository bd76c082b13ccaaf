"""One booking with everything that belongs to it, locked in the order that every service keeps: orders, sessions, registration.

Called by what staff do to a booking. Its own order is the one it was made with; a difference asked for later has another.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..models import ClubSession, Order, OrderItem, Registration
from ..rules.refusals import OrderNotOpen
from . import orders


@dataclass(frozen=True, slots=True)
class Booking:
    """The rows as they are under the locks; ``item`` is the line of the booking's own order."""

    registration: Registration
    order: Order
    item: OrderItem
    club_session: ClubSession
    sessions: dict[int, ClubSession]
    """Every session that was locked, by its id."""


def lock(db: Session, token: str, *also: int) -> Booking:
    """Lock the booking behind a token, its orders, its session and the sessions ``also``. Raises OrderNotOpen."""
    row = db.execute(select(Registration.id, Registration.order_id).where(Registration.token == token)).first()
    if row is None or row.order_id is None:
        raise OrderNotOpen
    order = lock_orders(db, row.id)
    # Read only now: nobody moves a booking without its order's lock.
    here = db.execute(select(Registration.club_session_id).where(Registration.id == row.id)).scalar_one()
    in_turn = select(ClubSession).where(ClubSession.id.in_({here, *also})).order_by(ClubSession.id)
    statement = in_turn.with_for_update(key_share=True).execution_options(populate_existing=True)
    sessions = {one.id: one for one in db.execute(statement).scalars()}
    mine = select(Registration).where(Registration.id == row.id).execution_options(populate_existing=True)
    registration = db.execute(mine).scalar_one()
    return Booking(registration, order, line_of(db, registration), sessions[here], sessions)


def line_of(db: Session, registration: Registration) -> OrderItem:
    """The line of the booking's own order that it is."""
    own = (OrderItem.registration_id == registration.id, OrderItem.order_id == registration.order_id)
    return db.execute(select(OrderItem).where(*own)).scalar_one()


def lock_orders(db: Session, registration_id: int) -> Order:
    """Lock a booking's own order and those of its differences, oldest first; returns its own."""
    own = db.execute(select(Registration.order_id).where(Registration.id == registration_id)).scalar_one()
    of_items = select(OrderItem.order_id).where(OrderItem.registration_id == registration_id)
    locked = {each: orders.lock(db, each) for each in sorted({own, *db.execute(of_items).scalars()})}
    return locked[own]

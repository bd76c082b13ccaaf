"""Owes the mails about an order: gathers what they say in the transaction that causes them, and hands it to the outbox.

Called by registrations, fulfilment, refunds and cancellation. The words are in templates/emails; nothing is rendered here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import ClubSession, Order, OrderItem, Registration
from ..queries.orders import waitlist_position
from ..rules import offers
from ..rules.statuses import RegistrationStatus
from . import outbox


def owe_order_letter(db: Session, template: str, order_id: int, *, key: str, refund_cents: int | None = None) -> None:
    """Owe one mail about this order to the person who ordered, once for each ``key``. Two statements and one insert."""
    order = db.execute(select(Order).where(Order.id == order_id).execution_options(populate_existing=True)).scalar_one()
    context = _context(db, order)
    if refund_cents is not None:
        context["refund"] = {"amount_cents": refund_cents}
    outbox.owe(db, dedupe_key=f"{template}:{key}", to=order.email, template=template, context=context, order_id=order.id)


def offer_key(registration_id: int, offered_at: datetime | None) -> str:
    """The name of the mail that carries this very offer; a second offer to the same person is another."""
    return f"offer:{registration_id}:{offered_at:%Y%m%d%H%M%S}" if offered_at else f"offer:{registration_id}"


def owe_offer_letter(db: Session, order_id: int, registration_id: int, offered_at: datetime) -> None:
    """Owe the mail that offers a place; its deadline is counted from the moment it is handed over."""
    order = db.execute(select(Order).where(Order.id == order_id)).scalar_one()
    row = db.execute(
        select(Registration.token, ClubSession.starts_at)
        .join(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(Registration.id == registration_id)
    ).one()
    context = _context(db, order)
    minutes = int(offers.time_to_answer(offered_at, row.starts_at).total_seconds() // 60)
    url = f"{current_settings().site_url}/offers/{row.token}"
    context["offer"] = {"url": url, "registration_id": registration_id, "minutes": minutes}
    key = offer_key(registration_id, offered_at)
    outbox.owe(db, dedupe_key=key, to=order.email, template="offer", context=context, order_id=order.id)


def _context(db: Session, order: Order) -> dict[str, Any]:
    settings = current_settings()
    rows = db.execute(
        select(OrderItem, Registration, ClubSession, waitlist_position())
        .outerjoin(Registration, Registration.id == OrderItem.registration_id)
        .outerjoin(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(OrderItem.order_id == order.id)
        .order_by(OrderItem.id)
    ).all()
    return {
        "site_name": settings.site_name,
        "name": order.name,
        "order_reference": order.reference,
        "order_url": f"{settings.site_url}/orders/{order.token}",
        "currency": order.currency,
        "total_cents": order.total_cents,
        "paid_at": order.paid_at.isoformat() if order.paid_at else None,
        "items": [_item(settings.site_url, *row) for row in rows],
    }


def _item(
    site_url: str, item: OrderItem, registration: Registration | None, club_session: ClubSession | None, position: int
) -> dict[str, Any]:
    line: dict[str, Any] = {
        "description": item.description,
        "quantity": item.quantity,
        "unit_amount_cents": item.unit_amount_cents,
        "amount_cents": item.unit_amount_cents * item.quantity,
        "session": None,
    }
    if registration is not None and club_session is not None:
        line["session"] = {
            "title": club_session.title,
            "slug": club_session.slug,
            "url": f"{site_url}/sessions/{club_session.slug}",
            "location": club_session.location,
            "starts_at": club_session.starts_at.isoformat(),
            "ends_at": club_session.ends_at.isoformat(),
            "time_zone": club_session.time_zone,
            "places": registration.places,
            "registration_reference": registration.reference,
            "calendar_sequence": club_session.calendar_sequence,
            "refund_terms": {
                "policy": club_session.refund_policy,
                "until": club_session.refund_until.isoformat() if club_session.refund_until else None,
                "percent": club_session.refund_percent,
                "fee_cents": club_session.refund_fee_cents,
            },
            "waitlist_position": position if registration.status is RegistrationStatus.WAITLISTED else None,
        }
    return line

"""Owes the mails about an order: gathers what they say in the transaction that causes them, and hands it to the outbox.

Called by registrations, fulfilment, refunds and cancellation. The words are in templates/emails; nothing is rendered here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import ClubSession, Order, OrderItem, OutgoingEmail, Registration
from ..queries import item_facts, refund_terms
from ..queries.item_facts import ItemFacts
from ..queries.orders import waitlist_position
from ..rules import offers
from ..rules.statuses import ENDED, RegistrationStatus
from . import notices, order_notices, outbox, people, refund_ways
from .order_lines import Line

Row = tuple[OrderItem, Registration | None, ClubSession | None, int]
"""A line, the booking that it may be for and its session, and how far from the head of the waitlist that is."""
Held = tuple[Order, Sequence[Line]]
"""An order and all its lines, as their rows are now."""
_REGISTERED = RegistrationStatus.REGISTERED
STARTS_MEMBERSHIP = ("confirmation", "membership_started", "purchased")
"""Mails that may bring a new member the link where a password is chosen. They say what there is now."""


def owe_order_letter(
    db: Session, template: str, order_id: int, *, key: str, refund_cents: int | None = None, lost: Sequence[int] = (),
    struck: Mapping[int, int] = MappingProxyType({}), left: Mapping[str, Any] | None = None,
    more: Mapping[str, Any] = MappingProxyType({}), only: int | None = None, held: Held | None = None,
) -> None:
    """Owe one mail about this order to the person who ordered, once for each ``key``. One statement and one insert.

    ``lost``: ids of the items that could not be had any more, so that the mail says so and not that they are there.
    ``struck``: ids of the registrations that leave the person's calendar, each with the number `calendars` gave it.
    ``left``: the session that a moved booking was in before (``left_session``); ``more``: what this letter says besides;
    ``only``: id of the one item that it is about, in an order of several. ``held``: the order, where the caller has all of it.
    """
    order, context = _context(
        db, order_id, lost, struck, only=only, may_sign_up=template in STARTS_MEMBERSHIP, held=held
    )
    context |= more
    if any(item["password_url"] for item in context["items"]):
        context["mail_key"] = f"{template}:{key}"
    if left is not None:
        context["left"] = dict(left)
    if refund_cents is not None:
        by_hand = refund_ways.by_hand_cents(db, order.id, refund_cents)
        context["refund"] = {"amount_cents": refund_cents, "by_hand_cents": by_hand}
    _owe(db, template, f"{template}:{key}", order, context)


def owe_with(db: Session, template: str, order_id: int, key: str, **more: Any) -> None:
    """Owe one mail about this order that says more than the order does, once for each ``key``."""
    order, context = _context(db, order_id)
    _owe(db, template, key, order, context | more)


def about_bookings(db: Session, registration_ids: Collection[int]) -> list[tuple[Registration, Order, dict[str, Any]]]:
    """What a mail about each of these bookings alone says, by the order it was made with. One statement for all of them."""
    rows = db.execute(
        select(Registration, Order, OrderItem, ClubSession, waitlist_position())
        .join(Order, Order.id == Registration.order_id)
        .join(OrderItem, (OrderItem.order_id == Order.id) & (OrderItem.registration_id == Registration.id))
        .join(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(Registration.id.in_(registration_ids))
        .order_by(Registration.id, OrderItem.id)
    )
    found: dict[int, tuple[Registration, Order, dict[str, Any]]] = {}
    for registration, order, item, club_session, position in rows:
        _, _, context = found.setdefault(registration.id, (registration, order, _of_order(order)))
        line = _item(item) | {"session": _session(current_settings().site_url, registration, club_session, position)}
        context["items"].append(line)
    return list(found.values())


def left_session(registration: Registration, club_session: ClubSession, struck: int) -> dict[str, Any]:
    """The session that a booking leaves, to be told of and struck out of the person's calendar under the number ``struck``."""
    left = _session(current_settings().site_url, registration, club_session, 0)
    return left | {"calendar_cancelled": True, "calendar_sequence": struck}


def forget_link(db: Session, context: Mapping[str, Any]) -> None:
    """The mail with the link was handed over: nobody shall find it in our outbox. Called by the outbox in its transaction."""
    if "mail_key" in context:
        sent = update(OutgoingEmail).where(OutgoingEmail.dedupe_key == context["mail_key"])
        db.execute(sent.values(context={}, text_body=None, html_body=None))


def offer_key(registration_id: int, offered_at: datetime | None) -> str:
    """The name of the mail that carries this very offer; a second offer to the same person is another."""
    return f"offer:{registration_id}:{offered_at:%Y%m%d%H%M%S}" if offered_at else f"offer:{registration_id}"


def owe_offer_letter(db: Session, order_id: int, registration_id: int, offered_at: datetime) -> None:
    """Owe the mail that offers a place; its deadline is counted from the moment it is handed over."""
    row = db.execute(
        select(Registration.token, ClubSession.starts_at)
        .join(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(Registration.id == registration_id)
    ).one()
    order, context = _context(db, order_id)
    minutes = int(offers.time_to_answer(offered_at, row.starts_at).total_seconds() // 60)
    url = f"{current_settings().site_url}/offers/{row.token}"
    context["offer"] = {"url": url, "registration_id": registration_id, "minutes": minutes}
    key = offer_key(registration_id, offered_at)
    _owe(db, "offer", key, order, context)


def _owe(db: Session, template: str, key: str, order: Order, context: dict[str, Any]) -> None:
    """The mail, and beside it a notice to each phone of the order whose owner agreed to that."""
    outbox.owe(db, dedupe_key=key, to=order.email, template=template, context=context, order_id=order.id)
    notices.owe(db, template, key, order.id, context)
    order_notices.owe(db, template, key, order.id, context)


def _context(
    db: Session,
    order_id: int,
    lost: Sequence[int] = (),
    struck: Mapping[int, int] = MappingProxyType({}),
    *,
    only: int | None = None,
    may_sign_up: bool = False,
    held: Held | None = None,
) -> tuple[Order, dict[str, Any]]:
    """The order as it is now, and what a mail about it says."""
    order, every = _rows(held) or _read(db, order_id)
    settings, rows = current_settings(), [row for row in every if only in (None, row[0].id)]
    facts = item_facts.of_order(db, order.id, (item.kind for item, *_ in rows))
    context = _of_order(order)
    for item, registration, club_session, position in rows:
        line = _item(item)
        ended = may_sign_up and registration is not None and registration.status in ENDED
        if item.id not in lost and not ended and registration is not None and club_session is not None:
            line["session"] = _session(settings.site_url, registration, club_session, position)
            if registration.id in struck:
                line["session"] |= {"calendar_cancelled": True, "calendar_sequence": struck[registration.id]}
        if item.id not in lost and item.id in facts:
            line |= _facts(settings.site_url, facts[item.id])
            if may_sign_up and (owner_id := facts[item.id].owner_id) is not None:
                line["password_url"] = people.password_link_if_new(db, owner_id)
        context["items"].append(line)
    if lost:
        context["lost"] = [item.description for item, *_ in rows if item.id in lost]
    return order, context


def _rows(held: Held | None) -> tuple[Order, Sequence[Row]] | None:
    """What the caller holds will do, unless somebody has no place: where they stand in line only the database can say."""
    if held is None or any(line.registration and line.registration.status is not _REGISTERED for line in held[1]):
        return None
    return held[0], [(line.item, line.registration, line.club_session, 0) for line in held[1]]


def _read(db: Session, order_id: int) -> tuple[Order, Sequence[Row]]:
    rows = db.execute(_LINES, {"order_id": order_id}).all()
    return rows[0][0], [(row[1], row[2], row[3], row[4]) for row in rows]


def _of_order(order: Order) -> dict[str, Any]:
    """What every mail about an order says, with no line in it yet."""
    settings = current_settings()
    return {
        "site_name": settings.site_name,
        "name": order.name,
        "order_reference": order.reference,
        "order_url": f"{settings.site_url}/orders/{order.token}",
        "currency": order.currency,
        "total_cents": order.total_cents,
        "paid_at": order.paid_at.isoformat() if order.paid_at else None,
        "pay_by": order.hold_expires_at.isoformat() if order.hold_expires_at else None,
        "items": [],
    }


_LINES = (  # made once: it took longer to build than to run
    select(Order, OrderItem, Registration, ClubSession, waitlist_position())
    .join(OrderItem, OrderItem.order_id == Order.id)
    .outerjoin(Registration, Registration.id == OrderItem.registration_id)
    .outerjoin(ClubSession, ClubSession.id == Registration.club_session_id)
    .where(Order.id == bindparam("order_id"))
    .order_by(OrderItem.id)
    .execution_options(populate_existing=True)
)
"""Each line of the order with the booking that it may be for, as they are now."""


def _item(item: OrderItem) -> dict[str, Any]:
    return {
        "description": item.description,
        "quantity": item.quantity,
        "unit_amount_cents": item.unit_amount_cents,
        "amount_cents": item.unit_amount_cents * item.quantity,
        "lines": item.lines or [],
        "session": None,
        "membership": None,
        "link": None,
        "password_url": None,
    }


def when_and_where(club_session: ClubSession) -> dict[str, Any]:
    """What every mail about a session says of it."""
    return {
        "title": club_session.title,
        "location": club_session.location,
        "starts_at": club_session.starts_at.isoformat(),
        "ends_at": club_session.ends_at.isoformat(),
        "time_zone": club_session.time_zone,
    }


def _session(site_url: str, registration: Registration, club_session: ClubSession, position: int) -> dict[str, Any]:
    terms = refund_terms.of_booking(club_session, registration)
    return {
        **when_and_where(club_session),
        "slug": club_session.slug,
        "url": f"{site_url}/sessions/{club_session.slug}",
        "places": registration.places,
        "charged": registration.amount_paid_cents > 0,
        "registration_reference": registration.reference,
        "registration_url": f"{site_url}/registrations/{registration.token}",
        "qr_id": f"{registration.reference}@qr",
        "calendar_sequence": club_session.calendar_sequence,
        "refund_terms": {
            "policy": terms.policy,
            "until": terms.until.isoformat() if terms.until else None,
            "percent": terms.percent,
            "fee_cents": terms.fee_cents,
        },
        "waitlist_position": position if registration.status is RegistrationStatus.WAITLISTED else None,
    }


def _facts(site_url: str, facts: ItemFacts) -> dict[str, Any]:
    """What the line's kind says of it, and where it is had."""
    link = {"url": f"{site_url}{facts.path}", "words": facts.path_words} if facts.path and not facts.over else None
    return {**facts.mail, "link": link}

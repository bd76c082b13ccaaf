"""Forgets somebody who deletes their account, in the transaction that ends it: names and addresses go, amounts and dates stay.

Called by ``accounts_changing``. What Stripe told us about them is emptied too, and the mails to them are gone.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, cast, delete, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import AccountToken, HostRole, Order, OutgoingEmail, Payment, Registration, StripeEvent, User
from ..models.columns import new_token
from ..queries.my_page import belongs_to
from ..rules.addresses import OF_NOBODY
from ..rules.statuses import Role
from . import audit, notices, retention

PERSONAL = frozenset({
    "customer_details", "customer_email", "billing_details", "receipt_email", "shipping", "shipping_details",
    "collected_information", "evidence", "custom_fields", "name", "email", "phone",
})  # fmt: skip
"""Where Stripe's objects hold who paid."""


def forget_account(db: Session, user_id: int, email: str) -> None:
    """Leave of this person a row without a name and what the books need. The caller has locked and checked everything."""
    actor, nobody = audit.by_user(user_id), f"deleted-{user_id}{OF_NOBODY}"
    orders = db.execute(select(Order.id, Order.email).where(belongs_to(Order, user_id, email))).all()
    ids, addresses = [order.id for order in orders], _own_addresses(db, user_id, {email, *(order.email for order in orders)})
    bookings = select(Registration.id, Registration.order_id).where(belongs_to(Registration, user_id, email))
    for booking in db.execute(bookings).all():
        retention.forget(db, booking.id, booking.order_id, actor)
    _empty_events(db, ids, addresses)
    db.execute(update(Payment).where(Payment.order_id.in_(ids)).values(params={}))  # held the address for Stripe
    db.execute(update(Order).where(Order.id.in_(ids)).values(name=retention.FORGOTTEN, email=nobody, user_id=None))
    for order_id in ids:
        notices.forget_order(db, order_id, sent_too=True)
    told = OutgoingEmail.dedupe_key.startswith(f"address_changed:u{user_id}:", autoescape=True)
    db.execute(delete(OutgoingEmail).where(or_(OutgoingEmail.to.in_(addresses), OutgoingEmail.order_id.in_(ids), told)))
    db.execute(delete(HostRole).where(or_(HostRole.user_id == user_id, HostRole.email.in_(addresses))))
    db.execute(delete(AccountToken).where(or_(AccountToken.user_id == user_id, AccountToken.email.in_(addresses))))
    values = {"email": nobody, "name": retention.FORGOTTEN, "password_hash": None, "email_verified_at": None,
              "is_student": False, "role": Role.NONE, "calendar_token": new_token(), "card_token": None,
              "deleted_at": clock.now()}  # fmt: skip
    db.execute(update(User).where(User.id == user_id).values(values))
    audit.record(db, actor, "account_deleted", "user", user_id)


def _own_addresses(db: Session, user_id: int, addresses: set[str]) -> list[str]:
    """Those of the addresses that are nobody else's by now: what is sent to them is not this person's to delete."""
    others = db.execute(select(User.email).where(User.email.in_(addresses), User.id != user_id)).scalars()
    return sorted(addresses - set(others))


def _empty_events(db: Session, order_ids: list[int], addresses: list[str]) -> None:
    """Empty what Stripe told about these orders; of what is not acted on yet, only who it was about goes."""
    rows = db.execute(select(StripeEvent.id, StripeEvent.payload, StripeEvent.processed_at).where(_about(order_ids, addresses)))
    for event in rows.all():
        payload = {} if event.processed_at is not None else _without_person(event.payload)
        db.execute(update(StripeEvent).where(StripeEvent.id == event.id).values(payload=payload))


def _about(order_ids: list[int], addresses: list[str]) -> ColumnElement[bool]:
    """SQL: an event of one of these orders' Checkouts or payments, or one that names one of the addresses."""
    mine = Payment.order_id.in_(order_ids)
    checkouts = select(Payment.checkout_id).where(mine, Payment.checkout_id.is_not(None))
    intents = select(Payment.payment_intent_id).where(mine, Payment.payment_intent_id.is_not(None))
    subject = StripeEvent.payload[("data", "object", "id")].as_string()
    paid = StripeEvent.payload[("data", "object", "payment_intent")].as_string()
    named = [cast(StripeEvent.payload, Text).icontains(address, autoescape=True) for address in addresses]
    return or_(*named, subject.in_(checkouts), subject.in_(intents), paid.in_(intents))


def _without_person(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: None if key in PERSONAL else _without_person(held) for key, held in value.items()}
    return [_without_person(held) for held in value] if isinstance(value, list) else value

"""Everything the club knows about one person, as plain values for a file they can take away. Called by the account's export."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, or_, select

from ..extensions import db
from ..models import (
    AccountIdentity,
    AuditEntry,
    ClubSession,
    Membership,
    MembershipPlan,
    Order,
    OrderItem,
    OutgoingEmail,
    Payment,
    Product,
    ProductPurchase,
    Refund,
    Registration,
    SecondFactor,
    SignIn,
    User,
)
from .my_page import belongs_to
from .questions import answer_rows


def everything(user_id: int) -> dict[str, Any]:
    """What is kept about this person, JSON-ready; no secret of theirs and no database id is in it."""
    user = db.session.execute(select(User).where(User.id == user_id)).scalar_one()
    email = user.email if user.email_verified_at else None
    orders = belongs_to(Order, user_id, email)
    return {
        "account": {
            "name": user.name, "email": user.email, "email_confirmed_at": _json(user.email_verified_at), "role": user.role,
            "is_student": user.is_student, "has_password": user.password_hash is not None, "created_at": _json(user.created_at),
        },
        "signed_in": _all(select(SignIn.device, SignIn.created_at, SignIn.expires_at).where(SignIn.user_id == user_id)),
        "codes_switched_on": _all(select(SecondFactor.switched_on_at).where(SecondFactor.user_id == user_id)),
        "sign_in_providers": _all(
            select(AccountIdentity.issuer, AccountIdentity.subject, AccountIdentity.created_at)
            .where(AccountIdentity.user_id == user_id)
        ),
        "memberships": _memberships(user_id),
        "registrations": _registrations(user_id, email),
        "orders": _all(
            select(Order.reference, Order.status, Order.name, Order.email, Order.currency, Order.total_cents, Order.paid_at,
                   Order.whatsapp_number, Order.whatsapp_agreed_at, Order.created_at).where(orders).order_by(Order.id)
        ),
        "items": _all(
            select(Order.reference.label("order"), OrderItem.kind, OrderItem.description, OrderItem.quantity,
                   OrderItem.unit_amount_cents).join(Order, Order.id == OrderItem.order_id).where(orders).order_by(OrderItem.id)
        ),
        "courses_and_files": _purchases(orders),
        "payments": _payments(orders),
        "refunds": _refunds(orders),
        "mails": _mails(orders, email),
        **_record(user_id),
    }  # fmt: skip


def _record(user_id: int) -> dict[str, Any]:
    """What this person did, and what others did to the account; why, is the committee's own note."""
    mine, actor = f"user:{user_id}", AuditEntry.actor
    did = select(AuditEntry.action, AuditEntry.subject_kind, AuditEntry.created_at).where(actor == mine)
    to_me = (AuditEntry.subject_kind == "user", AuditEntry.subject_id == user_id, actor != mine)
    done = select(AuditEntry.action, AuditEntry.created_at).where(*to_me)
    return {
        "what_you_did": _all(did.order_by(AuditEntry.id)),
        "what_was_done_to_your_account": _all(done.order_by(AuditEntry.id)),
    }


def _memberships(user_id: int) -> list[dict[str, Any]]:
    return _all(
        select(MembershipPlan.name.label("plan"), Membership.starts_on, Membership.ends_on, Membership.revoked_at)
        .outerjoin(MembershipPlan, MembershipPlan.id == Membership.plan_id)
        .where(Membership.user_id == user_id)
        .order_by(Membership.id)
    )  # fmt: skip


def _registrations(user_id: int, email: str | None) -> list[dict[str, Any]]:
    found = _all(
        select(Registration.reference, ClubSession.title.label("session"), ClubSession.starts_at, Registration.name,
               Registration.email, Registration.places, Registration.status, Registration.payment_status,
               Registration.price_cents, Registration.amount_paid_cents, Registration.is_member, Registration.answers,
               Registration.whatsapp_number, Registration.whatsapp_agreed_at,
               Registration.waitlisted_at, Registration.offered_at, Registration.checked_in_at, Registration.created_at)
        .join(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(belongs_to(Registration, user_id, email))
        .order_by(Registration.id)
    )  # fmt: skip
    return [{**row, "answers": dict(answer_rows(row["answers"]))} for row in found]


def _purchases(orders: Any) -> list[dict[str, Any]]:
    bought = ProductPurchase
    return _all(
        select(Order.reference.label("order"), Product.title, Product.kind, bought.granted_at, bought.revoked_at,
               bought.downloads, bought.last_download_at)
        .join(Product, Product.id == bought.product_id)
        .join(OrderItem, OrderItem.id == bought.order_item_id)
        .join(Order, Order.id == OrderItem.order_id).where(orders).order_by(bought.order_item_id)
    )  # fmt: skip


def _payments(orders: Any) -> list[dict[str, Any]]:
    return _all(
        select(Order.reference.label("order"), Payment.provider, Payment.status, Payment.amount_cents, Payment.currency,
               Payment.paid_at, Payment.created_at)
        .join(Order, Order.id == Payment.order_id).where(orders).order_by(Payment.id)
    )  # fmt: skip


def _refunds(orders: Any) -> list[dict[str, Any]]:
    return _all(
        select(Order.reference.label("order"), Refund.amount_cents, Refund.reason, Refund.status, Refund.created_at)
        .join(Payment, Payment.id == Refund.payment_id)
        .join(Order, Order.id == Payment.order_id).where(orders).order_by(Refund.id)
    )  # fmt: skip


def _mails(orders: Any, email: str | None) -> list[dict[str, Any]]:
    """Those about their orders, whatever address they had then, and all that went to the one they have."""
    mine = OutgoingEmail.order_id.in_(select(Order.id).where(orders))
    return _all(
        select(OutgoingEmail.subject, OutgoingEmail.template, OutgoingEmail.created_at, OutgoingEmail.sent_at)
        .where(mine if email is None else or_(mine, OutgoingEmail.to == email)).order_by(OutgoingEmail.id)
    )  # fmt: skip


def _all(statement: Select[Any]) -> list[dict[str, Any]]:
    return [{key: _json(value) for key, value in row.items()} for row in db.session.execute(statement).mappings()]


def _json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime | date) else value

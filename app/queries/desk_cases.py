"""The cases that wait for a person, and those that somebody has closed, as the desk shows them. Called by the admin blueprint.

One page takes a fixed number of statements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, func, select

from ..extensions import db
from ..models import AuditEntry, Case, ClubSession, Order, OrderItem, OutgoingEmail, Payment, Refund, Registration
from ..rules.statuses import RefundStatus
from . import desk_people, still_owed
from .desk import Page, rows_of_page

_C = Case
HIGHEST_ID = 2**63 - 1
"""A larger number is no id of ours, and the database would not take it."""


@dataclass(frozen=True, slots=True)
class CaseLine:
    """One case. ``actor`` closed it, with ``by`` as the name when it is somebody with an account; None: by itself, or open."""

    id: int
    kind: str
    created_at: datetime
    closed_at: datetime | None
    resolution: str | None
    order_reference: str | None
    order_token: str | None
    person: str | None
    detail: Mapping[str, Any]
    actor: str | None
    by: str | None


@dataclass(frozen=True, slots=True)
class CaseView:
    """One case with what a person needs to decide it. Amounts in minor units; Stripe's ids are for staff."""

    line: CaseLine
    email: str | None
    session_title: str | None
    session_slug: str | None
    registration_token: str | None
    currency: str
    cents: int
    """What it is about: the payment, what is still owed of the refund that failed, the dispute; 0 when there is no amount."""
    order_cents: int | None
    left_cents: int
    """What could still be refunded of the payment."""
    payment_intent_id: str | None
    checkout_id: str | None
    refund_error: str | None
    mail_to: str | None


def lines(number: int = 1, *, closed: bool = False) -> Page[CaseLine]:
    """Open cases, oldest first; or closed ones, newest first. Three statements."""
    statement = _lines()
    if closed:
        statement = statement.where(_C.closed_at.is_not(None)).order_by(_C.closed_at.desc(), _C.id.desc())
    else:
        statement = statement.where(_C.closed_at.is_(None)).order_by(_C.id)
    rows, number, total = rows_of_page(statement, number)
    names = desk_people.names(row.actor for row in rows if row.actor)
    return Page([_line(row, names) for row in rows], number, total)


def one(case_id: int, currency: str) -> CaseView | None:
    """One case, or None; amounts without a currency of their own are in ``currency``. Seven statements at the most."""
    row = db.session.execute(_lines().where(_C.id == case_id)).first() if case_id <= HIGHEST_ID else None
    if row is None:
        return None
    line = _line(row, desk_people.names([row.actor or ""]))
    facts = db.session.execute(_facts(case_id)).first()
    refund = _refund(line.detail.get("refund"))
    mail_to = select(OutgoingEmail.to).where(OutgoingEmail.id == line.detail.get("email"))
    payment = facts.Payment if facts is not None else None
    owed = still_owed.of_refund(db.session(), refund) if refund is not None and line.kind == "refund_failed" else 0
    return CaseView(
        line=line,
        email=facts.email if facts else None,
        session_title=facts.title if facts else None,
        session_slug=facts.slug if facts else None,
        registration_token=facts.token if facts else None,
        currency=line.detail.get("currency") or (payment.currency if payment else None) or currency,
        cents=owed or _cents(line, payment, refund),
        order_cents=facts.total_cents if facts else None,
        left_cents=_left(line, payment, int(facts.back), owed) if payment and facts else 0,
        payment_intent_id=(payment.payment_intent_id if payment else None) or line.detail.get("payment_intent"),
        checkout_id=(payment.checkout_id if payment else None) or line.detail.get("checkout"),
        refund_error=refund.last_error if refund else None,
        mail_to=db.session.execute(mail_to).scalar_one_or_none() if line.kind == "mail_failed" else None,
    )


def order_lines(case_id: int) -> list[tuple[int, str]]:
    """The lines of the case's order that cost something: id and words. One statement."""
    rows = db.session.execute(
        select(OrderItem.id, OrderItem.description)
        .join(Case, Case.order_id == OrderItem.order_id)
        .where(Case.id == min(case_id, HIGHEST_ID), OrderItem.unit_amount_cents > 0)
        .order_by(OrderItem.id)
    )
    return [(row.id, row.description) for row in rows]


def _lines() -> Select[Any]:
    """Cases with who closed them. A refund's case names its payment only, whose order is then meant."""
    closing = and_(AuditEntry.subject_kind == "case", AuditEntry.subject_id == _C.id, AuditEntry.action == "case_closed")
    order_id = func.coalesce(_C.order_id, Payment.order_id)
    return (
        select(
            _C.id, _C.kind, _C.created_at, _C.closed_at, _C.resolution, _C.detail, Order.reference, Order.token, Order.name,
            AuditEntry.actor,
        )
        .outerjoin(Payment, Payment.id == _C.payment_id)
        .outerjoin(Order, Order.id == order_id)
        .outerjoin(AuditEntry, closing)
    )


def _facts(case_id: int) -> Select[Any]:
    """Order, payment and the first booking of a case; no row when it is about no order of ours."""
    back = (
        select(func.coalesce(func.sum(Refund.amount_cents), 0))
        .where(Refund.payment_id == Payment.id, Refund.status != RefundStatus.FAILED)
        .correlate(Payment)
        .scalar_subquery()
    )
    return (
        select(
            Payment, Order.email, Order.total_cents, Registration.token, ClubSession.title, ClubSession.slug, back.label("back")
        )
        .select_from(Case)
        .outerjoin(Payment, Payment.id == Case.payment_id)
        .join(Order, Order.id == func.coalesce(Case.order_id, Payment.order_id))
        .outerjoin(OrderItem, OrderItem.order_id == Order.id)
        .outerjoin(Registration, Registration.id == OrderItem.registration_id)
        .outerjoin(ClubSession, ClubSession.id == Registration.club_session_id)
        .where(Case.id == case_id)
        .order_by(OrderItem.registration_id.is_(None), OrderItem.id)
        .limit(1)
    )


def _refund(refund_id: int | None) -> Refund | None:
    return db.session.execute(select(Refund).where(Refund.id == refund_id)).scalar_one_or_none() if refund_id else None


def _cents(line: CaseLine, payment: Payment | None, refund: Refund | None) -> int:
    if refund is not None:
        return refund.amount_cents
    return int(line.detail.get("cents") or line.detail.get("captured_cents") or (payment.captured_cents if payment else 0))


def _left(line: CaseLine, payment: Payment, back_cents: int, owed_cents: int) -> int:
    left = max(0, payment.here_cents - back_cents)
    return min(left, owed_cents) if line.kind == "refund_failed" else left


def _line(row: Row[Any], names: Mapping[str, str]) -> CaseLine:
    return CaseLine(
        id=row.id,
        kind=row.kind,
        created_at=row.created_at,
        closed_at=row.closed_at,
        resolution=row.resolution,
        order_reference=row.reference,
        order_token=row.token,
        person=row.name,
        detail=row.detail,
        actor=row.actor,
        by=names.get(row.actor or ""),
    )

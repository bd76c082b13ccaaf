"""Refunds made elsewhere (Stripe's dashboard): each becomes a row of ours, booked once against what its payment bought.

Called by the inbox, by reconciling, and before staff pay out what Stripe could not; staff say by ``attribute`` which line a
refund was for when that cannot be known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..extensions import db as flask_db
from ..integrations import gateway
from ..integrations.payments import GatewayError, ProviderRefund
from ..models import LedgerEntry, OrderItem, Payment, Refund
from ..queries import still_owed
from ..rules.refusals import InvalidInput, RefundsUnknown, words
from ..rules.statuses import RefundStatus
from ..transaction import end_read, retried, transaction
from . import audit, cases, items, ledger, orders, refund_marks, refunds, superseded
from .writes import insert_once

KIND = "refund_unattributed"


@dataclass(frozen=True, slots=True)
class _Bought:
    """What is left in one account of the money of a payment: what it bought there, less what of it is owed back already."""

    account: str
    club_session_id: int | None
    cents: int


def adopt(db: Session, payment: Payment, answer: ProviderRefund) -> None:
    """Take on a refund that we did not ask for, once. What was owed already (paid late or twice, or a refund of it failed) is
    only settled by it.
    """
    orders.lock(db, payment.order_id)
    bought, owed = _bought(db, payment.id), still_owed.of_payment(db, payment.id)
    cents = answer.amount_cents - min(answer.amount_cents, owed.cents)
    lines = _lines(db, payment, bought)
    known = lines[0] if len(lines) == 1 else None
    failed = [line for line in owed.by_line if owed.of(line)]
    line = failed[0] if not cents and len(failed) == 1 else known.id if known is not None else None
    refund_id = _insert(db, payment, answer, line)
    if refund_id is None:
        return
    left = sum(source.cents for source in bought)
    if not cents or known is not None or cents >= left or len(bought) == 1:
        first = _account(db, known) if known is not None else None
        _book(db, refund_id, payment, _portions(bought, min(cents, left), first), ledger.OWED)
    else:
        suspended = [_Bought(ledger.SUSPENSE, None, cents)]
        _book(db, refund_id, payment, suspended, ledger.OWED)
        names = {"order_id": payment.order_id, "payment_id": payment.id}
        cases.open_case(db, f"refund:{refund_id}:line", KIND, **names, refund=refund_id, cents=cents)
    audit.record(db, audit.STRIPE, "refund_adopted", "refund", refund_id, cents=answer.amount_cents)
    refunds.record(db, refund_id, answer, audit.STRIPE)
    superseded.close_cases(db, payment.id)


def adopt_news(db: Session, payment: Payment, answer: ProviderRefund) -> bool:
    """Adopt what a message says of a refund; False when it, or what we know of another, is out of date.

    Stripe never sends back more than was paid: if both were so, one has been turned back since. Which one, later news tells, or
    the comparison, which asks how each stands now.
    """
    orders.lock(db, payment.order_id)
    there = (Refund.payment_id == payment.id, *refunds.AT_STRIPE)
    others = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(*there)
    failed = refunds.STATUSES.get(answer.status) is RefundStatus.FAILED
    if not failed and int(db.execute(others).scalar_one()) + answer.amount_cents > payment.captured_cents:
        return False
    adopt(db, payment, answer)
    return True


@retried
def take(answer: ProviderRefund) -> bool:
    """Bring us in line with a refund at Stripe: its state here, or a row of ours when it was made elsewhere; True if news."""
    with transaction() as db:
        known = or_(Refund.provider_ref == answer.id, Refund.idempotency_key == (answer.refund_key or ""))
        row = db.execute(select(Refund.id, Refund.status).where(known)).first()
        if row is not None:
            refunds.record(db, row.id, answer, audit.WORKER)
            return bool(db.execute(select(Refund.status).where(Refund.id == row.id)).scalar_one() is not row.status)
        payment = db.execute(
            select(Payment).where(Payment.payment_intent_id == (answer.payment_intent_id or ""))
        ).scalar_one_or_none()
        if payment is None:
            return False
        adopt(db, payment, answer)
        return True


def catch_up(payment_id: int) -> None:
    """Take on what has gone back of a payment at Stripe without our having heard of it. Raises RefundsUnknown."""
    found = select(Payment.payment_intent_id).where(Payment.id == payment_id)
    intent = flask_db.session.execute(found).scalar_one_or_none()
    end_read()
    try:
        there = gateway().refunds_of(intent) if intent is not None else ()
    except GatewayError as error:
        raise RefundsUnknown from error
    for answer in reversed(there):
        take(answer)


@retried
def attribute(case_id: int, order_item_id: int, actor: str, note: str = "") -> None:
    """Say for which line the money went back; what is more than was paid for that line is taken from the others.

    Raises InvalidInput when the case is closed already or about something else, or the line is not one of its order.
    """
    with transaction() as db:
        decided = cases.settle(db, case_id, "attributed", actor, note)
        if decided.kind != KIND:
            raise InvalidInput(None, words("There is no refund to assign in this case."))
        payment = db.execute(select(Payment).where(Payment.id == decided.payment_id)).scalar_one()
        orders.lock(db, payment.order_id)
        refund = db.execute(select(Refund).where(Refund.id == decided.detail["refund"]).with_for_update()).scalar_one()
        item = db.execute(
            select(OrderItem).where(OrderItem.id == order_item_id, OrderItem.order_id == payment.order_id)
        ).scalar_one_or_none()
        if item is None:
            raise InvalidInput("line", words("Choose what the money went back for."))
        portions = _portions(_bought(db, payment.id), int(decided.detail["cents"]), _account(db, item))
        _book(db, refund.id, payment, portions, ledger.SUSPENSE)
        db.execute(update(Refund).where(Refund.id == refund.id).values(order_item_id=item.id))
        audit.record(db, actor, "refund_attributed", "refund", refund.id, line=item.description, cents=refund.amount_cents)
        db.refresh(refund)
        refund_marks.mark(db, refund, actor)


def _bought(db: Session, payment_id: int) -> list[_Bought]:
    """The accounts that still hold money of this payment. What bought nothing is in suspense or owed."""
    entries = db.execute(select(LedgerEntry).where(LedgerEntry.payment_id == payment_id).order_by(LedgerEntry.id)).scalars()
    left: dict[tuple[str, int | None], int] = {}
    for entry in entries:
        for account, cents in ((entry.credit_account, entry.amount_cents), (entry.debit_account, -entry.amount_cents)):
            if account == ledger.SUSPENSE or account.startswith(ledger.revenue("")):
                place = (account, entry.club_session_id)
                left[place] = left.get(place, 0) + cents
    return [_Bought(*place, cents) for place, cents in left.items() if cents > 0]


def _lines(db: Session, payment: Payment, bought: Sequence[_Bought]) -> list[OrderItem]:
    """The lines that this payment bought and that have not gone back whole."""
    accounts = {source.account for source in bought}
    back = (
        select(func.coalesce(func.sum(Refund.amount_cents), 0))
        .where(Refund.order_item_id == OrderItem.id, Refund.status != RefundStatus.FAILED)
        .scalar_subquery()
    )
    price = OrderItem.unit_amount_cents * OrderItem.quantity
    found = select(OrderItem).where(OrderItem.order_id == payment.order_id, price > back).order_by(OrderItem.id)
    return [item for item in db.execute(found).scalars() if ledger.revenue(item.kind) in accounts]


def _account(db: Session, item: OrderItem) -> tuple[str, int | None]:
    return ledger.revenue(item.kind), items.handler(item.kind).club_session_id(db, item)


def _portions(bought: Sequence[_Bought], cents: int, first: tuple[str, int | None] | None) -> list[_Bought]:
    """Where ``cents`` come from: the account of the line it is for before the others."""
    ordered = sorted(bought, key=lambda source: (source.account, source.club_session_id) != first)
    portions = []
    for source in ordered:
        part = min(source.cents, cents)
        portions.append(_Bought(source.account, source.club_session_id, part))
        cents -= part
    return portions


def _book(db: Session, refund_id: int, payment: Payment, portions: Sequence[_Bought], credit: str) -> None:
    """Move the portions out of their accounts into ``credit``, once for each refund and account."""
    step = "owed" if credit == ledger.OWED else "line"
    for number, portion in enumerate(portions):
        key = f"refund:{refund_id}:{step}" if number == 0 else f"refund:{refund_id}:{step}:{number}"
        ledger.book(
            db, key, portion.account, credit, portion.cents, payment.currency, payment_id=payment.id, refund_id=refund_id,
            club_session_id=portion.club_session_id,
        )  # fmt: skip


def _insert(db: Session, payment: Payment, answer: ProviderRefund, line: int | None) -> int | None:
    """The row of ours; None when it was adopted before."""
    values = {
        "payment_id": payment.id,
        "order_item_id": line,
        "amount_cents": answer.amount_cents,
        "reason": "made_at_stripe",
        "idempotency_key": f"adopted-{answer.id}",
        "actor": audit.STRIPE,
        "provider_ref": answer.id,
    }
    if not insert_once(db, Refund, Refund.provider_ref, created_at=clock.now(), **values):
        return None
    return int(db.execute(select(Refund.id).where(Refund.provider_ref == answer.id)).scalar_one())

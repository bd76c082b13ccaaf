"""A cardholder's bank takes money back: the books follow and staff are told. Called by the inbox and by reconciling."""

from __future__ import annotations

from sqlalchemy import bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from ..integrations.payments import Dispute
from ..models import Case, LedgerEntry, Order, OrderItem, Payment, Registration
from ..rules.statuses import ENDED as ENDED_BOOKINGS
from . import audit, cases, ledger, paying_back

ENDED = ("won", "lost")


def record(db: Session, dispute: Dispute, actor: str) -> None:
    """Book what the dispute holds back, or what comes back when it is won; open a case when it opens and when it is lost, and
    when it is won after something was given up for which nothing could go back.

    Stripe tells the same several times over, in any order, and a bank's question that becomes a dispute keeps its id: only what
    is new does anything.
    """
    if dispute.payment_intent_id is None:
        return
    payment = db.execute(select(Payment).where(Payment.payment_intent_id == dispute.payment_intent_id)).scalar_one_or_none()
    if payment is None or dispute.status.startswith("warning_"):  # a bank's question: no money has moved
        return
    db.execute(select(Order.id).where(Order.id == payment.order_id).with_for_update())  # two of its messages take turns
    if dispute.status not in ENDED and _decided(db, dispute.id):  # told late: the end was known before the beginning
        return
    key, cents, currency = f"dispute:{dispute.id}", dispute.amount_cents, dispute.currency
    news = ledger.book(db, f"{key}:held", ledger.DISPUTES, ledger.CLEARING, cents, currency, payment_id=payment.id)
    if dispute.status == "won":
        back = ledger.book(db, f"{key}:won", ledger.CLEARING, ledger.DISPUTES, cents, currency, payment_id=payment.id)
        news |= back
        cases.close_by_key(db, key, "won")
        if back and _gave_nothing_back(db, payment, f"{key}:held"):
            cases.open_case(
                db, f"{key}:won", "dispute_won", order_id=payment.order_id, payment_id=payment.id, dispute=dispute.id, cents=cents
            )
    elif dispute.status == "lost":
        cases.close_by_key(db, key, "lost")
    kinds = {"won": None, "lost": "dispute_lost"}
    if kind := kinds.get(dispute.status, "dispute_opened"):
        name = key if kind == "dispute_opened" else f"{key}:lost"
        it = {"order_id": payment.order_id, "payment_id": payment.id}
        news |= cases.open_case(db, name, kind, **it, dispute=dispute.id, cents=cents)
    if not news:
        return
    db.execute(_HELD, {"payment_id": payment.id})
    audit.record(db, actor, f"dispute_{dispute.status}", "order", payment.order_id, payment=payment.id, cents=cents)


def _gave_nothing_back(db: Session, payment: Payment, held_key: str) -> bool:
    """Whether a booking of its order was given up, or made cheaper, while the bank held the money: nothing could go back then."""
    since = select(LedgerEntry.created_at).where(LedgerEntry.entry_key == held_key).scalar_subquery()
    ours = select(OrderItem.registration_id).where(OrderItem.order_id == payment.order_id)
    changed = select(Registration).where(Registration.id.in_(ours), Registration.updated_at >= since)
    return any(
        paying_back.kept_cents(db, booking) > (0 if booking.status in ENDED_BOOKINGS else booking.price_cents)
        for booking in db.execute(changed).scalars().all()
    )


_L = LedgerEntry
_SIGNED = case((_L.debit_account == ledger.DISPUTES, _L.amount_cents), else_=-_L.amount_cents)
_ITS = (_L.payment_id == bindparam("payment_id"), or_(_L.debit_account == ledger.DISPUTES, _L.credit_account == ledger.DISPUTES))
_HELD = (
    update(Payment)
    .where(Payment.id == bindparam("payment_id"))
    .values(disputed_cents=select(func.coalesce(func.sum(_SIGNED), 0)).where(*_ITS).scalar_subquery())
    .execution_options(synchronize_session=False)
)
"""What the books say that banks hold of a payment, whatever order the news of its disputes came in."""


def _decided(db: Session, dispute_id: str) -> bool:
    """Whether the dispute was won or lost before."""
    won = select(LedgerEntry.id).where(LedgerEntry.entry_key == f"dispute:{dispute_id}:won")
    lost = select(Case.id).where(Case.dedupe_key == f"dispute:{dispute_id}:lost")
    return db.execute(won).first() is not None or db.execute(lost).first() is not None

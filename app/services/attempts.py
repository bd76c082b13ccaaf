"""Finds the attempt to pay that a Checkout is about and locks it, its order first. Called by whatever brings Stripe's word.

One statement says all that deciding about the money needs to know, and it is built once.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, bindparam, exists, select
from sqlalchemy.orm import Session, aliased, load_only

from ..integrations.payments import Checkout
from ..models import BasketItem, Order, Payment, VoucherUse


@dataclass(frozen=True, slots=True)
class Attempt:
    """An order and one payment of it, as they are under their locks, and what hangs on the order."""

    order: Order
    payment: Payment
    pays_another: bool
    """This very money already pays another attempt: one PaymentIntent pays once. The unique key of it has the last word."""
    uses_code: bool
    """Written with the order and never afterwards, so no lock is needed to know it."""
    in_basket: bool
    """The same: only what was in a basket when it was checked out."""


def find(db: Session, checkout: Checkout) -> Attempt | None:
    """The attempt that this Checkout pays: by its id, or the one of the order it names whose answer from Stripe was lost."""
    found = _one(db, _OF_CHECKOUT, checkout, of=checkout.id)
    if found is not None or not checkout.ours or not checkout.order_reference:
        return found
    lost = (
        select(Payment.id)
        .join(Order, Order.id == Payment.order_id)
        .where(Order.reference == checkout.order_reference, Payment.checkout_id.is_(None), Payment.provider == "stripe")
        .order_by(Payment.id.desc())
        .limit(1)
    )
    payment_id = db.execute(lost).scalar_one_or_none()
    return None if payment_id is None else of_payment(db, payment_id, checkout)


def of_payment(db: Session, payment_id: int, checkout: Checkout) -> Attempt:
    """The attempt of this id, about which Stripe says what ``checkout`` says."""
    found = _one(db, _OF_PAYMENT, checkout, of=payment_id)
    if found is None:
        raise AssertionError(f"payment {payment_id} is gone")
    return found


def _one(db: Session, statement: Select[Order, Payment, bool, bool, bool], checkout: Checkout, of: str | int) -> Attempt | None:
    row = db.execute(statement, {"of": of, "intent": checkout.payment_intent_id}).first()
    return Attempt(*row) if row is not None else None


_DECIDES = (
    Payment.order_id, Payment.checkout_id, Payment.payment_intent_id, Payment.takes_promotions, Payment.amount_cents,
    Payment.currency, Payment.status,
)  # fmt: skip
"""The rest of a payment, its parameters above all, is read when somebody asks for it."""


def _locked(which: ColumnElement[bool]) -> Select[Order, Payment, bool, bool, bool]:
    """SQL that locks the order and then the payment; whoever moves either has the order's lock."""
    other = aliased(Payment)
    elsewhere = exists().where(other.payment_intent_id == bindparam("intent"), other.id != Payment.id)
    used = exists().where(VoucherUse.order_id == Order.id)
    gathered = exists().where(BasketItem.order_id == Order.id)
    statement = select(Order, Payment, elsewhere, used, gathered).join_from(Order, Payment, Payment.order_id == Order.id)
    statement = statement.options(load_only(*_DECIDES)).where(which)
    return statement.with_for_update(of=[Order, Payment]).execution_options(populate_existing=True)


_OF_CHECKOUT = _locked(Payment.checkout_id == bindparam("of"))
_OF_PAYMENT = _locked(Payment.id == bindparam("of"))

"""The return from Stripe: looks at Stripe's own record and fulfils what it says is paid. Called by the success page (a GET)."""

from __future__ import annotations

import re

from sqlalchemy import select

from ..extensions import db as flask_db
from ..integrations import gateway
from ..integrations.payments import Checkout, GatewayError, GatewayMissing
from ..models import Order, Payment
from ..rules.refusals import CheckoutAlreadyUsed, CheckoutOfAnotherOrder, CheckoutUnknown, NotPaidYet, StripeAway
from ..rules.statuses import PaymentStatus
from ..transaction import retried, transaction
from . import attempts, audit, fulfilment

CHECKOUT_ID = re.compile(r"cs_[A-Za-z0-9_]{1,200}")


def confirm(order_token: str, checkout_id: str) -> None:
    """Return when the order page can tell the truth about this Checkout.

    Raises CheckoutUnknown (400), NotPaidYet (402), CheckoutOfAnotherOrder (403), CheckoutAlreadyUsed (409), StripeAway (503).
    The id in the address is no proof of anything: only what Stripe says of it counts (promise 5).
    """
    order_id = flask_db.session.execute(select(Order.id).where(Order.token == order_token)).scalar_one()
    if not CHECKOUT_ID.fullmatch(checkout_id):
        raise CheckoutUnknown
    ours = flask_db.session.execute(
        select(Payment.order_id, Payment.status).where(Payment.checkout_id == checkout_id)
    ).first()
    if ours is not None and ours.order_id != order_id:
        raise CheckoutOfAnotherOrder
    if ours is not None and ours.status is PaymentStatus.SUCCEEDED:
        return
    try:
        checkout = gateway().retrieve_checkout(checkout_id)
    except GatewayMissing as error:
        raise CheckoutUnknown from error
    except GatewayError as error:
        raise StripeAway from error
    _apply(order_id, checkout)


@retried
def _apply(order_id: int, checkout: Checkout) -> None:
    with transaction() as db:
        attempt = attempts.find(db, checkout)
        if attempt is None or attempt.order.id != order_id:
            raise CheckoutOfAnotherOrder
        if attempt.pays_another:
            raise CheckoutAlreadyUsed
        if not checkout.paid:
            raise NotPaidYet
        fulfilment.apply(db, attempt, checkout, audit.STRIPE)

"""Books each cent twice, in the transaction that moves it. Called by fulfilment and refunds; nothing is ever changed or deleted.

Accounts: ``stripe:clearing`` (what Stripe holds for us), ``cash:desk`` and ``bank:account`` (taken by hand, without Stripe),
``revenue:<kind>``, ``owed:refunds`` (to be given back), ``suspense`` (money that fits no order, a case is open), ``fees:stripe``,
``disputes``, ``moved:bookings`` (on its way from one session to another; always zero afterwards).
"""

from __future__ import annotations

from sqlalchemy.orm import Session

from ..models import LedgerEntry
from .writes import insert_once

CLEARING = "stripe:clearing"
CASH = "cash:desk"
BANK = "bank:account"
OWED = "owed:refunds"
SUSPENSE = "suspense"
FEES = "fees:stripe"
DISPUTES = "disputes"
MOVED = "moved:bookings"
HELD_AT = {"stripe": CLEARING, "cash": CASH, "bank": BANK}
"""Where the money of a payment lies, by the payment's ``provider``."""


def revenue(kind: str) -> str:
    """The revenue account of an item kind."""
    return f"revenue:{kind}"


def book(
    db: Session,
    key: str,
    debit: str,
    credit: str,
    cents: int,
    currency: str,
    *,
    payment_id: int | None = None,
    refund_id: int | None = None,
    club_session_id: int | None = None,
) -> bool:
    """Move ``cents`` from ``credit`` to ``debit`` once; False when this ``key`` was booked before. 0 is not booked."""
    if cents == 0:
        return False
    return insert_once(
        db,
        LedgerEntry,
        LedgerEntry.entry_key,
        entry_key=key,
        debit_account=debit,
        credit_account=credit,
        amount_cents=cents,
        currency=currency,
        payment_id=payment_id,
        refund_id=refund_id,
        club_session_id=club_session_id,
    )

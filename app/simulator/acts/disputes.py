"""Opens and closes disputes and books what they move.

Called by the card 4000…0259, by the clock's neighbours in `acts.payments` and by the control.
"""
from __future__ import annotations

from typing import Literal

from ..core import Core
from ..errors import refused
from ..objects.balance import build_balance_transaction
from ..objects.dispute import build_dispute
from ..store import Record

Verdict = Literal["won", "lost"]


def open_dispute(core: Core, charge: Record, reason: str = "fraudulent") -> Record:
    """The payer's bank takes the unrefunded rest back, and Stripe its fee."""
    if not charge.object["paid"] or charge.object["refunded"]:
        raise refused("Only a paid charge that was not fully refunded can be disputed.")
    if charge.private.get("dispute"):
        raise refused("This charge was disputed before.", None, "charge_disputed")
    dispute = core.store.add("dispute", build_dispute(charge.object, reason, core.clock.now()))
    charge.object["disputed"] = True
    charge.private["dispute"] = dispute.id
    core.store.save(charge)
    core.emit("charge.dispute.created", dispute)
    _book(core, dispute, -dispute.object["amount"], core.settings.dispute_fee, "dispute")
    core.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def close_dispute(core: Core, dispute: Record, verdict: Verdict) -> Record:
    """Won: the money comes back, the fee does not. Lost: it stays gone. Decided once."""
    if dispute.object["status"] in ("won", "lost"):
        raise refused(f"This dispute is already {dispute.object['status']}.")
    dispute.object["status"] = verdict
    if verdict == "won":
        _book(core, dispute, dispute.object["amount"], 0, "dispute_reversal")
        core.emit("charge.dispute.funds_reinstated", dispute)
    core.store.save(dispute)
    core.emit("charge.dispute.closed", dispute)
    return dispute


def _book(core: Core, dispute: Record, amount: int, fee: int, category: str) -> None:
    transaction = build_balance_transaction(
        amount=amount, currency=dispute.object["currency"], source=dispute.id, kind="adjustment", category=category,
        now=core.clock.now(), fee=fee, fee_says="Dispute fee", description=f"Chargeback {category.replace('_', ' ')}",
    )  # fmt: skip
    core.store.add("balance_transaction", transaction)
    dispute.object["balance_transactions"].append(transaction)
    core.store.save(dispute)

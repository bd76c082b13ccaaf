"""Makes refunds, and lets them succeed, fail or be cancelled later.

Called by `api.refunds`, by the clock (cards 7726 and 5126) and by the control ("the dashboard").
"""
from __future__ import annotations

from ..core import NOBODY, Cause, Core
from ..errors import invalid, no_such, refused
from ..money import check_step, format_amount
from ..objects.balance import build_balance_transaction
from ..objects.refund import build_refund
from ..store import Json, Record
from .sessions import merge_metadata


def create(core: Core, params: Json, cause: Cause) -> Record:
    """Give money back on one charge, or Stripe's 400."""
    charge = _charge(core, params)
    left = charge.object["amount"] - charge.object["amount_refunded"]
    amount = params.get("amount", left)
    _check(core, charge, amount, left)
    turn = charge.private.get("turn", "none")
    status = "pending" if core.refunds_stay_pending or turn == "refund_pending" else "succeeded"
    built = build_refund(charge.object, amount, params, status, core.clock.now())
    refund = core.store.add("refund", built, {"turn": turn})
    _book(core, refund, -amount, "refund", "balance_transaction")
    _move(core, charge, amount)
    if turn in ("refund_pending", "refund_fails"):
        core.schedule(core.clock.now() + core.settings.refund_turn_seconds, refund)
    core.emit("refund.created", refund, cause)
    core.emit("charge.refunded", charge, cause)
    return refund


def _charge(core: Core, params: Json) -> Record:
    if ("payment_intent" in params) == ("charge" in params):
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    if "charge" in params:
        charge = core.store.get("charge", params["charge"])
        if charge is None:
            raise no_such("charge", params["charge"], "charge")
        return charge
    intent = core.store.get("payment_intent", params["payment_intent"])
    if intent is None:
        raise no_such("payment_intent", params["payment_intent"], "payment_intent")
    charge = core.store.get("charge", intent.object["latest_charge"])
    if charge is None or intent.object["status"] != "succeeded":
        raise refused(
            "This PaymentIntent does not have a successful charge to refund.", "payment_intent",
            "payment_intent_unexpected_state",
        )  # fmt: skip
    return charge


def _check(core: Core, charge: Record, amount: int, left: int) -> None:
    if not charge.object["paid"]:
        raise refused(f"Charge {charge.id} has not been paid and cannot be refunded.", "charge")
    if left == 0:
        raise refused(f"Charge {charge.id} has already been refunded.", None, "charge_already_refunded")
    dispute = core.store.get("dispute", charge.private.get("dispute"))
    if dispute is not None and dispute.object["status"] != "won":
        raise refused(f"Charge {charge.id} has been charged back; cannot issue a refund.", None, "charge_disputed")
    currency = charge.object["currency"]
    check_step(amount, currency, "amount")
    if amount > left:
        said = f"({format_amount(amount, currency)}) is greater than unrefunded amount on charge"
        raise refused(f"Refund amount {said} ({format_amount(left, currency)})", "amount")


def update(core: Core, refund: Record, params: Json, cause: Cause) -> Record:
    """Only metadata can be changed."""
    before = dict(refund.object["metadata"])
    merge_metadata(refund.object, params)
    core.store.save(refund)
    if before != refund.object["metadata"]:
        core.emit("refund.updated", refund, cause, {"metadata": before})
    return refund


def cancel(core: Core, refund: Record, cause: Cause) -> Record:
    """Only a refund that is still on its way can be called back."""
    if refund.object["status"] not in ("pending", "requires_action"):
        raise refused(f"Refund {refund.id} has a status of {refund.object['status']} and cannot be canceled.")
    _undo(core, refund, "canceled", cause)
    return refund


def succeed(core: Core, refund: Record) -> Record:
    """A pending refund arrives."""
    if refund.object["status"] != "pending":
        raise refused(f"Refund {refund.id} is not pending but {refund.object['status']}.")
    refund.object["status"] = "succeeded"
    reason = refund.object.pop("pending_reason", None)
    core.store.save(refund)
    core.emit("refund.updated", refund, NOBODY, {"status": "pending", "pending_reason": reason})
    return refund


def fail(core: Core, refund: Record, reason: str = "expired_or_canceled_card") -> Record:
    """The payer's bank sends a refund back, pending or already succeeded; the money is the account's again."""
    if refund.object["status"] not in ("pending", "succeeded"):
        raise refused(f"Refund {refund.id} is {refund.object['status']} and cannot fail any more.")
    refund.object["failure_reason"] = reason
    _undo(core, refund, "failed", NOBODY)
    core.emit("refund.failed", refund)
    return refund


def turn(core: Core, refund: Record) -> None:
    """Called by the clock: what the test card promised now happens, unless the control was quicker."""
    if refund.private["turn"] == "refund_pending" and refund.object["status"] == "pending":
        succeed(core, refund)
    elif refund.private["turn"] == "refund_fails" and refund.object["status"] == "succeeded":
        fail(core, refund)


def _undo(core: Core, refund: Record, status: str, cause: Cause) -> None:
    before = refund.object["status"]
    refund.object["status"] = status
    refund.object.pop("pending_reason", None)
    _book(core, refund, refund.object["amount"], "refund_failure", "failure_balance_transaction")
    _move(core, core.store.need("charge", refund.object["charge"]), -refund.object["amount"])
    core.emit("refund.updated", refund, cause, {"status": before})


def _move(core: Core, charge: Record, amount: int) -> None:
    charge.object["amount_refunded"] += amount
    charge.object["refunded"] = charge.object["amount_refunded"] == charge.object["amount"]
    core.store.save(charge)


def _book(core: Core, refund: Record, amount: int, kind: str, field: str) -> None:
    transaction = build_balance_transaction(
        amount=amount, currency=refund.object["currency"], source=refund.id, kind=kind, category=kind,
        now=core.clock.now(),
    )  # fmt: skip
    core.store.add("balance_transaction", transaction)
    refund.object[field] = transaction["id"]
    core.store.save(refund)

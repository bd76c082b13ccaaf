"""Pays sessions: by card, through 3-D Secure, by a transfer that arrives later, or with nothing to pay.

Called by the payment page and by the control, which may also settle the late transfers.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..cards import AUTHENTICATION_FAILED, TRANSFER_FAILED, Card, Decline
from ..core import NOBODY, Cause, Core
from ..money import processing_fee
from ..objects.balance import build_balance_transaction
from ..objects.charge import build_charge, card_details
from ..objects.payment_intent import build_payment_intent, build_payment_method, payment_error
from ..objects.session import customer_details
from ..store import Json, Record
from . import disputes, promotions

Outcome = Literal["paid", "processing", "no_payment_required", "declined", "requires_action", "not_open"]


@dataclass(frozen=True)
class Payer:
    """Who sits at the payment page."""

    email: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class Attempt:
    """How one try to pay ended, with the words shown to the payer and the id of the completion event, if any."""

    outcome: Outcome
    message: str = ""
    event_id: str | None = None


def pay(core: Core, session: Record, card: Card | None, payer: Payer, cause: Cause = NOBODY) -> Attempt:
    """Try to pay an open session; `card=None` chooses the transfer. A session is completed at most once."""
    if session.object["status"] != "open":
        return Attempt("not_open")
    payer = Payer(session.object["customer_email"] or payer.email, payer.name)
    if session.object["amount_total"] == 0:
        return Attempt("no_payment_required", event_id=_complete(core, session, payer, "no_payment_required", cause))
    intent = _intent(core, session, cause)
    if card is None:
        return _transfer(core, session, intent, payer, cause)
    if card.authenticate:
        return _ask_authentication(core, session, intent, card, payer, cause)
    if card.decline:
        return _decline(core, session, intent, card, payer, card.decline, cause)
    return _succeed(core, session, intent, card, payer, cause)


def authenticate(core: Core, session: Record, card: Card | None, success: bool, cause: Cause = NOBODY) -> Attempt:
    """The payer's answer to 3-D Secure. The session may have ended while the bank's page was open."""
    pending = session.private["pending"]
    if session.object["status"] != "open" or not pending or card is None:
        return Attempt("not_open")
    session.private["pending"] = None
    core.store.save(session)
    intent = core.store.need("payment_intent", session.object["payment_intent"])
    intent.object["next_action"] = None
    payer = Payer(pending["email"], pending["name"])
    if success:
        return _succeed(core, session, intent, card, payer, cause)
    return _decline(core, session, intent, card, payer, AUTHENTICATION_FAILED, cause)


def _intent(core: Core, session: Record, cause: Cause) -> Record:
    intent = core.store.get("payment_intent", session.object["payment_intent"])
    if intent is None:
        data = session.private["payment_intent_data"]
        intent = core.store.add("payment_intent", build_payment_intent(session.object, data, core.clock.now()))
        session.object["payment_intent"] = intent.id
        core.store.save(session)
        core.emit("payment_intent.created", intent, cause)
    # A promotion code entered after a declined card changes what is to be paid.
    intent.object["amount"] = session.object["amount_total"]
    intent.object["next_action"] = None
    session.private["pending"] = None
    return intent


def _method(core: Core, card: Card | None, payer: Payer, amount: int) -> Json:
    details = card_details(card, amount) if card else None
    return build_payment_method(
        "card" if card else "customer_balance", details, payer.email, payer.name, core.clock.now()
    )


def _transfer(core: Core, session: Record, intent: Record, payer: Payer, cause: Cause) -> Attempt:
    method = _method(core, None, payer, intent.object["amount"])
    intent.object.update(status="processing", payment_method=method["id"], last_payment_error=None)
    intent.private["payer"] = {"email": payer.email, "name": payer.name}
    core.store.save(intent)
    core.emit("payment_intent.processing", intent, cause)
    return Attempt("processing", event_id=_complete(core, session, payer, "unpaid", cause))


def _ask_authentication(
    core: Core, session: Record, intent: Record, card: Card, payer: Payer, cause: Cause
) -> Attempt:
    session.private["pending"] = {"card": card.number, "email": payer.email, "name": payer.name}
    core.store.save(session)
    intent.object.update(
        status="requires_action",
        payment_method=_method(core, card, payer, intent.object["amount"])["id"],
        next_action={"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
    )
    core.store.save(intent)
    core.emit("payment_intent.requires_action", intent, cause)
    return Attempt("requires_action")


def _decline(
    core: Core, session: Record, intent: Record, card: Card, payer: Payer, decline: Decline, cause: Cause
) -> Attempt:
    """The session stays open; the payer may try another card."""
    method = _method(core, card, payer, intent.object["amount"])
    intent.object["payment_method"] = method["id"]
    charge = None
    if decline is not AUTHENTICATION_FAILED:  # no bank was asked for money, so there is no charge
        built = build_charge(intent.object, card, payer.email, payer.name, core.clock.now(), decline)
        charge = core.store.add("charge", built)
        intent.object["latest_charge"] = charge.id
        core.emit("charge.failed", charge, cause)
    error = payment_error(decline, charge.id if charge else None, method)
    intent.object.update(status="requires_payment_method", payment_method=None, last_payment_error=error)
    core.store.save(intent)
    core.emit("payment_intent.payment_failed", intent, cause)
    return Attempt("declined", decline.message)


def _succeed(core: Core, session: Record, intent: Record, card: Card, payer: Payer, cause: Cause) -> Attempt:
    intent.object["payment_method"] = _method(core, card, payer, intent.object["amount"])["id"]
    charge = _receive(core, intent, card, payer, cause)
    event_id = _complete(core, session, payer, "paid", cause)
    if card.turn == "disputed":
        disputes.open_dispute(core, charge, "fraudulent")
    return Attempt("paid", event_id=event_id)


def _receive(core: Core, intent: Record, card: Card | None, payer: Payer, cause: Cause) -> Record:
    """The money comes in: a charge, its line in the books, a succeeded intent."""
    now, settings = core.clock.now(), core.settings
    built = build_charge(intent.object, card, payer.email, payer.name, now, None)
    fee = processing_fee(built["amount"], settings.fee_per_mille, settings.fee_fixed)
    transaction = build_balance_transaction(
        amount=built["amount"], currency=built["currency"], source=built["id"], kind="charge" if card else "payment",
        category="charge", now=now, fee=fee, fee_says="Stripe processing fees", description=built["description"],
    )  # fmt: skip
    core.store.add("balance_transaction", transaction)
    built["balance_transaction"] = transaction["id"]
    charge = core.store.add("charge", built, {"turn": card.turn if card else "none", "dispute": None})
    intent.object.update(
        status="succeeded", amount_received=built["amount"], latest_charge=charge.id, last_payment_error=None
    )
    core.store.save(intent)
    core.emit("charge.succeeded", charge, cause)
    core.emit("payment_intent.succeeded", intent, cause)
    return charge


def _complete(core: Core, session: Record, payer: Payer, payment_status: str, cause: Cause) -> str:
    promotions.redeem(core, session)
    session.object.update(
        status="complete",
        payment_status=payment_status,
        url=None,
        customer_details=customer_details(payer.email, payer.name),
    )
    session.private["pending"] = None
    core.store.save(session)
    return core.emit("checkout.session.completed", session, cause).id


def settle(core: Core, session: Record, success: bool) -> Attempt:
    """The late transfer arrives, or is known never to. Only sessions that wait for one can be settled."""
    intent = core.store.get("payment_intent", session.object["payment_intent"])
    if intent is None or intent.object["status"] != "processing":
        return Attempt("not_open")
    payer = Payer(**intent.private["payer"])
    if success:
        _receive(core, intent, None, payer, NOBODY)
        session.object["payment_status"] = "paid"
        core.store.save(session)
        return Attempt("paid", event_id=core.emit("checkout.session.async_payment_succeeded", session).id)
    error = payment_error(TRANSFER_FAILED, None, _method(core, None, payer, intent.object["amount"]))
    intent.object.update(status="requires_payment_method", payment_method=None, last_payment_error=error)
    core.store.save(intent)
    core.emit("payment_intent.payment_failed", intent)
    event = core.emit("checkout.session.async_payment_failed", session)
    return Attempt("declined", TRANSFER_FAILED.message, event.id)
